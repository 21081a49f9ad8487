"""Policies on AWS name what they allow."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import statements, with_statement
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: Where AWS keeps policies, by the property that holds them.
_OF_IDENTITIES = (
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
)
_OF_RESOURCES = (
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:kms/key:Key",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sqs/queuePolicy:QueuePolicy",
)


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    for one in statements(properties, "policy"):
        if not one.allows:
            continue
        for action in one.actions:
            if "*" in action:
                yield f"policy: {one.label} allows {action}"
        for inverted in one.inverted:
            yield f"policy: {one.label} allows all but what it lists ({inverted})"


_EVERYBODY = {"AWS": "arn:aws:iam::123456789012:role/example"}

RULE = Rule(
    id="aws-iam-no-wildcards",
    title="Policies name every action that they allow.",
    reason="A wildcard allows what nobody thought of, and tomorrow what AWS adds to the service.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "CYB-8.2h", "CYB-8.3b", "EUDPR-33.3"),
    preview=Properties(
        dict.fromkeys((*_OF_IDENTITIES, *_OF_RESOURCES), ()),
        check=_check,
        broken=(
            with_statement("policy", Effect="Allow", Action=["*"], Resource=["*"]),
            with_statement("policy", Effect="Allow", Action="s3:*", Resource="arn:aws:s3:::some"),
            with_statement("policy", Effect="Allow", Action=["kms:De*"], Principal=_EVERYBODY),
            with_statement("policy", Effect="Allow", NotAction=["iam:PassRole"], Resource=["*"]),
            with_statement("policy", Effect="Allow", Action=["s3:GetObject"], NotResource=["a"]),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="List the actions that the role really needs.",
)
