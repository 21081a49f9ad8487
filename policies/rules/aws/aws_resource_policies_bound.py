"""Nothing of a lab on AWS is open to other accounts."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import Statement, statements, with_statement
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: Where ECR keeps layers of images; it signs the requests for them itself
#: (docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html).
_LAYERS = "-starport-layer-bucket/*"


def _is_of_layers(one: Statement) -> bool:
    return bool(one.resources) and all(
        arn.startswith("arn:aws:s3:::prod-") and arn.endswith(_LAYERS) for arn in one.resources
    )


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    for one in statements(properties, "policy"):
        if not one.allows or _is_of_layers(one):
            continue
        if one.is_for_everybody:
            if not one.says_who:
                yield f"policy: {one.label} is for everybody"
        elif not one.says_on_whose_behalf:
            for service in one.principals("Service"):
                yield f"policy: {one.label} lets {service} act for other accounts"


_MAY = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}

RULE = Rule(
    id="aws-resource-policies-bound",
    title="Policies of buckets, keys, images and endpoints are for the lab's own account.",
    reason="Such a policy is enough by itself: whoever it names needs no right in the lab's "
    "account, and nobody there sees them.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.1.05", "SATRE-3.2.03", "EUDPR-4.1f", "CYB-8.2h", "AIA-4a.1d"),
    preview=Properties(
        {
            "aws:ec2/vpcEndpoint:VpcEndpoint": (),
            "aws:ecr/repositoryPolicy:RepositoryPolicy": (),
            "aws:kms/key:Key": (),
            "aws:s3/bucketPolicy:BucketPolicy": (),
            "aws:secretsmanager/secretPolicy:SecretPolicy": (),
            "aws:sns/topicPolicy:TopicPolicy": (),
            "aws:sqs/queuePolicy:QueuePolicy": (),
        },
        check=_check,
        broken=(
            with_statement("policy", **_MAY, Principal="*"),
            with_statement("policy", **_MAY, Principal={"AWS": "*"}),
            with_statement("policy", **_MAY, Principal={"Service": "logs.amazonaws.com"}),
            with_statement(
                "policy",
                **_MAY,
                Principal="*",
                Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
            ),
            with_statement(
                "policy",
                **_MAY,
                Principal="*",
                Condition={"StringEquals": {"aws:SourceArn": "arn:aws:s3:::some"}},
            ),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Test aws:PrincipalAccount, aws:SourceAccount or aws:SourceArn.",
)
