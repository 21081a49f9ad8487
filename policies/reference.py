"""Writes docs/reference/policies.md from the rules, and what serves each control.

Run `python -m policies.reference` after a change of rules, claims or live checks; tests hold both
files to the code.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from infra.paths import REPOSITORY
from policies.controls import claims
from policies.controls.catalogue import CATALOGUES, controls
from policies.controls.code import existing
from policies.controls.matrix import make
from policies.controls.standing import State
from policies.kinds import CHANGEABLE
from policies.registry import all_rules
from policies.remediation import safe_values
from policies.rule import NotHere, Place, Rule

PAGE = REPOSITORY / "docs" / "reference" / "policies.md"
#: A reason that so many rules give is printed once.
_MANY = 5
_AREAS = {"aws": "AWS", "azure": "Azure", "hosts": "Machines", "kubernetes": "Kubernetes"}


def page() -> str:
    """docs/reference/policies.md."""
    rules = all_rules()
    lines = [
        "# Policies",
        "",
        "Every rule of the lab. `./lab policies explain RULE` prints its code and examples.",
        "How rules work and how to add one: [policies](../policies.md). This page is made",
        "from `policies/rules` by `python -m policies.reference`.",
        "",
        f"{len(rules)} rules. `refused` means that a deployment stops; `warned` that it goes on.",
    ]
    notes = _notes()
    if notes:
        lines += ["", "Why many rules are not checked in a place:", ""]
        lines += [f"{number}. {reason}" for reason, number in notes.items()]
    for area, title in _AREAS.items():
        chosen = [rule for rule in rules.values() if area_of(rule.id) == area]
        if chosen:
            lines += ["", f"## {title}", ""]
            lines += ["| rule | what holds, and why | severity | where | controls |"]
            lines += ["|---|---|---|---|---|", *(_row(rule, notes) for rule in chosen)]
    return "\n".join([*lines, *_corrections(), *_controls()]) + "\n"


def area_of(id_: str) -> str:
    """The folder of a rule's file."""
    return file_of(id_).rsplit("/", 2)[-2]


def file_of(id_: str) -> str:
    """The path of a rule's file in the repository.

    Raises:
        KeyError: there is no such rule.
    """
    name = f"{id_.replace('-', '_')}.py"
    for file in sorted((REPOSITORY / "policies" / "rules").rglob(name)):
        return str(file.relative_to(REPOSITORY))
    raise KeyError(id_)


def _notes() -> dict[str, int]:
    """Numbers for reasons that many rules give."""
    given = Counter(
        check.because
        for rule in all_rules().values()
        for place in Place
        if isinstance(check := getattr(rule, place.value), NotHere)
    )
    common = [reason for reason, times in given.most_common() if times >= _MANY]
    return {reason: number for number, reason in enumerate(common, 1)}


def _row(rule: Rule, notes: Mapping[str, int]) -> str:
    level = "refused" if rule.level == "mandatory" else "warned"
    cells = (
        f"[{rule.id}](../../{file_of(rule.id)})",
        f"**{rule.title}** {rule.reason}",
        f"{rule.severity}, {level}",
        "<br>".join(_places(rule, notes)),
        ", ".join(rule.controls),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _places(rule: Rule, notes: Mapping[str, int]) -> Iterator[str]:
    for place in Place:
        check = getattr(rule, place.value)
        if isinstance(check, NotHere):
            number = notes.get(check.because)
            yield f"not {place}: {f'see {number}' if number else check.because}"
        else:
            yield str(place)


def _corrections() -> Iterator[str]:
    yield from ("", "## What the level `remediate` corrects", "")
    yield "A rule that is not here refuses at that level, as does what is left of one that is."
    yield "[When a correction is safe](../policies.md#what-the-level-remediate-corrects)."
    yield from ("", "| rule | resource | property | is set to |", "|---|---|---|---|")
    for rule in all_rules().values():
        # The same for several values of another property is one line.
        rows = {
            f"| {rule.id} | {type_ or _WORKLOADS} | `{path}` | `{json.dumps(value)}` |": None
            for type_, path, value in safe_values(rule)
        }
        yield from rows


_WORKLOADS = f"pods of {', '.join(kind.name for kind in CHANGEABLE)}"


def _controls() -> Iterator[str]:
    matrix = make(existing())
    yield from ("", "## Controls", "")
    yield "How many controls of each catalogue have something that serves them. What was found on a"
    yield "running lab is in what `./lab policies matrix` writes."
    yield from ("", f"| catalogue | {' | '.join(_SHOWN)} |", "|---|" + "---:|" * len(_SHOWN))
    for catalogue, rows in matrix.by_catalogue():
        numbers = [
            sum(row.state in (State.SATISFIED, State.IN_PLACE) for row in rows),
            sum(row.state is State.NOT_SATISFIED and bool(row.servers) for row in rows),
            sum(row.state is State.NOT_SATISFIED and not row.servers for row in rows),
            sum(row.state is State.OUT for row in rows),
        ]
        yield f"| {catalogue.title} | {' | '.join(map(str, numbers))} |"
    yield ""
    for catalogue in CATALOGUES.values():
        yield f"- {catalogue.title}: {' '.join(catalogue.notes)}"
    used = {id_ for rule in all_rules().values() for id_ in rule.controls}
    named = [one for one in controls().values() if one.id in used]
    yield from ("", "### Controls that rules name", "", "| control | duty |", "|---|---|")
    for one in named:
        marks = "".join(f" ({mark})" for mark in one.marks)
        yield f"| {one.id} | {one.duty}{marks} |"


_SHOWN = ("served", "partly", "not yet", "out of scope")


def write() -> None:
    """Writes both files."""
    served = claims.serving(claims.claims(), existing())
    claims.SERVED.write_text(claims.written(served))
    PAGE.write_text(page())


if __name__ == "__main__":
    write()
