"""One cluster as the provider's settings name it, reached when first needed."""

from __future__ import annotations

import threading
from pathlib import Path

from infra.kubernetes import kubeconfig
from infra.kubernetes.client import Api
from infra.kubernetes.discovery import Discovery
from infra.offline.kubernetes.settings import Settings
from infra.plugins import current

#: What the API server's logs call this provider.
AGENT = "ai-lab-offline-kubernetes"


class Session:
    """A connection and what was learnt over it."""

    def __init__(self, api: Api, default_namespace: str) -> None:
        self.api = api
        self.default_namespace = default_namespace
        self.discovery = Discovery(api)


class Cluster:
    """Late, because the same operation may first write the kubeconfig that it then uses."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._seen: object = None

    def configure(self, settings: Settings) -> None:
        with self._lock:
            self.settings, self._session = settings, None

    def session(self) -> Session:
        """Raises KubernetesUnreachable if there is no usable kubeconfig."""
        with self._lock:
            version = _version(self.settings)
            if self._session is None or version != self._seen:
                given = self.settings
                connection = kubeconfig.load(
                    given.kubeconfig, context=given.context, cluster=given.cluster
                )
                api = Api(connection, caller=current, agent=AGENT)
                namespace = given.namespace or connection.namespace
                self._session, self._seen = Session(api, namespace), version
            return self._session


def _version(settings: Settings) -> object:
    """Changes when the kubeconfig's file does: a cluster that was made anew has another one."""
    source = kubeconfig.source(settings.kubeconfig)
    if not isinstance(source, Path):
        return source
    return (source, source.stat().st_mtime_ns) if source.exists() else None
