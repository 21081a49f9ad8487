"""Everything that there is to say of one rule: for people, and as a document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from infra.paths import REPOSITORY
from policies.admission import Admission
from policies.controls.catalogue import controls
from policies.properties import Properties
from policies.reference import file_of
from policies.relations import Relations
from policies.remediation import safe_values
from policies.rule import ByAdmission, NotHere, Place, Refreshed, Rule, Verified


def summary(rule: Rule) -> dict[str, Any]:
    """What `lab policies list --json` has of a rule."""
    return {
        "id": rule.id,
        "title": rule.title,
        "reason": rule.reason,
        "severity": str(rule.severity),
        "level": str(rule.level),
        "controls": list(rule.controls),
        "places": [str(place) for place in rule.places],
    }


def document(rule: Rule) -> dict[str, Any]:
    """What `lab policies explain --json` prints."""
    file = file_of(rule.id)
    passing, failing = _examples(rule)
    return {
        **summary(rule),
        "remedy": rule.remedy,
        "corrects": [
            {"type": type_, "path": path, "value": value}
            for type_, path, value in safe_values(rule)
        ],
        "places": {str(place): _place(rule, place) for place in Place},
        "controls": [
            {
                "id": id_,
                "catalogue": one.catalogue,
                "duty": one.duty,
                "marks": list(one.marks),
            }
            for id_ in rule.controls
            if (one := controls().get(id_))
        ],
        "passes": passing,
        "fails": failing,
        "file": file,
        "code": (REPOSITORY / file).read_text(),
    }


def text(rule: Rule) -> str:
    """The same for people."""
    told = document(rule)
    lines = [f"{rule.id}: {rule.title}", f"  {told['severity']}, {told['level']}"]
    lines += ["", f"Why: {rule.reason}"]
    if rule.remedy:
        lines.append(f"How to make it hold: {rule.remedy}")
    lines += ["", "Where:", *(f"  {name:<10} {one['how']}" for name, one in told["places"].items())]
    if told["corrects"]:
        lines += ["", "At the level `remediate` it sets:", *_corrections(told["corrects"])]
    lines += ["", "Controls:", *_controls(told["controls"])]
    lines += ["", "Passes:", *_indented(told["passes"])]
    lines += ["", "Fails:", *_indented(told["fails"])]
    lines += ["", f"Code: {told['file']}", "", told["code"].rstrip()]
    return "\n".join(lines)


def _controls(entries: list[dict[str, Any]]) -> Iterator[str]:
    for one in entries:
        marks = "".join(f" ({mark})" for mark in one["marks"])
        yield f"  {one['id']}: {one['duty']}{marks}"


def _corrections(entries: list[dict[str, Any]]) -> Iterator[str]:
    for one in entries:
        yield f"  {one['type'] or 'pods'}: {one['path']} = {json.dumps(one['value'])}"


def _indented(example: Any) -> Iterator[str]:
    shown = example if isinstance(example, str) else yaml.safe_dump(example, sort_keys=False)
    return (f"  {line}" for line in shown.rstrip().splitlines())


def _place(rule: Rule, place: Place) -> dict[str, Any]:
    check = getattr(rule, place.value)
    enforced = not isinstance(check, NotHere)
    return {"enforced": enforced, "how": _how(rule, place) if enforced else f"no: {check.because}"}


def _how(rule: Rule, place: Place) -> str:
    found = ""
    match getattr(rule, place.value):
        case Properties() as check:
            found = f"properties of {', '.join(check.types)}"
        case Relations() as check:
            found = f"how resources of a stack belong together: {', '.join(check.about)}"
        case Admission() as check:
            kinds = ", ".join(kind.name for kind in check.kinds)
            found = f"{', '.join(check.operations)} of {kinds} in: {check.scope}"
        case ByAdmission():
            what = "declared objects" if place is Place.PREVIEW else "objects of the API"
            found = f"the admission check, on {what}"
        case Refreshed():
            found = "the preview check, on the state after it was read anew from the provider"
        case Verified(checks):
            found = f"checks of `lab verify`: {', '.join(checks)}"
    return found


def _examples(rule: Rule) -> tuple[Any, Any]:
    """A passing and a failing one, as a text or as something that YAML and JSON can say."""
    if isinstance(rule.admission, Admission):
        return _plain(rule.admission.passes[0]), _plain(_failing(rule.admission))
    match rule.preview:
        case Properties() as check:
            return _of_properties(check)
        case Relations() as check:
            return rule.title, "\n".join(_said(spoil) for spoil in check.broken)
        case _:
            return rule.title, f"A machine on which one of {_how(rule, Place.LIVE)} fails."


def _failing(check: Admission) -> Any:
    """An object, or who tries what, where that depends on what was there before."""
    if check.fails:
        return check.fails[0]
    attempt = check.refused[0]
    told = {"user": attempt.user, "operation": attempt.operation}
    after, before = {"object": attempt.object}, {"before": attempt.before}
    return told | (after if attempt.object else {}) | (before if attempt.before else {})


def _of_properties(check: Properties) -> tuple[Any, Any]:
    musts = {
        type_: [f"{one.path} must be {one.wanted}" for one in found]
        for type_, found in check.must.items()
    }
    for type_, found in check.must.items():
        for one in found:
            if one.broken:
                return musts, {type_: {one.path: _plain(one.broken[0])}}
    if check.forbidden and not check.broken:
        return musts or "A stack without any.", _plain(check.forbidden)
    return musts, "\n".join(_said(spoil) for spoil in check.broken)


def _said(function: Any) -> str:
    """What a function's author says of it, or its name in words."""
    words = (function.__doc__ or "").strip().partition("\n")[0]
    return words or function.__name__.strip("_").replace("_", " ")


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
