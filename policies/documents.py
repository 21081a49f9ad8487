"""IAM policies as resources hold them: texts of JSON from an engine, maps from an inventory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.values import Undecided, known, unknown_paths, value

#: Keys of conditions that say who may
#: (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
_WHO: Final = frozenset(
    (
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
    )
)
#: Keys that say on whose behalf a service may; nobody else has them.
_ON_BEHALF_OF: Final = frozenset(
    (
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "kms:encryptioncontext:aws:cloudtrail:arn",
        "kms:encryptioncontext:aws:logs:arn",
    )
)
#: What says everything but what is listed.
INVERTED: Final = ("NotAction", "NotPrincipal", "NotResource")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; single texts are lists of one."""

    raw: Mapping[str, Any]

    @property
    def label(self) -> str:
        return str(self.raw.get("Sid") or "a statement")

    @property
    def allows(self) -> bool:
        return self.raw.get("Effect") == "Allow"

    @property
    def actions(self) -> list[str]:
        return _texts(self.raw.get("Action"))

    @property
    def resources(self) -> list[str]:
        return _texts(self.raw.get("Resource"))

    @property
    def inverted(self) -> list[str]:
        return [key for key in INVERTED if key in self.raw]

    def principals(self, kind: str) -> list[str]:
        """Those of a kind (AWS, Service, Federated); `*` alone is everybody of every kind."""
        found = self.raw.get("Principal")
        if isinstance(found, Mapping):
            return _texts(found.get(kind))
        return _texts(found)

    @property
    def conditions(self) -> Iterator[tuple[str, str, list[str]]]:
        """Operator, key and values of every condition; operator and key in lower case."""
        for operator, tests in (self.raw.get("Condition") or {}).items():
            for key, told in tests.items():
                yield operator.lower(), key.lower(), _texts(told)

    @property
    def required(self) -> frozenset[str]:
        """Keys that a request must have, with one of the values that a condition lists."""
        return frozenset(
            key
            for operator, key, told in self.conditions
            if operator != "null"
            and "not" not in operator
            and "ifexists" not in operator
            and "*" not in told
        )

    @property
    def says_who(self) -> bool:
        """Whether a condition names the accounts, roles or networks that may."""
        return bool(_WHO & self.required)

    @property
    def says_on_whose_behalf(self) -> bool:
        """Whether a condition names for whom a service may."""
        return bool((_WHO | _ON_BEHALF_OF) & self.required)

    @property
    def is_for_everybody(self) -> bool:
        return "*" in (*self.principals("AWS"), *self.principals("Federated"))


def statements(properties: Mapping[str, Any], path: str) -> Iterator[Statement]:
    """Every statement of a policy, those that are known first; none where there is no policy.

    Raises:
        Undecided: (a part of) the policy is not known yet.
    """
    document = value(properties, path)
    if document is None or document == "":
        return
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            raise Undecided(path) from None  # no policy: AWS will refuse it
    found = known(document).get("Statement") or []
    unknown = None
    for one in found if isinstance(found, list) else [found]:
        if (part := next(unknown_paths(one), None)) is not None:
            unknown = unknown or ".".join((path, *part))
        else:
            yield Statement(one)
    if unknown is not None:
        raise Undecided(unknown)


def with_statement(path: str, **statement: Any) -> Callable[[dict[str, Any]], None]:
    """A mutant: the policy at a path says this as well."""

    def spoil(properties: dict[str, Any]) -> None:
        document = properties.get(path) or {"Version": "2012-10-17"}
        read = json.loads(document) if isinstance(document, str) else document
        read["Statement"] = [*read.get("Statement", []), {"Sid": "Added", **statement}]
        properties[path] = json.dumps(read) if isinstance(document, str) else read

    spoil.__name__ = f"{path} with {json.dumps(statement)}"
    return spoil


def _texts(found: Any) -> list[str]:
    if found is None:
        return []
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]
