"""Decides before deployment: what rules say of resources that a program declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra import naming
from policies.admission import Admission, Settings
from policies.properties import Properties
from policies.relations import Relations, Stack
from policies.rule import ByAdmission, Rule
from policies.values import Undecided, known


class Verdict(StrEnum):
    """What a rule says. What passes is not told."""

    DENIED = "denied"
    #: A value that decides is not known before deployment; it is decided then.
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule says of a resource (`urn` is empty: of the stack)."""

    rule: Rule
    verdict: Verdict
    message: str
    urn: str = ""


def types_of(rule: Rule) -> frozenset[str]:
    """Pulumi types of the resources that a rule looks at one by one before deployment."""
    match rule.preview:
        case Properties() as check:
            return frozenset(check.types)
        case ByAdmission() if isinstance(rule.admission, Admission):
            if rule.admission.of_the_request:
                return frozenset()
            return frozenset(kind.pulumi_type for kind in rule.admission.kinds)
        case _:
            return frozenset()


def is_about(rule: Rule, stack: Stack) -> bool:
    """Whether the stack has anything that the rule looks at."""
    about = types_of(rule)
    if isinstance(rule.preview, Relations):
        about = frozenset(rule.preview.about)
    return any(one.type in about for one in stack.resources)


def of_resource(
    rule: Rule, type_: str, properties: Mapping[str, Any], settings: Settings
) -> Iterator[str]:
    """What is wrong with one resource, of a type that the rule is about.

    Raises:
        Undecided: nothing is known to be wrong, and a value that decides is not known yet.
    """
    if isinstance(rule.preview, Properties):
        yield from rule.preview.faults(type_, properties)
    elif isinstance(rule.admission, Admission):
        manifest = known(properties)
        yield from rule.admission.faults(manifest, namespace_of(manifest), settings)


def namespace_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The namespace of an object, as far as its name tells; of a namespace, itself.

    The API server decides by labels, which only sandboxes of the lab have; so do their names.
    """
    if manifest.get("kind") == "Namespace":
        return dict(manifest)
    name = (manifest.get("metadata") or {}).get("namespace", "default")
    prefix = naming.sandbox_namespace("")
    labels = {naming.LABEL_SANDBOX: name.removeprefix(prefix)} if name.startswith(prefix) else {}
    return {"metadata": {"name": name, "labels": labels}}


def judged(
    rule: Rule, type_: str, properties: Mapping[str, Any], settings: Settings, urn: str = ""
) -> Iterator[Finding]:
    """What a rule says of one resource, of a type that it is about."""
    try:
        for fault in of_resource(rule, type_, properties, settings):
            yield Finding(rule, Verdict.DENIED, fault, urn)
    except Undecided as error:
        yield Finding(rule, Verdict.UNDECIDED, str(error), urn)


def related(rule: Rule, stack: Stack) -> Iterator[Finding]:
    """What a rule says of how a stack's resources belong together; nothing if it is about none."""
    if not isinstance(rule.preview, Relations):
        return
    try:
        for fault in rule.preview.faults(stack):
            urn = fault.resource.urn if fault.resource is not None else ""
            yield Finding(rule, Verdict.DENIED, fault.message, urn)
    except Undecided as error:
        yield Finding(rule, Verdict.UNDECIDED, str(error))


def of_stack(
    rules: Iterable[Rule], stack: Stack, settings: Settings | None = None
) -> Iterator[Finding]:
    """Everything that rules say of a stack, resource by resource and as a whole."""
    told = settings or Settings()
    for rule in rules:
        types = types_of(rule)
        for one in stack.resources:
            if one.type in types:
                yield from judged(rule, one.type, one.properties, told, one.urn)
        yield from related(rule, stack)
