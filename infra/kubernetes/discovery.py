"""Which kinds an API server has and where: asked once per group and version, then remembered."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from infra.kubernetes.client import Api


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API serves it."""

    #: `/api/v1` or `/apis/GROUP/VERSION`.
    prefix: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str | None) -> str:
        if self.namespaced and namespace:
            return f"{self.prefix}/namespaces/{namespace}/{self.plural}"
        return f"{self.prefix}/{self.plural}"

    def path(self, namespace: str | None, name: str) -> str:
        return f"{self.collection(namespace)}/{name}"


class Discovery:
    """Remembers what it was told; asks again only for a kind that it does not know."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, dict[str, Kind]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def find(self, api_version: str, kind: str, *, patience: float | None = None) -> Kind | None:
        """None if the server does not have it (yet: a CustomResourceDefinition may bring it).

        Raises:
            KubernetesUnreachable, KubernetesRefused
        """
        known = self._known.get(api_version, {})
        if kind in known:
            return known[kind]
        with self._guard:
            lock = self._locks.setdefault(api_version, threading.Lock())
        # Many resources of one group start at once: one asks, the others wait for its answer.
        with lock:
            now_known = self._known.get(api_version, {})
            return now_known.get(kind) or self._ask(api_version, patience).get(kind)

    def _ask(self, api_version: str, patience: float | None) -> dict[str, Kind]:
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        answer = self._api.request("GET", prefix, patience=patience)
        if answer.status == 404:
            return {}
        if not answer.ok:
            raise answer.refused(f"the kinds of {api_version}")
        kinds = {
            entry["kind"]: Kind(prefix, entry["name"], entry["namespaced"])
            for entry in answer.body.get("resources") or []
            if "/" not in entry["name"]  # a subresource, such as pods/log
        }
        self._known[api_version] = kinds
        return kinds
