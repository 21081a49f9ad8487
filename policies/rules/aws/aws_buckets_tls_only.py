"""Buckets answer over TLS 1.2 or newer only."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.documents import Statement, statements
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_WANTED = (
    ("bool", "aws:securetransport", ["false"], "plain text"),
    ("numericlessthan", "s3:tlsversion", ["1.2"], "TLS older than 1.2"),
)


def _refuses_everything(statement: Statement) -> bool:
    return (
        not statement.allows
        and statement.is_for_everybody
        and bool({"*", "s3:*"} & set(statement.actions))
        and any(arn.endswith("/*") for arn in statement.resources)
        and any(not arn.endswith("/*") for arn in statement.resources)
    )


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    found = [one for one in statements(properties, "policy") if _refuses_everything(one)]
    conditions = [list(one.conditions) for one in found]
    for operator, key, told, what in _WANTED:
        if [(operator, key, told)] not in conditions:
            yield f"policy: {what} is not refused"


def _edited(text: str, other: str) -> Any:
    def spoil(properties: dict[str, Any]) -> None:
        properties["policy"] = _replaced(properties["policy"], text, other)

    spoil.__name__ = f"policy with {other} for {text}"
    return spoil


def _replaced(found: Any, text: str, other: str) -> Any:
    if isinstance(found, dict):
        return {key.replace(text, other): _replaced(one, text, other) for key, one in found.items()}
    if isinstance(found, list):
        return [_replaced(one, text, other) for one in found]
    return other if found == text else found


RULE = Rule(
    id="aws-buckets-tls-only",
    title="Buckets answer over TLS 1.2 or newer only.",
    reason="S3 also answers in plain text and over TLS that is broken; a client that is set up "
    "wrongly would send data and signatures for everybody on the way to read.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.8.02",
        "SATRE-2.8.03",
        "SATRE-2.8.04",
        "EUDPR-33.1a-transit",
        "CYB-8.2j",
    ),
    preview=Properties(
        {"aws:s3/bucketPolicy:BucketPolicy": ()},
        check=_check,
        broken=(
            _edited("aws:SecureTransport", "aws:Secure"),
            _edited("false", "true"),
            _edited("1.2", "1.0"),
            _edited("Deny", "Allow"),
            _edited("s3:*", "s3:GetObject"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Refuse `s3:*` on the bucket and its objects where aws:SecureTransport is false, and "
    "where s3:TlsVersion is less than 1.2.",
)
