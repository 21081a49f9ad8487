"""Buckets: artifacts, evidence that nobody can change, and the account's trail.

Each is versioned, encrypted with a key of its own, closed to the public in every way that S3 has,
and answers over TLS only. There is no server access log: its target could not be encrypted with a
customer key. Reads and writes of objects are in the trail instead, which is signed (audit.py).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.clouds.aws import policies
from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.policies import Statement
from infra.clouds.aws.sdk import s3

#: Days after which what was overwritten or deleted in a store without lock is gone.
_OLD_VERSIONS = 90
_UNFINISHED_UPLOADS = 7
#: All that can be done with a bucket and its objects; TLS and key are asked of each of them.
_EVERYTHING = ("s3:*",)


@dataclass(frozen=True, slots=True)
class BucketArgs:
    """`purpose` is part of the name. `lock_days` makes objects immutable for so long (WORM)."""

    purpose: str
    key: CustomerKey
    lock_days: int | None = None
    #: What a service of AWS may do here.
    extra: Sequence[Statement] = ()


class Bucket(Part):
    """One bucket with everything that closes it."""

    def __init__(
        self, place: Place, args: BucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Bucket", place, opts, args.purpose)
        self.name = place.global_name(args.purpose)
        self.bucket = s3.Bucket(
            place.name(args.purpose),
            bucket=self.name,
            force_destroy=False,
            object_lock_enabled=args.lock_days is not None,
            tags=place.tags(self.name),
            opts=self.kept(),
        )
        self.arn = self.bucket.arn
        name, id_ = args.purpose, self.bucket.id
        s3.BucketPublicAccessBlock(
            place.name(name),
            bucket=id_,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.kept(),
        )
        s3.BucketOwnershipControls(
            place.name(name),
            bucket=id_,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self.kept(),
        )
        versioning = s3.BucketVersioning(
            place.name(name),
            bucket=id_,
            versioning_configuration={"status": "Enabled"},
            opts=self.kept(),
        )
        s3.BucketServerSideEncryptionConfiguration(
            place.name(name),
            bucket=id_,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": args.key.arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self.kept(),
        )
        s3.BucketPolicy(
            place.name(name),
            bucket=id_,
            policy=pulumi.Output.from_input(args.key.arn).apply(
                lambda key: policies.document(*closed(self.name, key), *args.extra)
            ),
            opts=self.kept(),
        )
        self._lifecycle(args, versioning)
        if args.lock_days is not None:
            s3.BucketObjectLockConfiguration(
                place.name(name),
                bucket=id_,
                object_lock_enabled="Enabled",
                rule={"default_retention": {"mode": "COMPLIANCE", "days": args.lock_days}},
                opts=self.kept(versioning),
            )
        self.register_outputs({})

    def _lifecycle(self, args: BucketArgs, versioning: s3.BucketVersioning) -> None:
        rule = s3.BucketLifecycleConfigurationRuleArgs
        everything = s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
        rules = [
            rule(
                id="unfinished-uploads",
                status="Enabled",
                filter=everything,
                abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=_UNFINISHED_UPLOADS
                ),
            )
        ]
        if args.lock_days is None:
            rules.append(
                rule(
                    id="old-versions",
                    status="Enabled",
                    filter=everything,
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=_OLD_VERSIONS
                    ),
                )
            )
        s3.BucketLifecycleConfiguration(
            self.place.name(args.purpose),
            bucket=self.bucket.id,
            rules=rules,
            opts=self.kept(versioning),
        )


def closed(bucket: str, key: str) -> list[Statement]:
    """What is refused to everybody: no TLS, an old one, and objects under any other key."""
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    put = ["s3:PutObject"]
    return [
        policies.deny(
            "TlsOnly",
            _EVERYTHING,
            arns,
            principal="*",
            condition={"Bool": {"aws:SecureTransport": "false"}},
        ),
        policies.deny(
            "NoOldTls",
            _EVERYTHING,
            arns,
            principal="*",
            condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ),
        policies.deny(
            "OwnKeyOnly",
            put,
            arns[1:],
            principal="*",
            condition={
                "StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}
            },
        ),
    ]
