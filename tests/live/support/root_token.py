"""A root token of Vault, made from the unseal keys and revoked at the end.

Only for taking away protections that the lab's own role cannot touch.
https://developer.hashicorp.com/vault/api-docs/system/generate-root
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.live.support.lab import Lab
from tests.live.support.vault import Caller, caller

_ATTEMPT = "sys/generate-root/attempt"


@contextmanager
def made(lab: Lab) -> Iterator[Caller]:
    """Somebody who holds all of Vault."""
    with caller(lab) as stranger:
        token = _generate(stranger, json.loads(lab.home.vault_keys.read_text())["keys"])
    with caller(lab, token) as root:
        try:
            yield root
        finally:
            root.ask("POST", "auth/token/revoke-self")


def _generate(stranger: Caller, keys: list[str]) -> str:
    stranger.call("DELETE", _ATTEMPT)
    attempt = stranger.ask("PUT", _ATTEMPT, {})
    for key in keys:
        answer = stranger.ask(
            "PUT", "sys/generate-root/update", {"key": key, "nonce": attempt["nonce"]}
        )
        if answer["complete"]:
            return unmasked(answer["encoded_token"], attempt["otp"])
    raise AssertionError("the unseal keys of the lab are too few to make a root token.")


def unmasked(encoded: str, password: str) -> str:
    """The token that Vault masked with a one-time password."""
    masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(masked, password.encode(), strict=True)).decode()
