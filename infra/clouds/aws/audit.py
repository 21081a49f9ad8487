"""Who did what in the account, and on which object: CloudTrail, signed, encrypted, in all regions.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.keys import Keys
from infra.clouds.aws.logs import log_group
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import cloudtrail, iam
from infra.clouds.aws.stores import Bucket, BucketArgs


class Audit(Part):
    """The trail, its bucket that nobody can change, and a live copy in CloudWatch Logs."""

    def __init__(
        self,
        place: Place,
        keys: Keys,
        *,
        watched: Sequence[Bucket],
        log_days: int,
        trail_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Every read and write of an object in the `watched` buckets is recorded."""
        super().__init__("Audit", place, opts)
        name = place.name("trail")
        bucket = Bucket(
            place,
            BucketArgs("trail", keys["trail"], lock_days=trail_days, extra=_deliver(place)),
            pulumi.ResourceOptions(parent=self),
        )
        group = log_group(
            self, "trail", f"/ai-lab/{place.lab}/trail", key=keys["logs"], days=log_days
        )
        role = iam.Role(
            place.name("trail"),
            name=name,
            description="Writes the account's trail to CloudWatch Logs",
            assume_role_policy=policies.trust("cloudtrail.amazonaws.com", account=place.account),
            tags=place.tags(name),
            opts=self.made(),
        )
        rights = iam.RolePolicy(
            place.name("trail"),
            role=role.id,
            policy=policies.document(
                policies.allow(
                    "Write",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [place.arn("logs", f"log-group:/ai-lab/{place.lab}/trail:log-stream:*")],
                )
            ),
            opts=self.made(),
        )
        cloudtrail.Trail(
            place.name("trail"),
            name=name,
            s3_bucket_name=bucket.bucket.id,
            kms_key_id=keys["trail"].arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            cloud_watch_logs_group_arn=group.arn.apply(lambda arn: f"{arn}:*"),
            cloud_watch_logs_role_arn=role.arn,
            advanced_event_selectors=[
                {
                    "name": "Management",
                    "field_selectors": [{"field": "eventCategory", "equals": ["Management"]}],
                },
                {
                    "name": "Objects",
                    "field_selectors": [
                        {"field": "eventCategory", "equals": ["Data"]},
                        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                        {
                            "field": "resources.ARN",
                            "starts_withs": [f"arn:aws:s3:::{one.name}/" for one in watched],
                        },
                    ],
                },
            ],
            tags=place.tags(name),
            opts=self.kept(bucket, rights),
        )
        self.register_outputs({})


def _deliver(place: Place) -> list[policies.Statement]:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"""
    arn = f"arn:aws:s3:::{place.global_name('trail')}"
    principal = {"Service": "cloudtrail.amazonaws.com"}
    trail = {"aws:SourceArn": place.arn("cloudtrail", f"trail/{place.name('trail')}")}
    return [
        policies.allow(
            "LookByTrail",
            ["s3:GetBucketAcl"],
            [arn],
            principal=principal,
            condition={"StringEquals": trail},
        ),
        policies.allow(
            "WriteByTrail",
            ["s3:PutObject"],
            [f"{arn}/AWSLogs/{place.account}/*"],
            principal=principal,
            condition={"StringEquals": {**trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
    ]
