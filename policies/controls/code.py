"""What there is to serve a control: rules, live checks, tests."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
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
        """Checks by a pattern. One that names cases stays as it is: cases are known when they
        run.
        """
        return list(_like(self.checks, pattern))


@functools.cache
def _like(checks: frozenset[str], pattern: str) -> tuple[str, ...]:
    found = tuple(sorted(one for one in checks if fits(one, pattern)))
    return found or ((pattern,) if base(pattern) in checks else ())


def fits(id_: str, pattern: str) -> bool:
    """Whether a pattern means a check; brackets stand for themselves."""
    return bool(_compiled(pattern).match(id_))


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.replace("[", "[[]")))


def base(pattern: str) -> str:
    """The check that a pattern speaks of, without its cases."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


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
