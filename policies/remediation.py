"""What the level `remediate` corrects in a program's resources before they are deployed.

Only what a rule calls safe is set, where the rule says that it is wrong, and nothing else of the
resource. What is not known yet, or cannot be corrected, is left for the rule to refuse.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from policies.admission import Admission, Correction, Settings
from policies.kinds import CHANGEABLE, CRON_JOB, WORKLOADS
from policies.preview import of_resource
from policies.properties import Properties
from policies.rule import ByAdmission, Rule
from policies.values import Undecided, known, plain

#: Where the description of its pods lies in a workload.
_PODS = ("spec", "template", "spec")
_PODS_OF_CRON_JOBS = ("spec", "jobTemplate", *_PODS)


def remedied(
    rule: Rule, type_: str, properties: Mapping[str, Any], settings: Settings
) -> dict[str, Any] | None:
    """The properties with everything corrected that can be safely; None if there is nothing.

    Args:
        rule: of the level `remediate`.
        type_: Pulumi's type of the resource, one that the rule is about.
        properties: as the engine hands them over, with its marks on what JSON cannot say.
        settings: of the lab.
    """
    match rule.preview:
        case Properties() as check:
            return _of_properties(check, type_, properties)
        case ByAdmission() if isinstance(rule.admission, Admission):
            try:
                wrong = list(of_resource(rule, type_, plain(properties), settings))
            except Undecided:
                return None
            return _of_object(rule.admission, type_, properties) if wrong else None
        case _:
            return None


def safe_values(rule: Rule) -> Iterator[tuple[str, str, Any]]:
    """Type, path and value of everything that the level `remediate` may set, for people. Of
    workloads the type is empty and the path begins in the spec of their pods.
    """
    if isinstance(rule.preview, Properties):
        for type_, musts in rule.preview.must.items():
            yield from ((type_, one.path, one.safe) for one in musts if one.safe is not None)
    elif isinstance(rule.preview, ByAdmission) and isinstance(rule.admission, Admission):
        workloads = set(rule.admission.kinds) <= set(WORKLOADS)
        for one in rule.admission.corrections:
            for kind in rule.admission.kinds[: 1 if workloads else None]:
                yield "" if workloads else kind.pulumi_type, one.path, _json(one.value)


def _of_properties(
    check: Properties, type_: str, properties: Mapping[str, Any]
) -> dict[str, Any] | None:
    changed = None
    for one in check.must.get(type_, ()):
        if one.safe is None:
            continue
        now = properties if changed is None else changed
        try:
            wrong = list(one.faults(plain(now)))
        except Undecided:
            continue
        if wrong:
            tried = copy.deepcopy(dict(now))
            if _set(tried, one.path.split("."), one.safe, lambda _: True):
                changed = tried
    return changed


def _of_object(
    admission: Admission, type_: str, properties: Mapping[str, Any]
) -> dict[str, Any] | None:
    kind = next(one for one in admission.kinds if one.pulumi_type == type_)
    before: Sequence[str] = ()
    if kind in WORKLOADS:
        if kind not in CHANGEABLE:
            return None
        before = _PODS_OF_CRON_JOBS if kind == CRON_JOB else _PODS
    changed = copy.deepcopy(dict(properties))
    done = [_apply(changed, before, one) for one in admission.corrections]
    return changed if any(done) else None


def _apply(properties: dict[str, Any], before: Sequence[str], correction: Correction) -> bool:
    path = [*before, *correction.path.split(".")]
    return _set(
        properties, path, _json(correction.value), lambda found: found in correction.instead_of
    )


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _set(there: Any, path: Sequence[str], value: Any, wrong: Callable[[Any], bool]) -> bool:
    """Sets what is wrong at a path, and says whether anything was. What is marked (a secret, a
    value that is not known) is not entered.
    """
    part, *rest = path
    if part == "*":
        items = there if isinstance(there, list) else []
        return sum(_set(item, rest, value, wrong) for item in items) > 0
    if not isinstance(there, dict) or not isinstance(plain(there), dict):
        return False
    found = there.get(part)
    if not rest:
        if not wrong(known(plain(found))):
            return False
        there[part] = copy.deepcopy(value)
        return True
    below = {} if found is None and rest[0] != "*" else found
    if not _set(below, rest, value, wrong):
        return False
    there[part] = below
    return True
