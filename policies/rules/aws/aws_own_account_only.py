"""No other account is let in on AWS."""

import json
import re
from collections.abc import Iterator

from policies.clouds import decided
from policies.documents import statements, with_statement
from policies.relations import Fault, Relations, Resource, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import edited
from policies.values import Undecided

_PROVIDER = "pulumi:providers:aws"
#: Where policies with principals are, by type.
_POLICIES = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:kms/key:Key": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
}
_ACCOUNT = re.compile(r"(?:^|:)(\d{12})(?:$|:)")


def _own(stack: Stack) -> frozenset[str]:
    found: list[str] = []
    for one in stack.of_type(_PROVIDER):
        told = decided(one.properties, "allowedAccountIds") or []
        found += json.loads(told) if isinstance(told, str) else told
    if not found:
        raise Undecided("allowedAccountIds of the provider")
    return frozenset(found)


def _accounts(one: Resource) -> Iterator[tuple[str, str]]:
    for statement in statements(one.properties, _POLICIES[one.type]):
        for principal in statement.principals("AWS") if statement.allows else []:
            for account in _ACCOUNT.findall(principal):
                yield statement.label, account


def _check(stack: Stack) -> Iterator[Fault]:
    own = _own(stack)
    undecided = None
    for one in stack.of_type(*_POLICIES):
        try:
            for label, account in _accounts(one):
                if account not in own:
                    yield Fault(f"{label} lets account {account} in", one)
        except Undecided as error:
            undecided = error
    if undecided is not None:
        raise undecided


_STRANGER = {"AWS": "arn:aws:iam::210987654321:root"}

RULE = Rule(
    id="aws-own-account-only",
    title="Policies let in nobody of an account that the provider does not work in.",
    reason="What another account does with its rights is seen and ended by nobody here.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.1.05", "SATRE-3.2.03", "EUDPR-29.2", "CYB-8.2h", "AIA-4a.1d"),
    preview=Relations(
        about=("aws:kms/key:Key",),
        reads=(_PROVIDER, *_POLICIES),
        check=_check,
        broken=tuple(
            edited(
                type_,
                with_statement(
                    path, Effect="Allow", Action=["sts:AssumeRole"], Principal=_STRANGER
                ),
            )
            for type_, path in _POLICIES.items()
            if type_ != "aws:ecr/repositoryPolicy:RepositoryPolicy"
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Name roles of the lab's own account.",
)
