"""A lab without machines in which the operator of sandboxes works: a real API server with the
policies of a cluster, a real Vault as Pulumi prepares it, and the operator as a process of its own
with the rights that it has in a cluster.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import requests
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from infra import naming, toolchain
from infra.cluster import manifests
from infra.cluster.manifests import Manifest, labelled
from infra.evidence import chain
from infra.evidence.keys import keyring
from infra.evidence.records import Record
from infra.evidence.sqlite import SqliteStore
from infra.operator import rights
from infra.operator.cluster import MANAGER
from infra.paths import REPOSITORY
from infra.sandbox import roles, transfer_definition
from infra.sandbox.definition import definition
from infra.sandbox.resource import API_VERSION, KIND, PATH, Phase
from infra.secrets import requested
from infra.secrets.client import Connection, Vault
from infra.secrets.requested import Mounts
from infra.secrets.signing import TransitSigner
from policies import cluster
from policies.admission import Settings
from tests.harness import vault as vault_harness
from tests.harness.api_server import ApiServer, running
from tests.harness.definitions import install
from tests.harness.kubelet import Kubelet, kubelet
from tests.live.support.api import Api, eventually, location, say

VERSION = "1.36.3"
LAB = "test"
LABELS = {naming.LABEL_LAB: LAB}
REQUESTER = "requester@example.org"
APPROVERS = ("one@example.org", "two@example.org")
OFFICER = "officer@example.org"
_RBAC = "rbac.authorization.k8s.io"
#: What probes try here. No pod ever runs: the stand-in for a kubelet says what comes of it.
TARGETS: list[dict[str, Any]] = [
    {"id": "dns", "kind": "dns", "must_be": "open", "to": "kubernetes.default"},
    {"id": "vault", "must_be": "open", "to": "192.0.2.9", "port": 8200},
    {"id": "api-server", "must_be": "closed", "to": "10.99.0.1", "port": 443},
    {"id": "metadata", "must_be": "closed", "to": "169.254.169.254", "port": 80},
]
AS_IT_SHOULD_BE = {str(one["id"]): str(one["must_be"]) for one in TARGETS}
#: Seconds that something may take on a machine that does much else.
PATIENCE = 120.0
#: Seconds that an operator gets to end by itself.
_IN_ORDER = 10.0


@dataclass
class Operator:
    """One process of it."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def lines(self) -> list[dict[str, Any]]:
        """What it logged, each line a document."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.strip()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text

    def said(self, message: str) -> bool:
        """Whether it logged that."""
        return any(line.get("event") == message for line in self.lines())

    def until_logged(self, message: str, within: float = PATIENCE) -> dict[str, Any]:
        def look() -> list[dict[str, Any]]:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            return [line for line in self.lines() if line.get("event") == message]

        found = eventually(look, until=bool, within=within, every=0.02)
        assert found, f"never said {message!r}: {self.log.read_text()[-3000:]}"
        return found[0]


@dataclass
class SandboxLab:
    """Everything around the operator."""

    folder: Path
    server: ApiServer
    api: Api
    vault: vault_harness.Server
    mounts: Mounts
    kubelet: Kubelet
    operators: int = 0

    def person(self, name: str) -> Api:
        return self.api.acting_as(name, "system:authenticated")

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence.sqlite"

    def configuration(self, **changes: Any) -> Path:
        """The operator's configuration, with these parts other than usual."""
        told: dict[str, Any] = {
            "lab": LAB,
            "kubernetes_version": VERSION,
            "network": {
                "pods": "10.98.0.0/16",
                "services": "10.99.0.0/24",
                "nodes": ["192.0.2.1/32"],
                "vault": ["192.0.2.9/32"],
            },
            "vault": {
                "address": self.vault.address,
                "ca_certificate": str(self.vault.ca),
                "token": str(self.folder / "vault-token"),
                "accessor": self.mounts.accessor,
            },
            "evidence": {"kind": "sqlite", "file": str(self.evidence)},
            "profiles": {"small": {}, "large": {"quota": {"cpu": "4"}}},
            "approvals": {"public": 0, "internal": 1, "confidential": 2},
            "longest_life": "24h",
            "probe": {"image": "lab.local/probe:1", "targets": TARGETS},
            "lease": {"duration": 6, "renew": 0.5, "margin": 1.5},
            **changes,
        }
        path = self.folder / f"configuration-{self.operators}.json"
        path.write_text(json.dumps(told))
        return path

    @contextmanager
    def operator(
        self,
        *,
        entry: Sequence[str] = ("-m", "infra.operator"),
        environment: Mapping[str, str] | None = None,
        wait: bool = True,
        **changes: Any,
    ) -> Iterator[Operator]:
        """A process of it; `wait`: until it leads. Whatever is left of it ends with the block."""
        self.operators += 1
        configuration = self.configuration(**changes)
        log = self.folder / f"operator-{self.operators}.log"
        words = [
            *("--configuration", str(configuration)),
            *("--credentials", str(self.folder / "credentials")),
            *("--address", "127.0.0.1", "--port", "0"),
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *entry, *words],
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                # It may start others, which end with it.
                start_new_session=True,
                env={
                    "PATH": os.environ["PATH"],
                    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                    "KUBERNETES_SERVICE_PORT": str(self.server.port),
                    **(environment or {}),
                },
            )
        started = Operator(process, log, 0)
        try:
            started.port = int(started.until_logged("serving")["port"])
            if wait:
                started.until_logged("leads")
            yield started
        finally:
            # In order, if it can: the next one leads at once, and not when the lease is over.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_IN_ORDER)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def request(self, name: str, **spec: Any) -> dict[str, Any]:
        """Asks for a sandbox as the requester."""
        whole = {"purpose": "measure the bias of a model", "requester": REQUESTER, "ttl": "8h"}
        manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {**whole, **spec},
        }
        answer = self.person(REQUESTER).create(manifest)
        assert answer.status_code == 201, say(answer)
        made: dict[str, Any] = answer.json()
        return made

    def approve(self, name: str, by: str = APPROVERS[0]) -> None:
        known = self.spec(name).get("approvals") or []
        self.change(name, by, {"approvals": [*known, {"by": by}]})

    def change(self, name: str, by: str, spec: Mapping[str, Any]) -> None:
        answer = self.person(by).patch(f"{PATH}/{name}", {"spec": dict(spec)})
        assert answer.status_code == 200, say(answer)

    def delete(self, name: str) -> None:
        answer = self.person(REQUESTER).delete(f"{PATH}/{name}")
        assert answer.status_code == 200, say(answer)

    def read(self, name: str) -> dict[str, Any] | None:
        answer = self.api.get(f"{PATH}/{name}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, say(answer)
        found: dict[str, Any] = answer.json()
        return found

    def spec(self, name: str) -> dict[str, Any]:
        found = self.read(name)
        assert found is not None, f"there is no sandbox {name}"
        spec: dict[str, Any] = found["spec"]
        return spec

    def status(self, name: str) -> dict[str, Any]:
        found = self.read(name)
        assert found is not None, f"there is no sandbox {name}"
        status: dict[str, Any] = found.get("status") or {}
        return status

    def until(
        self, name: str, phase: Phase, within: float = PATIENCE, every: float = 0.01
    ) -> dict[str, Any]:
        """Its status as soon as it is in this phase."""
        status = eventually(
            lambda: self.status(name),
            until=lambda got: got.get("phase") == phase,
            within=within,
            every=every,
        )
        assert status.get("phase") == phase, f"{name} is {json.dumps(status, indent=1)}"
        return status

    def until_gone(self, name: str, within: float = PATIENCE) -> None:
        left = eventually(
            lambda: self.read(name), until=lambda got: got is None, within=within, every=0.01
        )
        assert left is None, json.dumps(left, indent=1)

    def namespaces(self) -> set[str]:
        """Those of sandboxes that were asked for, or could be."""
        mine = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
        names = {one["metadata"]["name"] for one in self.api.items("/api/v1/namespaces")}
        return {name for name in names if name.startswith(mine)}

    def in_vault(self) -> set[str]:
        """Names of keys, roles and secrets of sandboxes that were asked for."""
        found = set()
        for path in (
            "transit/keys",
            f"auth/{self.mounts.jwt}/role",
            f"kv/metadata/{naming.VAULT_REQUESTED}",
        ):
            found |= {name.rstrip("/") for name in self.listed(path)}
        mine = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
        return {name for name in found if name.startswith(mine)}

    def listed(self, path: str) -> list[str]:
        """Names below a path in Vault."""
        try:
            answer = self.vault.api("LIST", path)
        except Exception as error:
            if "404" in str(error):
                return []
            raise
        names: list[str] = answer["data"]["keys"]
        return names

    def records(self, uid: str) -> list[Record]:
        """The log of a sandbox, verified."""
        store = SqliteStore(self.evidence)
        try:
            entries = store.read(uid)
        finally:
            store.close()
        found = chain.verify([entry.envelope for entry in entries], self.keys())
        assert found.faults == [], found.faults
        return found.records

    def keys(self) -> Any:
        vault = Vault(self._root(), patience=5)
        try:
            return keyring(TransitSigner(vault).public_keys())
        finally:
            vault.close()

    def workload(self, namespace: str) -> requests.Response:
        """Logs in to Vault as the workloads of a sandbox do."""
        token = self.token(namespace, naming.SANDBOX_SERVICE_ACCOUNT, naming.VAULT_AUDIENCE)
        return requests.post(
            f"{self.vault.address}/v1/auth/{self.mounts.jwt}/login",
            json={"role": namespace, "jwt": token},
            verify=str(self.vault.ca),
            timeout=PATIENCE,
        )

    def lookup_self(self, token: str) -> int:
        """What Vault answers to who has this token."""
        return requests.get(
            f"{self.vault.address}/v1/auth/token/lookup-self",
            headers={"X-Vault-Token": token},
            verify=str(self.vault.ca),
            timeout=PATIENCE,
        ).status_code

    def token(self, namespace: str, account: str, audience: str | None = None) -> str:
        spec: dict[str, Any] = {"expirationSeconds": 3600}
        if audience:
            spec["audiences"] = [audience]
        answer = self.api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        assert answer.status_code == 201, say(answer)
        return str(answer.json()["status"]["token"])

    def _root(self) -> Connection:
        return Connection(
            self.vault.address, self.vault.ca, self.vault.approle("reader", token_policies="lab")
        )


@contextmanager
def lab(folder: Path) -> Iterator[SandboxLab]:
    """Everything but the operator, below `folder`."""
    with ExitStack() as stack:
        for name in ("api", "vault", "credentials"):
            (folder / name).mkdir()
        server = stack.enter_context(
            running(
                folder / "api",
                kubernetes=toolchain.binary("kubernetes"),
                etcd=toolchain.binary("etcd"),
                controllers=(
                    "persistentvolume-binder-controller",
                    "persistentvolumeclaim-protection-controller",
                    "persistentvolume-protection-controller",
                ),
            )
        )
        vault = stack.enter_context(
            vault_harness.running(toolchain.binary("vault"), folder / "vault")
        )
        api = Api(server.client)
        _cluster(api)
        mounts = _vault(vault, server)
        kubelet_ = stack.enter_context(kubelet(server.client, lambda _: AS_IT_SHOULD_BE))
        made = SandboxLab(folder, server, api, vault, mounts, kubelet_)
        credentials = folder / "credentials"
        (credentials / "ca.crt").write_bytes(server.authority.certificate.read_bytes())
        account = (naming.OPERATOR_NAMESPACE, naming.OPERATOR)
        (credentials / "token").write_text(made.token(*account))
        (folder / "vault-token").write_text(made.token(*account, naming.VAULT_AUDIENCE))
        yield made


def _cluster(api: Api) -> None:
    """What Pulumi makes in a cluster."""
    install(api, definition())
    install(api, transfer_definition.definition())
    for manifest in _objects():
        answer = api.apply(location(manifest), manifest, manager=f"{MANAGER}-test")
        assert answer.is_success, f"{manifest['metadata']['name']}: {say(answer)}"
    refused = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "refused"}}
    refused["spec"] = {"purpose": "to be refused", "requester": "another", "ttl": "1h"}
    # Policies hold a moment after they were made.
    answer = eventually(
        lambda: api.create(refused, dry_run=True),
        until=lambda got: got.status_code in (403, 422),
        within=PATIENCE,
    )
    assert answer.status_code in (403, 422), say(answer)


def _objects() -> Iterator[Manifest]:
    security = manifests.pod_security_labels("restricted", VERSION)
    yield manifests.namespace(naming.OPERATOR_NAMESPACE, labels={**LABELS, **security})
    yield manifests.service_account(naming.OPERATOR_NAMESPACE, naming.OPERATOR, LABELS)
    yield from rights.rights(LABELS)
    yield from roles.roles()
    people = {
        naming.REQUESTER_ROLE: (REQUESTER,),
        naming.APPROVER_ROLE: APPROVERS,
        naming.OFFICER_ROLE: (OFFICER,),
    }
    for role, names in people.items():
        yield roles.binding(role, [{"apiGroup": _RBAC, "kind": "User", "name": n} for n in names])
    account = {
        "kind": "ServiceAccount",
        "name": naming.OPERATOR,
        "namespace": naming.OPERATOR_NAMESPACE,
    }
    yield roles.binding(naming.OPERATOR_ROLE, [account])
    for policy in cluster.objects(Settings(), VERSION):
        yield labelled(policy, LABELS)


def _vault(vault: vault_harness.Server, server: ApiServer) -> Mounts:
    """What Pulumi makes in Vault."""
    vault.api("POST", "sys/mounts/transit", {"type": "transit"})
    vault.api("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    vault.api("POST", "sys/auth/jwt", {"type": "jwt"})
    private = load_pem_private_key((server.folder / "accounts.key").read_bytes(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    vault.api(
        "POST",
        "auth/jwt/config",
        {"jwt_validation_pubkeys": [public.decode()], "bound_issuer": server.url},
    )
    mounts = Mounts(vault.api("GET", "sys/auth")["data"]["jwt/"]["accessor"])
    for name, rules in (
        (naming.vault_sandbox_policy(mounts.jwt), requested.sandbox_policy(mounts)),
        (naming.OPERATOR, requested.operator_policy(mounts)),
    ):
        vault.api("PUT", f"sys/policies/acl/{name}", {"policy": rules})
    vault.api("POST", f"auth/jwt/role/{naming.OPERATOR}", requested.operator_role())
    vault.api("POST", f"transit/keys/{naming.VAULT_EVIDENCE_KEY}", {"type": "ed25519"})
    return mounts


def timed(action: Callable[[], Any]) -> float:
    """Seconds that something takes."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
