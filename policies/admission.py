"""Checks that an API server makes before it stores an object: CEL, as ValidatingAdmissionPolicy.

The same expressions are evaluated here without a cluster: on what a program declares, and on the
objects of an API. What needs the request itself (who asks, what was there before) is evaluated by
the API server only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from infra import naming
from policies import expressions
from policies.expressions import ExpressionError
from policies.kinds import WORKLOADS, Kind
from policies.platform import OWN_SANDBOX, PLATFORM, SANDBOX_OPERATOR
from policies.values import Undecided, unknown_paths

Manifest = Mapping[str, Any]

SYSTEM_NAMESPACE: Final = "kube-system"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"
#: Maps whose keys are data: an expression may read any of them.
_OPEN_MAPS: Final = frozenset(
    ("annotations", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests")
)
#: What only the API server knows.
_OF_THE_REQUEST: Final = frozenset(
    ("request", "oldObject", "authorizer", "platform", "sandbox_operator", "own_sandbox")
)
#: Where the description of pods lies, by kind; for expressions about workloads. `dyn`: the API
#: server knows each kind's fields, and would warn of those that only another one has.
_POD: Final = (
    "object.kind == 'Pod' ? object.spec : "
    "(object.kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec : "
    "dyn(object).spec.template.spec)"
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
    #: `lab.local` is no registry: what has that name was put onto the nodes by the lab itself.
    registries: tuple[str, ...] = ("lab.local", "registry.k8s.io")

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
class Attempt:
    """What somebody tries, for rules that depend on who asks or on what was there before.

    `object` is what is to be (None: it is to be deleted), `before` what is (None: nothing yet).
    """

    object: Manifest | None
    before: Manifest | None = None
    #: The platform itself asks.
    platform: bool = False
    #: The operator of sandboxes asks.
    operator: bool = False
    user: str = "somebody@example.org"
    groups: tuple[str, ...] = ("system:authenticated",)
    subresource: str = ""
    #: It opens a connection, rather than storing anything.
    connects: bool = False
    #: Variables whose values only an API server can tell.
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> Manifest:
        """The object that it is about, as it is known."""
        return (self.before if self.object is None else self.object) or {}

    @property
    def operation(self) -> str:
        if self.connects:
            return "CONNECT"
        if self.object is None:
            return "DELETE"
        return "CREATE" if self.before is None else "UPDATE"

    @property
    def request(self) -> dict[str, Any]:
        """As much of an admission request as rules ask for."""
        metadata = self.manifest.get("metadata") or {}
        return {
            "operation": self.operation,
            "subResource": self.subresource,
            "name": metadata.get("name", ""),
            "namespace": metadata.get("namespace", ""),
            "userInfo": {"username": self.user, "groups": list(self.groups)},
        }


@dataclass(frozen=True, slots=True)
class Default:
    """What a field of every pod is set to where nothing is said; the path begins in its spec."""

    path: tuple[str, ...]
    value: bool | str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fill:
    """What a field of a new object, which is no workload, is set to where nothing is said; CEL."""

    path: tuple[str, ...]
    expression: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What the level `remediate` sets in an object that a program declares and the rule refuses.

    The path begins in the spec of its pods, where the rule is about workloads, or else in the
    object; `*` stands for every item of a list. Only `instead_of` is changed (None: nothing is
    said): what somebody asks for by its name is refused rather than taken away.
    """

    path: str
    value: bool | str | tuple[str, ...]
    instead_of: tuple[Any, ...] = (None,)


@dataclass(frozen=True, slots=True)
class Admission:
    """A validating policy. Expressions may use `variables.pod` and `variables.containers` where
    `kinds` are workloads, `variables.settings`, `variables.platform` (who asks is the platform),
    `variables.sandbox_operator`, `variables.own_sandbox` (the operator asks, about one of its
    own), and what `variables` adds. Conditions may use no variables: they are decided before these.

    `passes` are objects that must be admitted and `fails` such that must not be: tests send both
    to the evaluator here and to a running API server, and `explain` shows the first of each. Of
    rules about requests, a tenant makes these objects; `allowed` and `refused` are further cases.
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
    allowed: tuple[Attempt, ...] = ()
    refused: tuple[Attempt, ...] = ()
    #: Set before the check, where the cluster can; only what makes a pod stricter.
    defaults: tuple[Default, ...] = ()
    fills: tuple[Fill, ...] = ()
    #: Set before deployment, at the level `remediate`; safe as `Must.safe` is.
    corrections: tuple[Correction, ...] = ()

    @property
    def of_the_request(self) -> bool:
        """Whether only the API server can decide: it depends on who asks or what was there."""
        return bool(self._spoken & _OF_THE_REQUEST)

    @property
    def uses_settings(self) -> bool:
        """Whether it depends on what the lab's configuration says."""
        return "settings" in self._spoken

    @property
    def _spoken(self) -> frozenset[str]:
        return frozenset[str]().union(*map(expressions.names, self._texts()))

    def _texts(self) -> Iterator[str]:
        yield from (one.expression for one in self.validations)
        yield from self.conditions.values()
        yield from self.variables.values()

    def all_variables(self, settings: Settings) -> dict[str, str]:
        """Every variable in the order in which each may use those before it."""
        found = {}
        if self.uses_settings:
            found["settings"] = settings.literal
        if "platform" in self._spoken:
            found["platform"] = PLATFORM
        if self._spoken & {"sandbox_operator", "own_sandbox"}:
            found["sandbox_operator"] = SANDBOX_OPERATOR
        if "own_sandbox" in self._spoken:
            found["own_sandbox"] = OWN_SANDBOX
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
        yield from self._decided({"object": manifest, "namespaceObject": namespace}, {}, settings)

    def attempts(self) -> Iterator[tuple[Attempt, bool]]:
        """Every example as a request, and whether it must be allowed."""
        connects = self.operations == ("CONNECT",)
        changes = "CREATE" not in self.operations and not connects
        for manifests, right in ((self.passes, True), (self.fails, False)):
            for manifest in manifests:
                about = self.kind_of(manifest) is not None
                before = manifest if changes and about else None
                yield Attempt(manifest, before, connects=connects and about), right
        yield from ((one, True) for one in self.allowed)
        yield from ((one, False) for one in self.refused)

    def answers(self, attempt: Attempt, namespace: Manifest, settings: Settings) -> Iterator[str]:
        """Why somebody is refused what he tries; nothing if he is not, or it is no such request."""
        asked = attempt.operation in self.operations
        if not asked or self.kind_of(attempt.manifest) is None or not self.scope.holds(namespace):
            return
        known = {
            "object": attempt.object,
            "oldObject": attempt.before,
            "request": attempt.request,
            "namespaceObject": namespace,
        }
        # Only an API server knows who may do what. An example says it, and has no other right.
        rights = [
            name
            for name, text in self.all_variables(settings).items()
            if "authorizer" in expressions.names(text)
        ]
        told = {
            **dict.fromkeys(rights, False),
            "platform": attempt.platform,
            "sandbox_operator": attempt.operator or attempt.platform,
            **attempt.told,
        }
        yield from self._decided(known, told, settings)

    def _decided(
        self, known: dict[str, Any], variables: dict[str, Any], settings: Settings
    ) -> Iterator[str]:
        known["variables"] = variables
        try:
            for text in self.conditions.values():
                if expressions.evaluate(text, known) is not True:
                    return
            for name, text in self.all_variables(settings).items():
                if name not in variables:
                    variables[name] = expressions.evaluate(text, known)
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
        spoken = self._spoken
        if set(self.kinds) <= set(WORKLOADS):
            spoken |= {"containers", "initContainers", "pod", "spec", "template", "jobTemplate"}
        for path in unknown_paths(manifest):
            *_, parent, leaf = ("", *path)
            if leaf in spoken or (parent in spoken and parent in _OPEN_MAPS):
                raise Undecided(".".join(path))
