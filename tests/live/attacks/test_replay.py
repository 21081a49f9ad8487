"""What was somebody's of a sandbox, tried after its end, and after its name was used again.

The control of each is the same thing, done while the sandbox was there.
"""

from __future__ import annotations

import base64

import pytest

from infra import naming
from infra.sandbox.resource import PATH
from tests.live.support import tenants
from tests.live.support.api import Api, eventually, say
from tests.live.support.lab import Lab
from tests.live.support.vault import caller
from tests.live.support.vault import say as vault_says

_TRANSIT = naming.VAULT_TRANSIT
#: Seconds for which an API server believes a token that it has just believed.
REMEMBERED = 30.0
_LOGIN = f"auth/{naming.VAULT_JWT}/login"


@pytest.mark.check(id="attacks.replay", area="attacks")
def test_nothing_outlives_a_sandbox(lab: Lab, api: Api) -> None:
    user = tenants.service_of(lab).requesters.users[0]
    with tenants.tenant(lab, api, user) as old:
        assert old.program.get(old.pods).status_code == 200
        login = {"role": old.namespace, "jwt": old.workload_token}
        sealed = _sealed(old)
        assert _opened(old, sealed) == 200
        tenants.destroy(api, old.name)
        status = eventually(
            lambda: old.program.get(old.pods).status_code,
            until=lambda got: got == 401,
            within=REMEMBERED,
        )
        assert status == 401, "the token of the kubeconfig is believed after the end"
        answer = old.vault.call("GET", "auth/token/lookup-self")
        assert answer.status_code == 403, f"the token of Vault lives on: {vault_says(answer)}"
        assert _opened(old, sealed) == 403
        with caller(lab) as stranger, tenants.tenant(lab, api, user, old.name) as new:
            assert new.namespace != old.namespace, "its name was used again, and more with it"
            for role in (old.namespace, new.namespace):
                answer = stranger.call("POST", _LOGIN, {**login, "role": role})
                assert answer.status_code in (400, 403), (
                    f"a token of the old one logs in as {role}: {vault_says(answer)}"
                )
            assert old.program.get(new.pods).status_code == 401
            assert old.person.get(old.pods).status_code == 403, "its namespace is still open"
            # What the old one encrypted is unreadable for the new one of the same name.
            assert _opened(new, _sealed(new)) == 200
            assert _opened(new, sealed) in (400, 403)
            shown = api.read(f"{PATH}/{new.name}")["status"]
            assert shown["namespace"] == new.namespace, say(api.get(f"{PATH}/{new.name}"))


def _sealed(of: tenants.Tenant) -> str:
    body = {"plaintext": base64.b64encode(b"confidential").decode()}
    answer = of.vault.ask("POST", f"{_TRANSIT}/encrypt/{of.namespace}", body)
    return str(answer["data"]["ciphertext"])


def _opened(by: tenants.Tenant, sealed: str) -> int:
    """What Vault answers to who wants this decrypted with its own key."""
    path = f"{_TRANSIT}/decrypt/{by.namespace}"
    return by.vault.call("POST", path, {"ciphertext": sealed}).status_code
