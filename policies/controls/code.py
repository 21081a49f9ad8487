"""What there is to serve a control: rules, live checks, tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from infra.paths import REPOSITORY
from policies.registry import all_rules
from policies.rule import Rule, Verified

_FOLDER = REPOSITORY / "tests"


@dataclass(frozen=True, slots=True)
class Code:
    """Rules by id, ids of checks of `lab verify`, and tests as `FILE::NAME`."""

    rules: Mapping[str, Rule]
    checks: frozenset[str]
    tests: frozenset[str]

    def checks_like(self, pattern: str) -> list[str]:
        """Checks by a pattern of `lab verify`; one that names a case (`a.b[[]case]`) keeps it."""
        name, _, case = pattern.replace("[[]", "[").partition("[")
        found = sorted(one for one in self.checks if fnmatchcase(one, name))
        return [f"{one}[{case}" for one in found] if case else found


def existing() -> Code:
    """What this checkout has."""
    return Code(all_rules(), live_checks(_FOLDER / "live"), all_tests(_FOLDER, REPOSITORY))


def verified(rule: Rule) -> tuple[str, ...]:
    """Patterns of the checks that decide for a rule on the live system."""
    return rule.live.checks if isinstance(rule.live, Verified) else ()


def live_checks(folder: Path) -> frozenset[str]:
    """Ids in `@pytest.mark.check(id=...)`; those of parametrised checks without their case."""
    return frozenset(
        found
        for file in folder.rglob("test_*.py")
        for function in _functions(file)
        for decorator in function.decorator_list
        if (found := _check_id(decorator))
    )


def all_tests(folder: Path, root: Path) -> frozenset[str]:
    """Every test function by its file, as seen from `root`."""
    return frozenset(
        f"{file.relative_to(root)}::{function.name}"
        for file in folder.rglob("test_*.py")
        for function in _functions(file)
    )


def _functions(file: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def _check_id(decorator: ast.expr) -> str:
    match decorator:
        case ast.Call(func=ast.Attribute(attr="check"), keywords=keywords):
            for keyword in keywords:
                if keyword.arg == "id" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""
