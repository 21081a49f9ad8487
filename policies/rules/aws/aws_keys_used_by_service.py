"""A key on AWS opens only through the service or for the role that it is for."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import Statement, statements, with_statement
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_USES = frozenset(
    (
        "kms:*",
        "kms:creategrant",
        "kms:decrypt",
        "kms:encrypt",
        "kms:generatedatakey",
        "kms:generatedatakeywithoutplaintext",
        "kms:reencryptfrom",
        "kms:reencryptto",
        "kms:sign",
    )
)
_BINDS = frozenset(("kms:viaservice", "aws:principalarn"))


def _uses(statement: Statement) -> bool:
    return any(
        action.lower() in _USES or action == "*" or action.lower().endswith("*")
        for action in statement.actions
    )


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    for one in statements(properties, "policy"):
        whole_account = any(
            arn == "*" or arn.endswith(":root") or arn.isdigit() for arn in one.principals("AWS")
        )
        if one.allows and whole_account and _uses(one) and not _BINDS & one.required:
            yield f"policy: {one.label} lets any role of an account use the key"


_ACCOUNT = {"AWS": "arn:aws:iam::123456789012:root"}

RULE = Rule(
    id="aws-keys-used-by-service",
    title="A key opens only through the service, or for the role, that it is for.",
    reason="AWS's own default leaves it to the account's roles who may decrypt: then one careless "
    "role policy opens every store of the lab.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.05", "SATRE-1.5.03", "CYB-8.3b"),
    preview=Properties(
        {"aws:kms/key:Key": (), "aws:kms/keyPolicy:KeyPolicy": ()},
        check=_check,
        broken=tuple(
            with_statement(
                "policy", Effect="Allow", Action=action, Principal=_ACCOUNT, Resource="*"
            )
            for action in ("kms:*", "*", ["kms:Describe*", "kms:Decrypt"], "kms:CreateGrant")
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Add a condition on `kms:ViaService` or `aws:PrincipalArn` to the statement.",
)
