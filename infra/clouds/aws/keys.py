"""One customer key a purpose, each usable by those who need it and by nobody else.

A key's policy does not hand its use over to the account's IAM policies (as AWS's default one
does), so that an administrator of IAM is no reader of data. The account keeps what a key's owner
must have: describe, rotate, disable, delete with a delay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.policies import Statement
from infra.clouds.aws.sdk import kms

Purpose = Literal[
    "cluster", "volumes", "artifacts", "evidence", "database", "registry", "logs", "trail", "vault"
]
#: What every ground needs; only the one with Vault has its key.
EVERYWHERE: tuple[Purpose, ...] = (
    "cluster",
    "volumes",
    "artifacts",
    "evidence",
    "database",
    "registry",
    "logs",
    "trail",
)
#: Days between two versions of a key's material; old ones stay for what they encrypted.
ROTATION = 365
#: Days in which a deletion can be taken back; the longest that KMS allows.
DELETION_WINDOW = 30

_OWN = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
#: In a key's own policy this means the key.
_THIS_KEY = ("*",)
#: Made by AWS when the first autoscaling group is; it starts nodes with encrypted volumes.
_AUTOSCALING = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


@dataclass(frozen=True, slots=True)
class CustomerKey:
    arn: pulumi.Output[str]
    #: `alias/NAME`; known before the key is.
    alias: str
    resource: pulumi.Resource


class Keys(Part):
    """Customer keys of a lab, by purpose."""

    def __init__(
        self,
        place: Place,
        purposes: Sequence[Purpose] = EVERYWHERE,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Keys", place, opts, purposes[0] if len(purposes) == 1 else "")
        known = _purposes(place)
        self._keys = {purpose: self._key(purpose, *known[purpose]) for purpose in purposes}
        self.register_outputs({})

    def __getitem__(self, purpose: Purpose) -> CustomerKey:
        return self._keys[purpose]

    def _key(self, purpose: Purpose, what: str, uses: Sequence[Statement]) -> CustomerKey:
        name = self.place.name(purpose)
        own = policies.allow("Own", _OWN, _THIS_KEY, principal={"AWS": self.place.root})
        key = kms.Key(
            self.place.name(f"key-{purpose}"),
            description=f"{what} of lab {self.place.lab}",
            policy=policies.document(own, *uses),
            enable_key_rotation=True,
            rotation_period_in_days=ROTATION,
            deletion_window_in_days=DELETION_WINDOW,
            tags=self.place.tags(name),
            opts=self.kept(),
        )
        alias = f"alias/{name}"
        kms.Alias(
            self.place.name(f"key-{purpose}"),
            name=alias,
            target_key_id=key.key_id,
            opts=self.made(),
        )
        return CustomerKey(key.arn, alias, key)


def _purposes(place: Place) -> dict[Purpose, tuple[str, list[Statement]]]:
    """What each key is for, and who may use it for that."""
    return {
        "cluster": ("Secrets in the Kubernetes API", _through(place, "eks", grants=True)),
        "volumes": ("Volumes", [*_through(place, "ec2", grants=True), *_autoscaling(place)]),
        "artifacts": ("Models, data sets and results", _through(place, "s3")),
        "evidence": ("Signed evidence", _through(place, "s3")),
        "database": (
            "PostgreSQL, its backups and its master secret",
            [
                *_through(place, "rds", grants=True),
                *_through(place, "secretsmanager", sid="Secret"),
            ],
        ),
        "registry": ("Images", _through(place, "ecr", grants=True)),
        "logs": ("Logs", _logs(place)),
        "trail": ("The account's trail", [*_trail(place), *_through(place, "s3")]),
        "vault": ("What opens Vault", _vault(place)),
    }


def _through(
    place: Place, service: str, *, grants: bool = False, sid: str = "Use"
) -> list[Statement]:
    """Whom the account allows, and only by way of that service, never by KMS itself."""
    principal = {"AWS": place.root}
    way = {
        "kms:CallerAccount": place.account,
        "kms:ViaService": f"{service}.{place.region}.amazonaws.com",
    }
    use = policies.allow(
        f"{sid}Through{service.capitalize()}",
        policies.KEY_USE,
        _THIS_KEY,
        principal=principal,
        condition={"StringEquals": way},
    )
    if not grants:
        return [use]
    grant = policies.allow(
        f"{sid}LaterBy{service.capitalize()}",
        ["kms:CreateGrant"],
        _THIS_KEY,
        principal=principal,
        condition={"StringEquals": way, "Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    return [use, grant]


def _autoscaling(place: Place) -> list[Statement]:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"""
    principal = {"AWS": place.role_arn(_AUTOSCALING)}
    return [
        policies.allow("UseByAutoscaling", policies.KEY_USE, _THIS_KEY, principal=principal),
        policies.allow(
            "GrantByAutoscaling",
            ["kms:CreateGrant"],
            _THIS_KEY,
            principal=principal,
            condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def _logs(place: Place) -> list[Statement]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"""
    return [
        policies.allow(
            "UseByLogs",
            policies.KEY_USE,
            _THIS_KEY,
            principal={"Service": f"logs.{place.region}.amazonaws.com"},
            condition={
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "log-group:*")}
            },
        )
    ]


def _trail(place: Place) -> list[Statement]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html"""
    trail = place.arn("cloudtrail", f"trail/{place.name('trail')}")
    any_trail = f"arn:aws:cloudtrail:*:{place.account}:trail/*"
    principal = {"Service": "cloudtrail.amazonaws.com"}
    source = {"StringEquals": {"aws:SourceArn": trail}}
    return [
        policies.allow(
            "EncryptByTrail",
            ["kms:GenerateDataKey"],
            _THIS_KEY,
            principal=principal,
            condition={
                **source,
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": any_trail},
            },
        ),
        policies.allow(
            "DescribeByTrail", ["kms:DescribeKey"], _THIS_KEY, principal=principal, condition=source
        ),
    ]


def _vault(place: Place) -> list[Statement]:
    """https://developer.hashicorp.com/vault/docs/configuration/seal/awskms#authentication

    Its role is allowed by its own policy; from here it is bound to the lab's network as well.
    """
    return [
        policies.allow(
            "OpenVault",
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"],
            _THIS_KEY,
            principal={"AWS": place.root},
            condition={"ArnEquals": {"aws:PrincipalArn": place.role_arn(place.name("vault"))}},
        )
    ]
