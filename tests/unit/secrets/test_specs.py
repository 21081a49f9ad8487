from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from infra.secrets import objects
from infra.secrets.objects.policy import normalise

RULES = 'path "a" {\n  capabilities = ["read"]\n}\n'


@pytest.mark.parametrize(
    ("kind", "inputs", "complaint"),
    [
        (objects.SecretsEngine(), {"path": "kv", "type": "kv-v2"}, "alias"),
        (objects.SecretsEngine(), {"path": "/", "type": "kv"}, "pattern"),
        (objects.SecretsEngine(), {"path": "a//b", "type": "kv"}, "not a mount path"),
        (objects.SecretsEngine(), {"path": "kv", "type": "kv", "maxLeaseTtl": -1}, "maxLeaseTtl"),
        (
            objects.AuthMethod(),
            {"path": "jwt", "type": "jwt", "config": {"password": "x"}},
            "secret",
        ),
        (objects.AuthMethod(), {"path": "jwt", "type": "jwt", "confg": {}}, "confg"),
        (objects.Policy(), {"name": "root", "rules": RULES}, "belongs to Vault"),
        (objects.Policy(), {"name": "Mine", "rules": RULES}, "lower case"),
        (objects.Policy(), {"name": "mine", "rules": " \n"}, "is empty"),
        (objects.TransitKey(), {"name": "k", "exportable": True}, "exportable"),
        (objects.TransitKey(), {"name": "k", "allowPlaintextBackup": True}, "allowPlaintextBackup"),
        (objects.TransitKey(), {"name": "k", "deletionAllowed": True}, "deletionAllowed"),
        (objects.TransitKey(), {"name": "k", "type": "des"}, "type"),
        (objects.Role(), {"mount": "jwt", "name": "a/b", "parameters": {}}, "name"),
        (objects.Role(), {"mount": "jwt", "name": "a"}, "parameters"),
        (objects.AuditDevice(), {"path": "file"}, "options"),
    ],
)
def test_what_no_program_may_ask_for(kind: Any, inputs: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        kind.model.model_validate(inputs)


@pytest.mark.parametrize(
    ("kind", "inputs", "identity"),
    [
        (objects.SecretsEngine(), {"path": "kv/", "type": "kv"}, "kv"),
        (objects.AuthMethod(), {"path": "jwt", "type": "jwt"}, "auth/jwt"),
        (objects.Policy(), {"name": "x", "rules": RULES}, "x"),
        (objects.TransitKey(), {"name": "x"}, "transit/keys/x"),
        (objects.Role(), {"mount": "jwt", "name": "x", "parameters": {}}, "auth/jwt/role/x"),
        (objects.AuditDevice(), {"path": "file", "options": {}}, "file"),
        (
            objects.PkiAuthority(),
            {"mount": "pki", "commonName": "users", "ttl": 3600},
            "pki/cert/ca",
        ),
        (objects.PkiRole(), {"mount": "pki", "name": "x", "parameters": {}}, "pki/roles/x"),
    ],
)
def test_identity(kind: Any, inputs: dict[str, Any], identity: str) -> None:
    assert kind.identity(kind.model.model_validate(inputs)) == identity


@pytest.mark.parametrize(
    "text",
    [
        RULES,
        RULES.rstrip(),
        "\n\n" + RULES + "\n",
        "".join(f"    {line}\n" for line in RULES.splitlines()),
        RULES.replace("\n", "  \n"),
        RULES.replace("  cap", "\tcap"),
    ],
)
def test_policies_that_differ_in_white_space_only_are_one(text: str) -> None:
    assert normalise(text) == RULES
    assert normalise(normalise(text)) == RULES


def test_white_space_inside_a_line_is_kept() -> None:
    assert normalise('path "a  b" {}') == 'path "a  b" {}\n'
