"""What a rule is, and how it looks at an inventory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from infra.config import AwsLab
from tests.harness.deploy import Deployment, Resource

Faults = Iterator[str]
Rule = Callable[[Deployment, AwsLab], Faults]

RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def values(inputs: Any, path: str) -> list[Any]:
    """What lies at a path; `*` stands for every item of a list. What is missing is None."""
    found = [inputs]
    for part in path.split("."):
        if part == "*":
            found = [item for one in found for item in (one or [None])]
        else:
            found = [one.get(part) if isinstance(one, dict) else None for one in found]
    return found


def aws(deployment: Deployment) -> list[Resource]:
    return [one for one in deployment.resources if one.type.startswith("aws:")]


def statements(deployment: Deployment) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Every statement of every IAM policy in the inventory."""
    for one in aws(deployment):
        for key in ("policy", "assumeRolePolicy", "policyDocument"):
            document = one.inputs.get(key)
            if not isinstance(document, str) or "Statement" not in document:
                continue
            for statement in json.loads(document)["Statement"]:
                yield one, statement


def label(one: Resource) -> str:
    return f"{one.type.rpartition(':')[2]} {one.name}"
