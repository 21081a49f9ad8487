"""Whether each rule holds now, place by place, and where the places disagree. Pure: it is told what
was observed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from policies import preview
from policies.admission import Admission, Settings
from policies.preview import Finding, Verdict
from policies.relations import Stack
from policies.rule import ByAdmission, NotHere, Place, Refreshed, Rule, Verified
from policies.values import Undecided

Manifest = Mapping[str, Any]


class Stand(StrEnum):
    """How a rule stands in one place."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    #: Nothing is there that the rule is about, or it was not looked at.
    NOTHING = "nothing to decide"
    #: The rule is not enforced in this place.
    NOT_HERE = "not here"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and with which object (`Kind namespace/name`, a URN, or a check's id)."""

    object: str
    message: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands in one place, and why."""

    stand: Stand
    faults: tuple[Fault, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """One rule in its three places."""

    rule: Rule
    places: Mapping[Place, Standing]

    @property
    def broken(self) -> list[Place]:
        """Where it does not hold."""
        return [place for place, one in self.places.items() if one.stand is Stand.BROKEN]

    @property
    def drift(self) -> str:
        """Which places disagree; empty if none do."""
        holding = [place for place, one in self.places.items() if one.stand is Stand.HOLDS]
        if not holding or not self.broken:
            return ""
        return f"it holds by {_listed(holding)} and is broken by {_listed(self.broken)}"


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check of `lab verify`."""

    id: str
    outcome: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen. None means that nobody looked."""

    #: What the program declared when it was last deployed, and that after a refresh.
    declared: Stack | None = None
    refreshed: Stack | None = None
    #: What the registry wants in the cluster, and what is there, by kind and name.
    wanted: Mapping[tuple[str, str], Manifest] | None = None
    installed: Mapping[tuple[str, str], Manifest] | None = None
    #: Objects by API version and kind, and namespaces by name.
    objects: Mapping[tuple[str, str], Sequence[Manifest]] | None = None
    namespaces: Mapping[str, Manifest] = field(default_factory=dict)
    checks: Sequence[Check] | None = None
    settings: Settings = field(default_factory=Settings)


def audit(
    rules: Iterable[Rule], observed: Observed, *, object_name: Callable[[str], str]
) -> list[Audited]:
    """Every rule in every place.

    Args:
        rules: the rules.
        observed: what was seen.
        object_name: from a rule's id to the name of its policy in the cluster.
    """
    return [
        Audited(
            rule,
            {
                Place.PREVIEW: _declared(rule, observed.declared, observed),
                Place.ADMISSION: _enforced(rule, object_name(rule.id), observed),
                Place.LIVE: _live(rule, observed),
            },
        )
        for rule in rules
    ]


def _declared(rule: Rule, stack: Stack | None, observed: Observed) -> Standing:
    if isinstance(rule.preview, NotHere):
        return Standing(Stand.NOT_HERE, because=rule.preview.because)
    if isinstance(rule.admission, Admission) and rule.admission.of_the_request:
        return Standing(Stand.NOTHING, because="It is about requests, not about objects.")
    if stack is None:
        return Standing(Stand.NOTHING, because="Nobody looked.")
    if not preview.is_about(rule, stack):
        return Standing(Stand.NOTHING, because="The stack has nothing that it is about.")
    return _standing(preview.of_stack([rule], stack, observed.settings))


def _standing(findings: Iterable[Finding]) -> Standing:
    found = list(findings)
    denied = tuple(Fault(one.urn, one.message) for one in found if one.verdict is Verdict.DENIED)
    open_ = tuple(Fault(one.urn, one.message) for one in found if one.verdict is Verdict.UNDECIDED)
    if denied:
        return Standing(Stand.BROKEN, denied)
    return Standing(Stand.UNDECIDED, open_) if open_ else Standing(Stand.HOLDS)


def _enforced(rule: Rule, name: str, observed: Observed) -> Standing:
    if isinstance(rule.admission, NotHere):
        return Standing(Stand.NOT_HERE, because=rule.admission.because)
    if observed.wanted is None or observed.installed is None:
        return Standing(Stand.NOTHING, because="Nobody looked.")
    wanted = {key: one for key, one in observed.wanted.items() if key[1] == name}
    if not wanted:
        return Standing(Stand.NOTHING, because="The lab's configuration disables it.")
    faults = []
    for (kind, _), one in wanted.items():
        there = observed.installed.get((kind, name))
        if there is None:
            faults.append(Fault(f"{kind} {name}", "is not in the cluster"))
        else:
            faults += [
                Fault(f"{kind} {name}", f"{path} is another than the registry's")
                for path in differences(one["spec"], there["spec"], "spec")
            ]
    return Standing(Stand.BROKEN, tuple(faults)) if faults else Standing(Stand.HOLDS)


def differences(wanted: Any, there: Any, path: str) -> Iterator[str]:
    """Paths at which something is other than wanted; what an API server adds does not count."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        for key, item in wanted.items():
            yield from differences(item, there.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        for index, (item, other) in enumerate(zip(wanted, there, strict=True)):
            yield from differences(item, other, f"{path}[{index}]")
    # An API server leaves empty fields out.
    elif wanted != there and not (there is None and wanted in ({}, [], "")):
        yield path


def _live(rule: Rule, observed: Observed) -> Standing:
    match rule.live:
        case NotHere(because):
            return Standing(Stand.NOT_HERE, because=because)
        case Refreshed():
            return _declared(rule, observed.refreshed, observed)
        case Verified(patterns):
            return _verified(patterns, observed)
        case ByAdmission() if isinstance(rule.admission, Admission):
            return _objects(rule.admission, observed)
    raise AssertionError(f"{rule.id}: no rule can be made so")


def _objects(check: Admission, observed: Observed) -> Standing:
    if check.of_the_request:
        return Standing(Stand.NOTHING, because="It is about requests, not about objects.")
    if observed.objects is None:
        return Standing(Stand.NOTHING, because="Nobody looked.")
    faults: list[Fault] = []
    seen = False
    for kind in check.kinds:
        for one in observed.objects.get((kind.api_version, kind.name), ()):
            metadata = one["metadata"]
            namespace = observed.namespaces.get(metadata.get("namespace", ""), one)
            if not check.scope.holds(namespace):
                continue
            seen = True
            where = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
            try:
                found = check.faults(one, namespace, observed.settings)
                faults += [Fault(f"{kind.name} {where}", message) for message in found]
            except Undecided as error:  # a value that looks like Pulumi's mark for the unknown
                faults.append(Fault(f"{kind.name} {where}", str(error)))
    if faults:
        return Standing(Stand.BROKEN, tuple(faults))
    if not seen:
        return Standing(Stand.NOTHING, because="The cluster has nothing that it is about.")
    return Standing(Stand.HOLDS)


def _verified(patterns: Sequence[str], observed: Observed) -> Standing:
    if observed.checks is None:
        return Standing(Stand.NOTHING, because="Nobody looked.")
    # Brackets in ids stand for themselves.
    texts = [pattern.replace("[", "[[]") for pattern in patterns]
    about = [one for one in observed.checks if any(fnmatchcase(one.id, text) for text in texts)]
    failed = tuple(Fault(one.id, one.message) for one in about if one.outcome == "failed")
    if failed:
        return Standing(Stand.BROKEN, failed)
    if not any(one.outcome == "passed" for one in about):
        skipped = next((one.message for one in about if one.message), "No such check was run.")
        return Standing(Stand.NOTHING, because=skipped)
    return Standing(Stand.HOLDS)


def _listed(places: Sequence[Place]) -> str:
    return " and ".join(place.value for place in places)
