"""Rules as objects of a cluster: what its API server enforces. Pure: no Pulumi, no cluster.

Each rule with an admission check becomes a ValidatingAdmissionPolicy and its binding. Where it has
defaults or fills, a MutatingAdmissionPolicy sets them before the check, so that who says nothing
about a protection gets it rather than a refusal; that API is stable, and on, since Kubernetes 1.36
(https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from infra import naming
from policies import registry
from policies.admission import Admission, Default, Fill, Settings
from policies.kinds import CHANGEABLE, Kind
from policies.rule import Level, Rule

Manifest = dict[str, Any]

#: Before the ids of rules, for names of objects.
PREFIX: Final = "ai-lab-"
_API: Final = "admissionregistration.k8s.io/v1"
#: Whether requests are refused; all are told to the audit log.
_ACTIONS: Final = {
    Level.ADVISORY: ["Warn", "Audit"],
    Level.MANDATORY: ["Deny", "Audit"],
    Level.REMEDIATE: ["Deny", "Audit"],
}
#: First version of Kubernetes in which defaults and fills can be set.
_SETS_DEFAULTS: Final = (1, 36)
#: Where the description of pods lies, by kind, as a JSON pointer.
_POINTER: Final = (
    "object.kind == 'Pod' ? '/spec' : "
    "(object.kind == 'CronJob' ? '/spec/jobTemplate/spec/template/spec' : '/spec/template/spec')"
)


def name_of(rule: str) -> str:
    """Name of a rule's objects."""
    return f"{PREFIX}{rule}"


def objects(
    settings: Settings,
    kubernetes_version: str,
    levels: Mapping[str, Level] | None = None,
    rules: Iterable[Rule] | None = None,
) -> list[Manifest]:
    """Every object, sorted: policies and defaults by the ids of their rules, each before its
    binding.

    Args:
        settings: what expressions know of the lab.
        kubernetes_version: of the cluster ("1.36.3"); an older one gets no defaults.
        levels: other than the rules' own, by their ids.
        rules: all of them, if not given.
    """
    given = levels or {}
    chosen = registry.all_rules().values() if rules is None else rules
    mutates = _version(kubernetes_version) >= _SETS_DEFAULTS
    found: list[Manifest] = []
    for rule in sorted(chosen, key=lambda one: one.id):
        level = given.get(rule.id, rule.level)
        if not isinstance(rule.admission, Admission) or level is Level.DISABLED:
            continue
        found += [_policy(rule, rule.admission, settings), _binding(rule, rule.admission, level)]
        if mutates and (rule.admission.defaults or rule.admission.fills):
            found += [_mutating(rule, rule.admission), _mutating_binding(rule, rule.admission)]
    return found


def _version(text: str) -> tuple[int, int]:
    major, minor = text.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def _metadata(rule: Rule) -> dict[str, Any]:
    return {
        "name": name_of(rule.id),
        "annotations": {
            naming.ANNOTATION_INTENT: rule.title,
            f"{naming.LABEL_PREFIX}/reason": rule.reason,
        },
    }


def _asked(kind: Kind, operations: Iterable[str]) -> dict[str, Any]:
    return {
        "apiGroups": [kind.group],
        "apiVersions": [kind.version],
        "resources": [kind.resource, *(f"{kind.resource}/{sub}" for sub in kind.subresources)],
        "operations": list(operations),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
    }


def _constraints(asked: list[dict[str, Any]]) -> dict[str, Any]:
    # Empty selectors are what the API server would add: all.
    return {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": asked,
    }


def _where(admission: Admission) -> dict[str, Any]:
    return {
        "matchPolicy": "Equivalent",
        "namespaceSelector": admission.scope.selector,
        "objectSelector": {},
    }


def _named(expressions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": key, "expression": text} for key, text in expressions.items()]


def _policy(rule: Rule, admission: Admission, settings: Settings) -> Manifest:
    """What cannot be evaluated is refused."""
    asked = [_asked(kind, admission.operations) for kind in admission.kinds]
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": _constraints(asked),
        "validations": [
            {"expression": one.expression, "message": one.message, "reason": "Forbidden"}
            for one in admission.validations
        ],
    }
    if admission.conditions:
        spec["matchConditions"] = _named(admission.conditions)
    variables = admission.all_variables(settings)
    if variables:
        spec["variables"] = _named(variables)
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": _metadata(rule),
        "spec": spec,
    }


def _binding(rule: Rule, admission: Admission, level: Level) -> Manifest:
    name = name_of(rule.id)
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": _ACTIONS[level],
            "matchResources": _where(admission),
        },
    }


def _mutating(rule: Rule, admission: Admission) -> Manifest:
    """Nothing that an object says is changed, and no pod after it was made."""
    asked = [
        _asked(
            kind,
            ("CREATE", "UPDATE") if admission.defaults and kind in CHANGEABLE else ("CREATE",),
        )
        for kind in admission.kinds
    ]
    patches = [patch(default) for default in admission.defaults]
    patches += [filled(fill) for fill in admission.fills]
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": _constraints(asked),
        "reinvocationPolicy": "IfNeeded",
        "mutations": [
            {"patchType": "JSONPatch", "jsonPatch": {"expression": text}} for text in patches
        ],
    }
    if admission.defaults:
        variables = admission.all_variables(Settings())
        spec["variables"] = _named({"pod": variables["pod"], "pointer": _POINTER})
    return {
        "apiVersion": _API,
        "kind": "MutatingAdmissionPolicy",
        "metadata": _metadata(rule),
        "spec": spec,
    }


def _mutating_binding(rule: Rule, admission: Admission) -> Manifest:
    name = name_of(rule.id)
    return {
        "apiVersion": _API,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "matchResources": _where(admission)},
    }


def patch(default: Default) -> str:
    """CEL for the list of JSON patches that set a default: none, if something is said."""
    text = f"[{_add(default.path, _literal(default.value))}]"
    for depth in range(len(default.path), 0, -1):
        there = ".".join(("variables.pod", *default.path[:depth]))
        if depth == len(default.path):
            text = f"has({there}) ? [] : {text}"
        else:
            whole = _literal(_nested(default.path[depth:], default.value))
            text = f"has({there}) ? ({text}) : [{_add(default.path[:depth], whole)}]"
    return text


def filled(fill: Fill) -> str:
    """CEL for the list of JSON patches that fill a field: none, if something is said."""
    *above, _ = fill.path
    parents = [f"!has(object.{'.'.join(above[:depth])})" for depth in range(1, len(above) + 1)]
    said = " || ".join([*parents, f"has(object.{'.'.join(fill.path)})"])
    where = "/".join(("", *fill.path))
    return f"{said} ? [] : [JSONPatch{{op: 'add', path: '{where}', value: {fill.expression}}}]"


def _add(path: tuple[str, ...], literal: str) -> str:
    where = "/".join(("", *path))
    return f"JSONPatch{{op: 'add', path: variables.pointer + '{where}', value: {literal}}}"


def _nested(path: Iterable[str], value: Any) -> Any:
    whole = dict(value) if isinstance(value, Mapping) else value
    for key in reversed(tuple(path)):
        whole = {key: whole}
    return whole


def _literal(value: Any) -> str:
    return json.dumps(dict(value) if isinstance(value, Mapping) else value)


def of_kind(manifests: Iterable[Manifest], kind: str) -> Iterator[Manifest]:
    """Those of one kind."""
    return (one for one in manifests if one["kind"] == kind)
