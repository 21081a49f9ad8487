"""Every bucket has all of its protections."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import added, without

_BUCKET = "aws:s3/bucket:Bucket"
_PARTS = {
    f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}": what
    for kind, what in {
        "BucketOwnershipControls": "grants by access lists are not switched off",
        "BucketPolicy": "no policy refuses plain text",
        "BucketPublicAccessBlock": "nothing blocks public access",
        "BucketServerSideEncryptionConfiguration": "nothing encrypts it with the lab's key",
        "BucketVersioning": "what is overwritten is gone",
    }.items()
}


def _check(stack: Stack) -> Iterator[Fault]:
    for bucket in stack.of_type(_BUCKET):
        found = {one.type for one in stack.parts(bucket, "bucket", "bucket", *_PARTS)}
        for type_, what in _PARTS.items():
            if type_ not in found:
                yield Fault(f"{bucket.name} has no {type_.rpartition(':')[2]}: {what}", bucket)


RULE = Rule(
    id="aws-buckets-closed",
    title="Every bucket has its public access block, owner, policy, key and versions.",
    reason="On AWS these are resources of their own: a bucket without them works just as well, and "
    "nobody notices that it stands open.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-3.1.12", "EUDPR-4.1f", "CYB-8.2c"),
    preview=Relations(
        about=(_BUCKET,),
        reads=tuple(_PARTS),
        check=_check,
        broken=(*(without(type_) for type_ in _PARTS), added(_BUCKET, bucket="open")),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make the bucket together with all five.",
)
