"""Roles on AWS may do things to named resources only."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import Statement, statements, with_statement
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: Actions that look and know no single resource, and two that hand out a login.
_LOOKS = ("Describe", "List")
_LOGINS = ("ecr:GetAuthorizationToken", "sts:GetCallerIdentity")


def _only_looks(statement: Statement) -> bool:
    return bool(statement.actions) and all(
        action in _LOGINS or action.partition(":")[2].startswith(_LOOKS)
        for action in statement.actions
    )


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    for one in statements(properties, "policy"):
        everything = any(arn in ("*", "arn:aws:*", "arn:*") for arn in one.resources)
        if one.allows and everything and not _only_looks(one):
            yield f"policy: {one.label} is for every resource there is"


RULE = Rule(
    id="aws-iam-named-resources",
    title="What a role may change or read, its policy names.",
    reason="A role for every key, bucket or role of an account is an administrator by another "
    "name.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "SATRE-3.2.03", "CYB-8.2h", "CYB-8.3b", "EUDPR-33.3"),
    preview=Properties(
        {
            "aws:iam/groupPolicy:GroupPolicy": (),
            "aws:iam/policy:Policy": (),
            "aws:iam/rolePolicy:RolePolicy": (),
            "aws:iam/userPolicy:UserPolicy": (),
        },
        check=_check,
        broken=(
            with_statement("policy", Effect="Allow", Action=["kms:Decrypt"], Resource=["*"]),
            with_statement("policy", Effect="Allow", Action="iam:PassRole", Resource="*"),
            with_statement(
                "policy", Effect="Allow", Action=["s3:ListBucket", "s3:GetObject"], Resource="*"
            ),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Name the resources by their ARN.",
)
