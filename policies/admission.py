"""Checks that an API server makes before it stores an object: CEL, as ValidatingAdmissionPolicy.

The same expressions are evaluated here without a cluster: on what a program declares, and on the
objects of an API. What needs the request itself (who asks, what was there before) is evaluated by
the API server only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from infra import naming
from policies import expressions
from policies.expressions import ExpressionError
from policies.kinds import WORKLOADS, Kind
from policies.values import Undecided, unknown_paths

Manifest = Mapping[str, Any]

SYSTEM_NAMESPACE: Final = "kube-system"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
#: Maps whose keys are data: an expression may read any of them.
_OPEN_MAPS: Final = frozenset(
    ("annotations", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests")
)
#: Where the description of pods lies, by kind; for expressions about workloads.
_POD: Final = (
    "object.kind == 'Pod' ? object.spec : "
    "(object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template.spec : "
    "object.spec.template.spec)"
)
_CONTAINERS: Final = (
    "variables.pod.containers"
    " + (has(variables.pod.initContainers) ? variables.pod.initContainers : [])"
    " + (has(variables.pod.ephemeralContainers) ? variables.pod.ephemeralContainers : [])"
)


class Scope(StrEnum):
    """Namespaces in which a policy holds."""

    SANDBOXES = "sandboxes"
    #: All but the cluster's own, in which machine-level pods run.
    TENANTS = "tenants"
    CLUSTER = "cluster"

    @property
    def selector(self) -> dict[str, Any]:
        """The binding's namespaceSelector."""
        expression: dict[str, Any]
        match self:
            case Scope.SANDBOXES:
                expression = {"key": naming.LABEL_SANDBOX, "operator": "Exists"}
            case Scope.TENANTS:
                values = [SYSTEM_NAMESPACE]
                expression = {"key": _NAME_LABEL, "operator": "NotIn", "values": values}
            case Scope.CLUSTER:
                return {}
        return {"matchExpressions": [expression]}

    def holds(self, namespace: Manifest) -> bool:
        """Whether it holds in a namespace (its object: name and labels)."""
        metadata = namespace.get("metadata", {})
        match self:
            case Scope.SANDBOXES:
                return naming.LABEL_SANDBOX in (metadata.get("labels") or {})
            case Scope.TENANTS:
                return bool(metadata.get("name") != SYSTEM_NAMESPACE)
            case Scope.CLUSTER:
                return True


@dataclass(frozen=True, slots=True)
class Settings:
    """What expressions know of the lab, as `variables.settings`."""

    #: Where images may come from: the part of their names before the last slash, or some of it.
    registries: tuple[str, ...] = ("registry.k8s.io",)

    @property
    def literal(self) -> str:
        """As CEL, which JSON is."""
        return json.dumps({"registries": list(self.registries)})


@dataclass(frozen=True, slots=True)
class Validation:
    """What must be true, and what is told if it is not."""

    expression: str
    message: str


@dataclass(frozen=True, slots=True)
class Admission:
    """A validating policy. Expressions may use `variables.pod` and `variables.containers` where
    `kinds` are workloads, `variables.settings`, and what `variables` adds.

    `passes` are objects that must be admitted and `fails` such that must not be: tests send both
    to the evaluator here and to a running API server, and `explain` shows the first of each.
    """

    kinds: tuple[Kind, ...]
    scope: Scope
    validations: tuple[Validation, ...]
    passes: tuple[Manifest, ...]
    fails: tuple[Manifest, ...]
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    #: Requests that it is about, by name; all must be true.
    conditions: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_the_request(self) -> bool:
        """Whether only the API server can decide: it depends on who asks or what was there."""
        spoken = frozenset[str]().union(*map(expressions.names, self._texts()))
        return bool(spoken & {"request", "oldObject", "authorizer"})

    @property
    def uses_settings(self) -> bool:
        """Whether it depends on what the lab's configuration says."""
        return any("settings" in expressions.names(text) for text in self._texts())

    def _texts(self) -> Iterator[str]:
        yield from (one.expression for one in self.validations)
        yield from self.conditions.values()
        yield from self.variables.values()

    def all_variables(self, settings: Settings) -> dict[str, str]:
        """Every variable in the order in which each may use those before it."""
        found = {"settings": settings.literal}
        if set(self.kinds) <= set(WORKLOADS):
            found |= {"pod": _POD, "containers": _CONTAINERS}
        return found | dict(self.variables)

    def kind_of(self, manifest: Manifest) -> Kind | None:
        """The kind, if the policy is about such objects."""
        said = manifest.get("apiVersion"), manifest.get("kind")
        return next((one for one in self.kinds if (one.api_version, one.name) == said), None)

    def faults(self, manifest: Manifest, namespace: Manifest, settings: Settings) -> Iterator[str]:
        """What is wrong with an object, as the API server would say; nothing if the policy is not
        about it.

        Args:
            manifest: an object that the API has, or that a program declares.
            namespace: the object of its namespace, or with as much of it as is known.
            settings: of the lab.

        Raises:
            Undecided: a value that decides is not known yet.
        """
        if self.kind_of(manifest) is None or not self.scope.holds(namespace):
            return
        self._must_be_known(manifest)
        variables: dict[str, Any] = {}
        known = {"object": manifest, "namespaceObject": namespace, "variables": variables}
        try:
            for name, text in self.all_variables(settings).items():
                variables[name] = expressions.evaluate(text, known)
            for text in self.conditions.values():
                if expressions.evaluate(text, known) is not True:
                    return
        except ExpressionError as error:
            yield str(error)
            return
        for validation in self.validations:
            try:
                if expressions.evaluate(validation.expression, known) is not True:
                    yield validation.message
            except ExpressionError as error:
                # As with `failurePolicy: Fail`: what cannot be decided is refused.
                yield f"{validation.message} ({error})"

    def _must_be_known(self, manifest: Manifest) -> None:
        spoken = frozenset[str]().union(*map(expressions.names, self._texts()))
        if set(self.kinds) <= set(WORKLOADS):
            spoken |= {"containers", "initContainers", "pod"}
        for path in unknown_paths(manifest):
            *_, parent, leaf = ("", *path)
            if leaf in spoken or (parent in spoken and parent in _OPEN_MAPS):
                raise Undecided(".".join(path))


def policy(
    name: str, admission: Admission, *, title: str, reason: str, settings: Settings
) -> dict[str, Any]:
    """The ValidatingAdmissionPolicy; what cannot be evaluated is refused."""
    rules = [
        {
            "apiGroups": [kind.group],
            "apiVersions": [kind.version],
            "resources": [kind.resource, *(f"{kind.resource}/{sub}" for sub in kind.subresources)],
            "operations": list(admission.operations),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
        }
        for kind in admission.kinds
    ]
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": rules},
        "variables": [
            {"name": key, "expression": text}
            for key, text in admission.all_variables(settings).items()
        ],
        "validations": [
            {"expression": one.expression, "message": one.message, "reason": "Forbidden"}
            for one in admission.validations
        ],
    }
    if admission.conditions:
        spec["matchConditions"] = [
            {"name": key, "expression": text} for key, text in admission.conditions.items()
        ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {
            "name": name,
            "annotations": {
                naming.ANNOTATION_INTENT: title,
                f"{naming.LABEL_PREFIX}/reason": reason,
            },
        },
        "spec": spec,
    }


def binding(name: str, admission: Admission, actions: Sequence[str]) -> dict[str, Any]:
    """What puts the policy in force."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": list(actions),
            "matchResources": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": admission.scope.selector,
            },
        },
    }
