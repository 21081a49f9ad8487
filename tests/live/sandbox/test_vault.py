"""A sandbox's own corner of Vault, entered with a real token of its service account."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from infra import naming
from tests.live.support.api import Api, say
from tests.live.support.lab import Lab, current
from tests.live.support.vault import Caller, caller, login
from tests.live.support.vault import say as vault_says

_SANDBOXES = [sandbox.name for sandbox in current().config.sandboxes]
#: Lives of tokens made here, in seconds; the API server's shortest.
TOKEN_LIFE = 600

Identity = Callable[..., str]


@pytest.fixture(scope="module")
def identity(api: Api) -> Identity:
    """Makes a token of a service account, as a pod would ask for it."""

    def make(sandbox: str, account: str = "", audience: str = naming.VAULT_AUDIENCE) -> str:
        namespace = naming.sandbox_namespace(sandbox)
        name = account or naming.SANDBOX_SERVICE_ACCOUNT
        answer = api.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": [audience], "expirationSeconds": TOKEN_LIFE},
            },
        )
        assert answer.status_code == 201, f"no token for {namespace}/{name}: {say(answer)}"
        token: str = answer.json()["status"]["token"]
        return token

    return make


@pytest.fixture(scope="module")
def tenants(lab: Lab, stranger: Caller, identity: Identity) -> Iterator[dict[str, Caller]]:
    """Every sandbox's own login."""
    with ExitStack() as stack:
        opened = {}
        for sandbox in _SANDBOXES:
            body = {"role": naming.sandbox_role(sandbox), "jwt": identity(sandbox)}
            auth = login(stranger, naming.VAULT_JWT, body)
            opened[sandbox] = stack.enter_context(caller(lab, auth["client_token"]))
            stack.callback(opened[sandbox].call, "POST", "auth/token/revoke-self")
        yield opened


@pytest.mark.check(id="sandbox.vault.own-key", area="sandbox")
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_it_encrypts_with_its_own_key(sandbox: str, tenants: dict[str, Caller]) -> None:
    tenant, key = tenants[sandbox], naming.sandbox_transit_key(sandbox)
    plain = base64.b64encode(secrets.token_bytes(24)).decode()
    done = tenant.ask("POST", f"{naming.VAULT_TRANSIT}/encrypt/{key}", {"plaintext": plain})
    again = tenant.ask("POST", f"{naming.VAULT_TRANSIT}/decrypt/{key}", done["data"])
    assert again["data"]["plaintext"] == plain, f"the key of {sandbox} does not decrypt its own."


@pytest.mark.check(id="sandbox.vault.own-path", area="sandbox")
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_it_keeps_secrets_below_its_own_path(sandbox: str, tenants: dict[str, Caller]) -> None:
    tenant = tenants[sandbox]
    path = f"{naming.sandbox_kv_prefix(sandbox)}/lab-verify-{secrets.token_hex(4)}"
    data = f"{naming.VAULT_KV}/data/{path}"
    tenant.ask("POST", data, {"data": {"value": "checked"}})
    try:
        assert tenant.ask("GET", data)["data"]["data"] == {"value": "checked"}
    finally:
        tenant.ask("DELETE", f"{naming.VAULT_KV}/metadata/{path}")


#: Everything that is not the sandbox's own; {} is its name.
FOREIGN = (
    ("POST", f"{naming.VAULT_TRANSIT}/encrypt/{naming.VAULT_KMS_KEY}"),
    ("POST", f"{naming.VAULT_TRANSIT}/decrypt/{naming.VAULT_KMS_KEY}"),
    ("POST", f"{naming.VAULT_TRANSIT}/encrypt/sandbox-another"),
    ("GET", f"{naming.VAULT_TRANSIT}/keys/sandbox-{{}}"),
    ("DELETE", f"{naming.VAULT_TRANSIT}/keys/sandbox-{{}}"),
    ("POST", f"{naming.VAULT_TRANSIT}/keys/sandbox-{{}}/config"),
    ("GET", f"{naming.VAULT_TRANSIT}/export/encryption-key/sandbox-{{}}"),
    ("LIST", f"{naming.VAULT_TRANSIT}/keys"),
    ("GET", f"{naming.VAULT_KV}/data/sandboxes/another/secret"),
    ("POST", f"{naming.VAULT_KV}/data/sandboxes/another/secret"),
    ("LIST", f"{naming.VAULT_KV}/metadata/sandboxes"),
    ("LIST", f"{naming.VAULT_KV}/metadata"),
    ("GET", "sys/mounts"),
    ("GET", "sys/policies/acl/sandbox-{}"),
    ("LIST", "auth/jwt/role"),
    ("POST", "auth/token/create"),
)


@pytest.mark.check(id="sandbox.vault.foreign", area="sandbox")
@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*case, id=f"{case[0]} {case[1]}") for case in FOREIGN]
)
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_nothing_else_is_open_to_it(
    sandbox: str, method: str, path: str, tenants: dict[str, Caller]
) -> None:
    body = {"plaintext": "", "ciphertext": "vault:v1:", "data": {}} if method == "POST" else None
    answer = tenants[sandbox].call(method, path.format(sandbox), body)
    assert answer.status_code == 403, (
        f"sandbox {sandbox} may {method} {path.format(sandbox)} in Vault ({vault_says(answer)}): "
        f"its policy is too wide. `./lab up --refresh` restores it."
    )


#: (service account, audience); an empty account is the sandbox's own.
WRONG = {
    "wrong-audience": ("", "https://kubernetes.default.svc.cluster.local"),
    "wrong-account": ("default", naming.VAULT_AUDIENCE),
}


@pytest.mark.check(id="sandbox.vault.wrong-identity", area="sandbox")
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_another_identity_is_refused(
    sandbox: str, wrong: str, tenants: dict[str, Caller], stranger: Caller, identity: Identity
) -> None:
    # The control is `tenants`: the right identity was let in at this very role.
    assert sandbox in tenants
    body = {"role": naming.sandbox_role(sandbox), "jwt": identity(sandbox, *WRONG[wrong])}
    answer = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", body)
    assert answer.status_code in (400, 403), (
        f"Vault lets an identity with {wrong} into sandbox {sandbox} ({vault_says(answer)}): its "
        "JWT role binds too little."
    )
