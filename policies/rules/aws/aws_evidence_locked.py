"""What proves something cannot be changed or deleted before its time."""

from collections.abc import Iterator

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_BUCKET = "aws:s3/bucket:Bucket"
_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
_TRAIL = "aws:cloudtrail/trail:Trail"
_YEAR = 365


def _check(stack: Stack) -> Iterator[Fault]:
    for lock in stack.of_type(_LOCK):
        kept = decided(lock.properties, "rule.defaultRetention") or {}
        if kept.get("mode") != "COMPLIANCE":
            yield Fault("an administrator may delete what is locked (mode)", lock)
        days, years = kept.get("days") or 0, kept.get("years") or 0
        if days < _YEAR and years < 1:
            yield Fault("what is locked is free within a year (days)", lock)
    for bucket in stack.of_type(_BUCKET):
        locked = bool(stack.parts(bucket, "bucket", "bucket", _LOCK))
        can_lock = value(bucket.properties, "objectLockEnabled") is True
        if can_lock and not locked:
            yield Fault("nothing says for how long its objects are locked", bucket)
        if locked and not can_lock:
            yield Fault("it was made without object lock (objectLockEnabled)", bucket)
        if stack.parts(bucket, "s3BucketName", "bucket", _TRAIL) and not locked:
            yield Fault("whoever gets in deletes the record of it", bucket)


RULE = Rule(
    id="aws-evidence-locked",
    title="The trail, and whatever else is locked, cannot be changed or deleted for a year, not "
    "even by an administrator.",
    reason="A record that whoever broke in can rewrite proves nothing.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.5.03",
        "SATRE-3.1.14",
        "AIA-18.1",
        "AIA-73.6",
        "EUDPR-33.1b-integrity",
        "CYB-21.7",
    ),
    preview=Relations(
        about=(_LOCK, _TRAIL),
        reads=(_BUCKET,),
        check=_check,
        broken=(
            without(_LOCK),
            changed(_LOCK, "rule.defaultRetention.mode", "GOVERNANCE"),
            changed(_LOCK, "rule.defaultRetention.days", 30),
            changed(_LOCK, "rule.defaultRetention", None),
            changed(_LOCK, "bucket", "another"),
            changed(_BUCKET, "objectLockEnabled", False),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make the bucket with object lock, mode COMPLIANCE, 365 days or more.",
)
