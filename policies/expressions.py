"""CEL without a cluster: the expressions of admission policies, evaluated here.

The evaluator knows the core of the language. What Kubernetes adds (quantities, optional fields,
addresses) it does not know, and rules do without, so that one expression means the same in both.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

# The package loads its own command line for everybody, and with it a terminal library that takes
# two thirds of the time in which a policy pack starts.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
import cel  # noqa: E402

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class ExpressionError(Exception):
    """An expression cannot be evaluated on this object; for a policy that is a refusal."""


@functools.cache
def _program(expression: str) -> cel.Program:
    return cel.compile(expression)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Raises:
        ExpressionError: a field that it reads is missing, or is of another type.
    """
    try:
        return _program(expression).execute(dict(variables))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionError(f"{expression}: {error}") from error


@functools.cache
def names(expression: str) -> frozenset[str]:
    """Every name that an expression speaks of; texts count as well, since they may be keys."""
    texts = {found[1:-1] for found in _TEXT.findall(expression)}
    return frozenset(_NAME.findall(_TEXT.sub("", expression))) | texts
