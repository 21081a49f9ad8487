"""A small Kubernetes API in memory: discovery, apply, read, delete, watch; for unit tests."""

from __future__ import annotations

import copy
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection
from infra.offline.kubernetes.cluster import Cluster, Session
from infra.offline.kubernetes.settings import Settings
from infra.plugins import current

_RESOURCES: dict[str, list[dict[str, Any]]] = {
    "/api/v1": [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "namespaces/status", "kind": "Namespace", "namespaced": False},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "secrets", "kind": "Secret", "namespaced": True},
        {"name": "services", "kind": "Service", "namespaced": True},
        {"name": "pods", "kind": "Pod", "namespaced": True},
    ],
    "/apis/apps/v1": [{"name": "deployments", "kind": "Deployment", "namespaced": True}],
}


def merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return copy.deepcopy(new)


class FakeApi:
    """Objects by path. `answers` may take over a request by returning a response."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.resources = {path: list(entries) for path, entries in _RESOURCES.items()}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        #: Events of the next watches, one list a watch.
        self.watches: list[list[dict[str, Any]]] = []
        self.answers: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        self.defaults: dict[str, Any] = {}
        self.version = 0
        #: Deleted objects go at once; unless they are named here.
        self.held: set[str] = set()

    def session(self, *, patience: float = 0.5, namespace: str = "default") -> Session:
        connection = Connection(
            "https://api.test", ssl.create_default_context(), lambda: "t", namespace
        )
        transport = httpx.MockTransport(self.handle)
        api = Api(connection, caller=current, transport=transport, patience=patience)
        return Session(api, namespace)

    def cluster(self, settings: Settings | None = None) -> Cluster:
        fake = self

        class Fixed(Cluster):
            def __init__(self) -> None:
                super().__init__()
                self.settings = settings or Settings()
                self._fixed = fake.session()

            def session(self) -> Session:
                return self._fixed

        return Fixed()

    def count(self, method: str) -> int:
        return sum(1 for entry in self.requests if entry[0] == method)

    def handle(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, dict(request.url.params)
        self.requests.append((request.method, path, params))
        taken = self.answers(request)
        if taken is not None:
            return taken
        if path in self.resources:
            return httpx.Response(200, json={"resources": self.resources[path]})
        if params.get("watch"):
            events = self.watches.pop(0) if self.watches else []
            return httpx.Response(200, text="".join(json.dumps(e) + "\n" for e in events))
        methods = {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
        return methods[request.method](path, params, request)

    def _get(self, path: str, params: dict[str, str], request: httpx.Request) -> httpx.Response:
        if path in self.objects:
            return httpx.Response(200, json=self.objects[path])
        return status(404, "not found")

    def _patch(self, path: str, params: dict[str, str], request: httpx.Request) -> httpx.Response:
        manifest = json.loads(request.content)
        known = self.objects.get(path)
        self.version += 1
        made = merged(merged(self.defaults, known or {}), manifest)
        made["metadata"] = {
            **made["metadata"],
            "uid": (known or {}).get("metadata", {}).get("uid", f"uid-{self.version}"),
            "resourceVersion": str(self.version),
            "managedFields": [{"manager": params["fieldManager"], "operation": "Apply"}],
        }
        if "dryRun" not in params:
            self.objects[path] = made
        return httpx.Response(200 if known else 201, json=made)

    def _delete(self, path: str, params: dict[str, str], request: httpx.Request) -> httpx.Response:
        if path not in self.objects:
            return status(404, "not found")
        if path in self.held:
            return httpx.Response(200, json=self.objects[path])
        del self.objects[path]
        return httpx.Response(200, json={"kind": "Status", "status": "Success"})


def status(code: int, message: str, *causes: tuple[str, str]) -> httpx.Response:
    """The API's own Status."""
    details = {"causes": [{"field": field, "message": text} for field, text in causes]}
    return httpx.Response(code, json={"kind": "Status", "message": message, "details": details})
