"""An API server as a lab has it: kinds, roles, bindings and policies; and people with certificates
of their own.

Nobody impersonates anybody: what a request is allowed is what its sender is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra import config, naming, toolchain
from infra.cluster import manifests
from infra.cluster.manifests import labelled
from infra.config.lab import Lab
from infra.sandbox import service
from infra.sandbox.resource import API_VERSION, GROUP, KIND, PATH, PLURAL
from policies import cluster
from policies.admission import Settings
from tests.harness.api_server import ApiServer
from tests.harness.definitions import install, wait_until_enforced, wait_until_judged
from tests.live.support.api import Api, say
from tests.live.support.rights import given, right, wait_until_allowed

Manifest = dict[str, Any]
LABELS = {naming.LABEL_LAB: "test"}

#: Asks, and approves what others ask for.
ALICE = "alice@example.org"
#: Approve.
BOB, CAROL = "bob@example.org", "carol@example.org"
#: Asks, and has more rights than any role gives but those to approve and to suspend.
MALLORY = "mallory@example.org"
#: Security officer.
OLGA = "olga@example.org"
SERVICE: Manifest = {
    "requesters": {"users": [ALICE, MALLORY]},
    "approvers": {"users": [ALICE, BOB, CAROL]},
    "security_officers": {"users": [OLGA]},
    "profiles": {"small": {}, "large": {}},
    "longest_life": "24h",
}
#: Namespace of a sandbox of Alice's, with an account that an administrator trusts too much.
WORKSHOP = naming.sandbox_namespace(f"{naming.REQUESTED_PREFIX}workshop")
ROBOT = f"system:serviceaccount:{WORKSHOP}:robot"


class Person(Api):
    """One caller, and what only he can do with his connection."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(client)
        self.client = client

    def json_patch(self, path: str, *steps: Manifest, **query: str) -> httpx.Response:
        return self.client.patch(
            path,
            content=json.dumps(steps),
            params=query,
            headers={"Content-Type": "application/json-patch+json"},
        )

    def apply_as(self, path: str, body: Manifest, **query: str) -> httpx.Response:
        """A server-side apply that wins over other managers."""
        return self.client.patch(
            path,
            content=json.dumps(body),
            params={"fieldManager": "attack", "force": "true", **query},
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def remove(self, path: str, **query: str) -> httpx.Response:
        return self.client.delete(path, params=query)


@dataclass(frozen=True, slots=True)
class GuardedLab:
    """Everything around the people."""

    server: ApiServer
    api: Api
    lab: Lab
    people: dict[str, Person] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Person:
        return self.people[name]


def request(requester: str, name: str, **spec: Any) -> Manifest:
    """A request for a sandbox."""
    whole = {"purpose": "Measure the bias of model 7", "requester": requester, "ttl": "8h"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": whole | spec,
    }


def configuration() -> Lab:
    """The local lab, with the service."""
    document = config.load("local").model_dump(mode="json")
    return config.parse({**document, "sandbox_service": SERVICE}, source="test")


@contextmanager
def guarded(server: ApiServer) -> Iterator[GuardedLab]:
    """Installs everything, and lets people in."""
    api, lab = Api(server.client), configuration()
    definition, files, *rest = service.extensions(lab)
    install(api, definition)
    install(api, files)
    enforced = cluster.objects(Settings(), toolchain.version("kubernetes"))
    for manifest in (*rest, *enforced, *_namespaces()):
        answer = api.create(labelled(manifest, LABELS | _labels(manifest)))
        assert answer.status_code == 201, f"{manifest['metadata']['name']}: {say(answer)}"
    wait_until_judged(api, request("nobody", "judged"))
    wait_until_enforced(api)
    with ExitStack() as stack:
        found = GuardedLab(server, api, lab)
        for name in (ALICE, BOB, CAROL, MALLORY, OLGA):
            found.people[name] = Person(stack.enter_context(server.user(name)))
        for name, namespace in (
            (naming.OPERATOR, naming.OPERATOR_NAMESPACE),
            (ROBOT, WORKSHOP),
        ):
            token = _token(api, namespace, name.rpartition(":")[2])
            found.people[name] = Person(stack.enter_context(server.bearer(token)))
        _too_much(found, stack)
        yield found


def _labels(manifest: Manifest) -> dict[str, str]:
    found: dict[str, str] = manifest["metadata"].get("labels", {})
    return found


def _namespaces() -> list[Manifest]:
    security = manifests.pod_security_labels("restricted", toolchain.version("kubernetes"))
    workshop = {naming.LABEL_SANDBOX: WORKSHOP.removeprefix("sandbox-"), **security}
    return [
        manifests.namespace(naming.OPERATOR_NAMESPACE, labels=security),
        manifests.service_account(naming.OPERATOR_NAMESPACE, naming.OPERATOR, {}),
        manifests.namespace(WORKSHOP, labels=workshop),
        manifests.service_account(WORKSHOP, "robot", {}),
    ]


def _token(api: Api, namespace: str, account: str) -> str:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = api.post(path, body)
    assert answer.status_code == 201, say(answer)
    token: str = answer.json()["status"]["token"]
    return token


def _too_much(found: GuardedLab, stack: ExitStack) -> None:
    """What no role gives, so that it is a policy that refuses, and not a missing right."""
    everything = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    whole = [right(GROUP, [PLURAL], everything), right(GROUP, [f"{PLURAL}/status"], ["patch"])]
    given(found.api, (MALLORY, ALICE, BOB), whole, stack)
    approves = right(GROUP, [f"{PLURAL}/approval"], ["update"])
    given(found.api, (ROBOT,), [*whole, approves], stack)
    for name in found.people:
        wait_until_allowed(found[name], group=GROUP, resource=PLURAL, verb="patch")
    for name in (ALICE, BOB, MALLORY, ROBOT):
        wait_until_allowed(
            found[name], group=GROUP, resource=PLURAL, subresource="status", verb="patch"
        )


def path_of(name: str) -> str:
    """Where the API has a sandbox."""
    return f"{PATH}/{name}"
