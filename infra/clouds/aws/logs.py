"""Log groups: all encrypted with the lab's key, kept for as long as the configuration says."""

from __future__ import annotations

from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.place import Part
from infra.clouds.aws.sdk import cloudwatch


def log_group(
    part: Part, resource_name: str, name: str, *, key: CustomerKey, days: int
) -> cloudwatch.LogGroup:
    """A group of that name, made before the service that would make it without a key."""
    return cloudwatch.LogGroup(
        part.place.name(resource_name),
        name=name,
        kms_key_id=key.arn,
        retention_in_days=days,
        tags=part.place.tags(name),
        # Logs are evidence of what happened in a lab, also after it is gone.
        opts=part.kept(),
    )
