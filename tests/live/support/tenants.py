"""Two sandboxes of different people, asked for and approved as people do it; and what each is.

A tenant has three ways in: as its person, as a program of its person (the token of `lab sandbox
kubeconfig`), and as its workloads (the token with which pods log in to Vault).
"""

from __future__ import annotations

import http.client
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra import naming
from infra.config import SandboxService
from infra.sandbox.resource import API_VERSION, KIND, PATH, Phase
from tests.live.support import api as apis
from tests.live.support.api import Api, eventually, say
from tests.live.support.lab import Lab
from tests.live.support.vault import Caller, caller, login

#: Seconds until a sandbox is there, or gone, on a busy machine.
PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Tenant:
    """A sandbox in which somebody works."""

    name: str
    user: str
    namespace: str
    #: Its person.
    person: Api
    #: A program of its person.
    program: Api
    program_token: str = field(repr=False)
    #: What its workloads show Vault.
    workload_token: str = field(repr=False)
    #: Its workloads, logged in to Vault.
    vault: Caller
    vault_token: str = field(repr=False)

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"


@dataclass(frozen=True, slots=True)
class Pair:
    """Who attacks, and whom. `api` is the administrator."""

    lab: Lab
    api: Api
    attacker: Tenant
    victim: Tenant

    def path(self, text: str) -> str:
        """With {own}, {victim} (namespaces), {sandbox}, {other} (names) and {worker} filled in."""
        return text.format(
            own=self.attacker.namespace,
            victim=self.victim.namespace,
            sandbox=self.attacker.name,
            other=self.victim.name,
            worker=self.lab.node_name(self.lab.worker),
        )


def service_of(lab: Lab) -> SandboxService:
    service = lab.config.sandbox_service
    assert service is not None, "this lab has no sandbox_service, so there is nobody to attack."
    return service


def largest(service: SandboxService) -> str:
    """The profile with the most pods: a crowd of probes fits in."""
    return max(service.profiles, key=lambda name: service.profiles[name].quota.pods)


@contextmanager
def tenant(lab: Lab, api: Api, user: str, name: str = "") -> Iterator[Tenant]:
    """A sandbox of this user, Ready; destroyed at the end, if it is still there."""
    service = service_of(lab)
    name = name or f"attack-{secrets.token_hex(4)}"
    person = api.acting_as(user, "system:authenticated")
    manifest = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "purpose": "lab test tries to break out of it",
            "requester": user,
            "ttl": "1h",
            "profile": largest(service),
        },
    }
    answer = person.create(manifest)
    assert answer.status_code == 201, f"{user} cannot ask for a sandbox: {say(answer)}"
    uid = answer.json()["metadata"]["uid"]
    try:
        by = next(one for one in service.approvers.users if one != user)
        approved = api.acting_as(by, "system:authenticated").patch(
            f"{PATH}/{name}", {"spec": {"approvals": [{"by": by}]}}
        )
        assert approved.status_code == 200, f"{by} cannot approve: {say(approved)}"
        with _entered(lab, api, user, name) as found:
            yield found
    finally:
        destroy(api, name, uid)


def destroy(api: Api, name: str, uid: str = "") -> None:
    """Destroys it, unless it is gone already (or another one has its name), and waits for that."""
    path = f"{PATH}/{name}"

    def there() -> bool:
        answer = api.get(path)
        return answer.status_code == 200 and uid in ("", answer.json()["metadata"]["uid"])

    if there():
        answer = api.delete(path)
        assert answer.status_code in (200, 202, 404), f"{name} stays: {say(answer)}"
    assert eventually(there, until=lambda left: not left, within=PATIENCE) is False, (
        f"{name} is not destroyed after {PATIENCE:.0f} s: `./lab sandbox show {name}`"
    )


@contextmanager
def _entered(lab: Lab, api: Api, user: str, name: str) -> Iterator[Tenant]:
    def look() -> dict[str, Any]:
        return dict(api.read(f"{PATH}/{name}").get("status") or {})

    ended = (Phase.READY, Phase.FAILED, Phase.EXPIRING)
    status = eventually(look, until=lambda got: got.get("phase") in ended, within=PATIENCE)
    assert status.get("phase") == Phase.READY, f"{name} is not Ready: {status}"
    namespace = str(status["namespace"])
    person = api.acting_as(user, "system:authenticated")
    token = asked_token(person, namespace, naming.PRINCIPAL_SERVICE_ACCOUNT)
    workload = asked_token(api, namespace, naming.SANDBOX_SERVICE_ACCOUNT, naming.VAULT_AUDIENCE)
    authority = apis.certificate_authority(lab.home.kubeconfig)
    with (
        apis.stranger(lab.api_address, authority, token=token) as program,
        caller(lab) as stranger,
    ):
        auth = login(stranger, naming.VAULT_JWT, {"role": namespace, "jwt": workload})
        vault_token = str(auth["client_token"])
        with caller(lab, vault_token) as vault:
            yield Tenant(
                name, user, namespace, person, program, token, workload, vault, vault_token
            )


def asked_token(asks: Api, namespace: str, account: str, audience: str = "") -> str:
    """A token of a service account, for ten minutes."""
    spec: dict[str, Any] = {"expirationSeconds": 600}
    if audience:
        spec["audiences"] = [audience]
    answer = asks.post(
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
    )
    assert answer.status_code == 201, f"no token of {account} in {namespace}: {say(answer)}"
    return str(answer.json()["status"]["token"])


def raw_vault(lab: Lab, token: str, path: str) -> tuple[int, str]:
    """Status and text of a GET whose path is sent as it is: HTTP libraries tidy paths up."""
    host, port = lab.vault_address
    context = apis.trusting(lab.home.ca_certificate.read_text())
    assert context.verify_mode is ssl.CERT_REQUIRED
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.putheader("X-Vault-Token", token)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
