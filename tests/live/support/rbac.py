"""RBAC rules: what is too wide in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Kubernetes' own roles; they are restored by the API server at every start.
BUILT_IN = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def wildcards(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """Rules that hold for everything of a kind."""
    return [
        f"{field} of {dict(rule)}"
        for rule in rules
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs")
        if any("*" in str(value) for value in rule.get(field) or ())
        # Everything below one path of the API server is a path, not everything.
        and not (field == "nonResourceURLs" and "*" not in rule[field])
    ]


def is_built_in(role: Mapping[str, Any]) -> bool:
    labels = role["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in BUILT_IN.items())


def rule_set(rules: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """Every single right that rules give, as (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups") or [""]
        for resource in rule.get("resources") or []
        for verb in rule.get("verbs") or []
    }
