"""Looks at a lab for the audit of its policies: what it declared, enforces and is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from infra import toolchain, verify
from infra.auditor import observation
from infra.auditor.told import Told
from infra.cluster import policies
from infra.config import LocalLab
from infra.engine import Operation, Stack, exclusive, recovery
from infra.engine.events import Event
from infra.engine.target import Target
from infra.errors import LabNotUp
from infra.kubernetes import kubeconfig
from infra.kubernetes.client import Api
from policies import cluster, relations
from policies.audit import Audited, Check, audit
from policies.registry import all_rules
from policies.rule import Rule, Verified
from policies.values import plain


class Show(Protocol):
    """Where messages go."""

    def step(self, title: str) -> None:
        """A new part of the work begins."""

    def event(self, event: Event) -> None:
        """Something happened in a Pulumi operation."""


def of_stack(stack: str, show: Show, *, checks: bool = True) -> list[Audited]:
    """Every rule in its three places, for a lab that is deployed.

    Args:
        stack: the lab's stack.
        show: told what goes on.
        checks: run the checks of `lab verify` that rules about machines need (half a minute).

    Raises:
        LabNotUp: nothing is deployed.
        KubernetesUnreachable: the API server does not answer.
        LabError: see `Stack.run` and `verify.run`.
    """
    target = Target.of(stack)
    deployed = recovery.deployment(target.home, stack).get("resources") or []
    if not deployed:
        raise LabNotUp(f"nothing of stack {stack!r} is deployed.", next_step="`./lab up`")
    rules = list(all_rules().values())
    declared = relations.Stack([_resource(one) for one in deployed])
    refreshed = None
    if target.clouds:
        show.step("Reading what is in the cloud")
        with exclusive(target.home, purpose="lab policies audit"):
            driver = Stack(stack, on_event=show.event, target=target)
            driver.ensure()
            driver.run(Operation.REFRESH)
        now = recovery.deployment(target.home, stack).get("resources") or []
        refreshed = relations.Stack([_resource(one) for one in now])
    show.step("Reading what is in the cluster")
    api = Api(kubeconfig.load(str(target.home.kubeconfig)), patience=20)
    told = Told(
        toolchain.version("kubernetes"), policies.settings(target.lab), policies.levels(target.lab)
    )
    in_cluster = observation.observe(api, rules, told)
    found: list[Check] | None = None
    if checks and isinstance(target.lab, LocalLab):
        show.step("Checking the machines")
        found = list(_checks(stack, rules))
    observed = replace(in_cluster, declared=declared, refreshed=refreshed, checks=found)
    return audit(rules, observed, object_name=cluster.name_of)


def _resource(entry: Mapping[str, Any]) -> relations.Resource:
    dependencies = entry.get("propertyDependencies") or {}
    return relations.Resource(
        type=entry["type"],
        name=entry["urn"].rpartition("::")[2],
        urn=entry["urn"],
        properties=plain(entry.get("inputs") or {}),
        parent=entry.get("parent", ""),
        protect=entry.get("protect", False),
        property_dependencies={key: list(urns or ()) for key, urns in dependencies.items()},
    )


def _checks(stack: str, rules: Iterable[Rule]) -> Iterator[Check]:
    patterns = {
        pattern for rule in rules if isinstance(rule.live, Verified) for pattern in rule.live.checks
    }
    for one in verify.run(stack, only=sorted(patterns)).checks:
        yield Check(one.id, one.outcome, one.message)
