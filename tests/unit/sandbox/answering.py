"""An API server of sandboxes that answers what a test says."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from infra.config import SandboxService
from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection
from infra.sandbox.client import SandboxClient
from infra.sandbox.resource import PATH

SERVICE = SandboxService.model_validate(
    {
        "requesters": {"users": ["alice"]},
        "approvers": {"users": ["alice", "bob"], "groups": ["leads"]},
        "security_officers": {"users": ["olga"]},
        "profiles": {"small": {}, "large": {}},
        "longest_life": "24h",
    }
)


def sandbox(name: str = "bias", status: dict[str, Any] | None = None, **spec: Any) -> Any:
    """As the API server shows it."""
    whole = {
        "purpose": "Measure the bias of model 7",
        "requester": "alice",
        "ttl": "8h",
        "approvals": [],
        "renewals": [],
    }
    return {
        "metadata": {"name": name, "uid": "u1", "resourceVersion": "7"},
        "spec": whole | spec,
        "status": status or {},
    }


def failure(
    code: int, message: str, *causes: tuple[str, str], name: str = "bias"
) -> httpx.Response:
    """The API's own Status."""
    details = {
        "name": name,
        "causes": [{"field": field, "message": text} for field, text in causes],
    }
    return httpx.Response(code, json={"kind": "Status", "message": message, "details": details})


class Server:
    """Notes what is asked; a change is answered by `changes`, the rest by what is there."""

    def __init__(self, *there: Any, me: str = "alice") -> None:
        self.there = {one["metadata"]["name"]: one for one in there}
        self.me = me
        self.asked: list[tuple[str, str, Any]] = []
        #: Events of the next watches, one list a watch.
        self.watches: list[list[dict[str, Any]]] = []
        self.changes: Callable[[httpx.Request], httpx.Response] = self._done

    def client(self, service: SandboxService | None = SERVICE) -> SandboxClient:
        connection = Connection("https://api.test", ssl.create_default_context(), None, "default")
        transport = httpx.MockTransport(self.handle)
        return SandboxClient(Api(connection, transport=transport, patience=0), service)

    def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else None
        if path.endswith("/selfsubjectreviews"):
            return httpx.Response(201, json={"status": {"userInfo": {"username": self.me}}})
        if request.method != "GET":
            self.asked.append((request.method, path, body))
            return self.changes(request)
        if request.url.params.get("watch"):
            events = self.watches.pop(0) if self.watches else []
            return httpx.Response(200, text="".join(json.dumps(one) + "\n" for one in events))
        if path == PATH:
            body = {"items": list(self.there.values()), "metadata": {"resourceVersion": "7"}}
            return httpx.Response(200, json=body)
        name = path.removeprefix(f"{PATH}/")
        if name in self.there:
            return httpx.Response(200, json=self.there[name])
        return failure(404, "not found", name=name)

    def _done(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            made = json.loads(request.content)
            return httpx.Response(201, json={**sandbox(), "spec": made["spec"]})
        return httpx.Response(200, json=next(iter(self.there.values())))
