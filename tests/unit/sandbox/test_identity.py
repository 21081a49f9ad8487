"""A sandbox's corner of Vault, and that no other sandbox's is in it."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st

from infra.sandbox.identity import VaultMounts, vault_objects
from tests.unit.sandbox.strategies import names

MOUNTS = VaultMounts()


def paths(rules: str) -> dict[str, list[str]]:
    """Path to capabilities, read back from HCL."""
    found = re.findall(r'path "([^"]+)" \{\s+capabilities = \[([^\]]*)\]\s+\}', rules)
    return {path: re.findall(r'"([^"]+)"', words) for path, words in found}


@given(names)
def test_the_policy_opens_the_sandboxs_own_paths_only(name: str) -> None:
    allowed = paths(vault_objects(name, MOUNTS).policy.rules)
    own = {path for path in allowed if not path.startswith("auth/token/")}
    assert own == {
        f"transit/encrypt/sandbox-{name}",
        f"transit/decrypt/sandbox-{name}",
        f"kv/data/sandboxes/{name}/*",
        f"kv/metadata/sandboxes/{name}/*",
    }
    assert {path for path in allowed if path not in own} == {
        "auth/token/lookup-self",
        "auth/token/renew-self",
        "auth/token/revoke-self",
    }
    assert not [path for path in allowed if "+" in path or "*" in path.removesuffix("/*")]


@given(names)
def test_the_key_can_be_used_and_neither_made_nor_read_nor_exported(name: str) -> None:
    drawn = vault_objects(name, MOUNTS)
    allowed = paths(drawn.policy.rules)
    for operation in ("encrypt", "decrypt"):
        assert allowed[f"transit/{operation}/sandbox-{name}"] == ["update"]
    assert drawn.key.key_type == "aes256-gcm96"
    assert drawn.key.auto_rotate_period == 30 * 24 * 3600


@given(names, names, st.sampled_from(["", "-2", "x"]))
def test_no_sandbox_matches_the_paths_of_another(one: str, other: str, suffix: str) -> None:
    other = other if not suffix else one + suffix
    assume(one != other)
    for path in paths(vault_objects(one, MOUNTS).policy.rules):
        prefix = path.removesuffix("*")
        for foreign in paths(vault_objects(other, MOUNTS).policy.rules):
            if foreign.startswith("auth/token/"):
                continue
            example = foreign.replace("*", "secret")
            assert not (path.endswith("*") and example.startswith(prefix))
            assert path != example


@given(names)
def test_only_the_sandboxs_service_account_logs_in_and_only_for_vault(name: str) -> None:
    role = vault_objects(name, MOUNTS).role
    assert role.mount == "jwt"
    said = role.parameters
    assert said["bound_subject"] == f"system:serviceaccount:sandbox-{name}:sandbox"
    assert said["bound_audiences"] == ["vault"]
    assert said["bound_claims"] == {
        "/kubernetes.io/namespace": f"sandbox-{name}",
        "/kubernetes.io/serviceaccount/name": "sandbox",
    }
    assert said["token_policies"] == [vault_objects(name, MOUNTS).policy.name]
    assert said["token_no_default_policy"] is True
    assert 0 < said["token_ttl"] <= said["token_max_ttl"] <= 3600
