"""Every namespace is closed both ways, and policies open what must be open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from policies.relations import Fault, Relations, Resource, Stack
from policies.rule import NotHere, Rule, Severity, Verified
from policies.values import Undecided, value

_NAMESPACE = "kubernetes:core/v1:Namespace"
_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def _open_namespaces(stack: Stack) -> Iterator[Fault]:
    for one in stack.of_type(_NAMESPACE, _POLICY):
        # Of a cluster that is not there yet, the engine tells of objects nothing but their names.
        if "metadata" not in one.properties:
            raise Undecided(f"{one.name}: metadata")
    closed = {_ground(one) + _where(one) for one in stack.of_type(_POLICY) if _closes(one)}
    for namespace in stack.of_type(_NAMESPACE):
        name = str(value(namespace.properties, "metadata.name"))
        if _ground(namespace) + name not in closed:
            yield Fault(f"no NetworkPolicy closes all of {name} both ways", namespace)


def _where(policy: Resource) -> str:
    return str(value(policy.properties, "metadata.namespace"))


def _ground(one: Resource) -> str:
    """What comes before the names of a further ground's objects (infra/cluster/kubernetes.py)."""
    before, _, _ = one.name.partition("/")
    return before + "/" if before in ("aws", "azure") else ""


def _closes(policy: Resource) -> bool:
    """Whether it is about all pods and allows nothing, in either direction."""
    spec: dict[str, Any] = value(policy.properties, "spec") or {}
    everything = not any((spec.get("podSelector") or {}).values())
    nothing = not spec.get("ingress") and not spec.get("egress")
    return everything and nothing and {"Ingress", "Egress"} <= set(spec.get("policyTypes") or ())


def without_the_policy(stack: Stack) -> Stack:
    return Stack([one for one in stack.resources if not (one.type == _POLICY and _closes(one))])


def one_direction_left_open(stack: Stack) -> Stack:
    return Stack([_opened(one) if one.type == _POLICY else one for one in stack.resources])


def _opened(policy: Resource) -> Resource:
    spec = {**policy.properties["spec"], "policyTypes": ["Ingress"]}
    return replace(policy, properties={**policy.properties, "spec": spec})


RULE = Rule(
    id="default-deny-present",
    title="Every namespace of the lab is closed both ways, but for what a policy opens.",
    reason="Without such a policy any pod reaches any other, and whatever is outside.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-5.3.2", "SATRE-2.2.10", "SATRE-2.2.11", "CYB-8.2j", "CYB-8.3b"),
    preview=Relations(
        about=(_NAMESPACE,),
        reads=(_POLICY,),
        check=_open_namespaces,
        broken=(without_the_policy, one_direction_left_open),
    ),
    admission=NotHere(
        "A namespace is made before its policies can be; no request has both to look at."
    ),
    live=Verified(("cluster.default-deny", "cluster.no-wider-policy*", "isolation*")),
    remedy="Add infra.cluster.manifests.default_deny for the namespace.",
)
