"""Roles on AWS are taken by whom they are for."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import Statement, statements, with_statement
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: They take roles on machines and pods of the own account only, and pass no source that a
#: condition could test.
_LOCAL = ("ec2.amazonaws.com", "pods.eks.amazonaws.com")


def _faults(one: Statement) -> Iterator[str]:
    if one.is_for_everybody:
        yield "anybody may take the role"
    if "NotPrincipal" in one.inverted:
        yield "all but some may take the role"
    for provider in one.principals("Federated"):
        if not any(key.endswith((":sub", ":aud")) for key in one.required):
            yield f"everybody whom {provider} knows may take the role"
    for service in one.principals("Service"):
        if service not in _LOCAL and not one.says_on_whose_behalf:
            yield f"{service} may take the role for other accounts"


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    for one in statements(properties, "assumeRolePolicy"):
        if one.allows:
            for fault in _faults(one):
                yield f"assumeRolePolicy: {fault} ({one.label})"


def _trusting(**principal: Any) -> Any:
    return with_statement(
        "assumeRolePolicy", Effect="Allow", Action="sts:AssumeRole", Principal=principal
    )


RULE = Rule(
    id="aws-iam-trust-bound",
    title="A role can be taken only by whom it is for, on behalf of the lab's own account.",
    reason="Who may take a role has all its rights; a service that acts for everybody can be asked "
    "by a stranger to act for the lab.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "SATRE-1.5.05", "CYB-8.2h", "CYB-8.3b"),
    preview=Properties(
        {"aws:iam/role:Role": ()},
        check=_check,
        broken=(
            with_statement(
                "assumeRolePolicy", Effect="Allow", Action="sts:AssumeRole", Principal="*"
            ),
            _trusting(AWS="*"),
            _trusting(AWS=["arn:aws:iam::123456789012:root", "*"]),
            _trusting(Service="cloudtrail.amazonaws.com"),
            _trusting(Federated="arn:aws:iam::123456789012:oidc-provider/id.example"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Name the principal, and test aws:SourceAccount or aws:SourceArn.",
)
