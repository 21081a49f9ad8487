"""What is claimed for controls besides what rules say of themselves: data/claims.yaml.

And what served each control when somebody last looked: data/served.csv. What is in it and no
longer there makes a control unsatisfied, so that nothing disappears unseen.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from policies.controls.catalogue import DATA, by_number, controls
from policies.controls.code import Code, verified

CLAIMS: Final = DATA / "claims.yaml"
SERVED: Final = DATA / "served.csv"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed for one control. `out` is why it is out of scope, `planned` what is missing
    and where it comes.
    """

    checks: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    out: str = ""
    planned: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """Something that serves a control: a `rule`, a `check` or a `test`."""

    by: str
    id: str


Served = Mapping[str, frozenset[Server]]


@functools.cache
def claims(file: Path = CLAIMS) -> Mapping[str, Claim]:
    """Claims by control.

    Raises:
        ValueError: one is about no control, or two contradict each other.
    """
    found: dict[str, Claim] = {}
    document: dict[str, list[dict[str, Any]]] = yaml.safe_load(file.read_text())
    for entry in document["out_of_scope"]:
        for id_ in _meant(entry):
            _add(found, id_, Claim(out=" ".join(entry["because"].split())))
    for entry in document["planned"]:
        for id_ in _meant(entry):
            _add(found, id_, Claim(planned=" ".join(entry["missing"].split())))
    for entry in document["served"]:
        for id_ in _meant(entry):
            old = found.get(id_, Claim())
            if old.out:
                raise ValueError(f"{id_} is served and out of scope")
            number = id_.rpartition("-")[2]
            own = (one.replace("{number}", number) for one in entry.get("checks", ()))
            checks = (*old.checks, *own)
            tests = (*old.tests, *entry.get("tests", ()))
            found[id_] = Claim(checks, tests, planned=old.planned)
    return MappingProxyType(found)


def _add(found: dict[str, Claim], id_: str, claim: Claim) -> None:
    if id_ in found:
        raise ValueError(f"{id_} is claimed twice")
    found[id_] = claim


def _meant(entry: Mapping[str, Any]) -> Iterable[str]:
    for pattern in entry["controls"]:
        ids = [one for one in controls() if fnmatchcase(one, pattern)]
        if not ids:
            raise ValueError(f"claims.yaml: there is no control {pattern}")
        yield from ids


def serving(claimed: Mapping[str, Claim], code: Code) -> Served:
    """What serves each control now."""
    found: dict[str, set[Server]] = {id_: set() for id_ in controls()}
    for rule in code.rules.values():
        checks = {one for pattern in verified(rule) for one in code.checks_like(pattern)}
        for id_ in rule.controls:
            if id_ in found:
                found[id_].add(Server("rule", rule.id))
                found[id_].update(Server("check", one) for one in checks)
    for id_, claim in claimed.items():
        for pattern in claim.checks:
            found[id_].update(Server("check", one) for one in code.checks_like(pattern))
        found[id_].update(Server("test", one) for one in claim.tests if one in code.tests)
    return {id_: frozenset(servers) for id_, servers in found.items()}


def missing(id_: str, claim: Claim, code: Code) -> list[str]:
    """What is claimed, or needed by the control's rules, and does not exist."""
    faults = [f"no check is called {one}" for one in claim.checks if not code.checks_like(one)]
    faults += [f"there is no test {one}" for one in claim.tests if one not in code.tests]
    for rule in code.rules.values():
        if id_ in rule.controls:
            faults += [
                f"rule {rule.id}: no check is called {one}"
                for one in verified(rule)
                if not code.checks_like(one)
            ]
    return faults


def accepted(file: Path = SERVED) -> Served:
    """What served each control when it was last accepted."""
    found: dict[str, set[Server]] = {}
    with file.open(newline="") as text:
        for row in csv.DictReader(text):
            found.setdefault(row["control"], set()).add(Server(row["by"], row["id"]))
    return {id_: frozenset(servers) for id_, servers in found.items()}


def written(served: Served) -> str:
    """The text of data/served.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("control", "by", "id"))
    for id_ in sorted(served, key=by_number):
        writer.writerows((id_, server.by, server.id) for server in sorted(served[id_]))
    return text.getvalue()
