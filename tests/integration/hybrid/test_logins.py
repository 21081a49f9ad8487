"""One Vault for clusters on several grounds: each logs in by its own method, and by no other.

A real Vault with the policy that the role vault_server gives the lab; tokens of service accounts
are made here, signed with keys of two clusters.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra import naming, toolchain
from infra.sandbox.identity import VaultMounts, vault_objects
from infra.secrets import objects
from infra.secrets.client import Connection, Vault
from tests.harness import vault as harness
from tests.harness.vault_role import POLICY

CLUSTERS = {naming.VAULT_JWT: "https://home", naming.vault_jwt("aws"): "https://cloud"}
KEYS = {mount: ec.generate_private_key(ec.SECP256R1()) for mount in CLUSTERS}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    with harness.running(toolchain.binary("vault"), tmp_path_factory.mktemp("vault")) as found:
        found.api("PUT", "sys/policies/acl/lab", {"policy": POLICY})
        credentials = found.approle("lab", token_policies="lab", token_ttl="10m")
        client = Vault(Connection(found.address, found.ca, credentials), patience=5)
        for mount, issuer in CLUSTERS.items():
            _make(client, mount, issuer, f"box-{mount}")
        client.close()
        yield found


def _make(vault: Vault, mount: str, issuer: str, sandbox: str) -> None:
    """What the program declares for a cluster and a sandbox on it, as the lab's limited role."""
    public = KEYS[mount].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    config = {"jwt_validation_pubkeys": [public.decode()], "bound_issuer": issuer}
    wanted = vault_objects(sandbox, VaultMounts(jwt=mount))
    role = {
        "mount": wanted.role.mount,
        "name": wanted.role.name,
        "parameters": dict(wanted.role.parameters),
    }
    steps: list[tuple[Any, dict[str, Any]]] = [
        (objects.AuthMethod(), {"path": mount, "type": "jwt", "config": config}),
        (objects.Policy(), {"name": wanted.policy.name, "rules": wanted.policy.rules}),
        (objects.Role(), role),
    ]
    for kind, inputs in steps:
        kind.create(vault, kind.model.model_validate(inputs))


def _text(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(cluster: str, sandbox: str) -> str:
    """A service account token of a sandbox (RFC 7519, ES256), as a cluster signs it."""
    namespace = naming.sandbox_namespace(sandbox)
    account = naming.SANDBOX_SERVICE_ACCOUNT
    now = int(time.time())
    claims = {
        "iss": CLUSTERS[cluster],
        "aud": [naming.VAULT_AUDIENCE],
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account}},
    }
    signed = ".".join(
        _text(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims)
    )
    r, s = decode_dss_signature(KEYS[cluster].sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{_text(r.to_bytes(32) + s.to_bytes(32))}"


def login(server: harness.Server, mount: str, sandbox: str, jwt: str) -> requests.Response:
    return requests.post(
        f"{server.address}/v1/auth/{mount}/login",
        json={"role": naming.sandbox_role(sandbox), "jwt": jwt},
        verify=str(server.ca),
        timeout=10,
    )


@pytest.mark.parametrize("mount", sorted(CLUSTERS))
def test_a_sandbox_logs_in_by_the_method_of_its_cluster(server: harness.Server, mount: str) -> None:
    answer = login(server, mount, f"box-{mount}", token(mount, f"box-{mount}"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["auth"]["token_policies"] == [naming.sandbox_role(f"box-{mount}")]


@pytest.mark.parametrize("mount", sorted(CLUSTERS))
def test_a_token_of_another_cluster_is_worth_nothing(server: harness.Server, mount: str) -> None:
    """Not even one that names the very same sandbox: another key has signed it."""
    other = next(cluster for cluster in CLUSTERS if cluster != mount)
    answer = login(server, mount, f"box-{mount}", token(other, f"box-{mount}"))
    assert answer.status_code in (400, 403), answer.text


def test_a_role_of_one_cluster_is_not_known_to_the_other(server: harness.Server) -> None:
    home, cloud = sorted(CLUSTERS)
    answer = login(server, cloud, f"box-{home}", token(cloud, f"box-{home}"))
    assert answer.status_code in (400, 403), answer.text
