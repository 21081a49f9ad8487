"""What is changed behind a policy's back is found by `lab policies audit`: it names the rule, the
object, and which of the three places disagree. Then it is put back, and the audit is clean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from infra.cli.exit_codes import ExitCode
from policies import cluster
from policies.registry import all_rules
from policies.rule import Verified
from tests.live.support import auditor, machines, operations, takeaway
from tests.live.support.api import administrator, eventually, location, say
from tests.live.support.lab import Lab
from tests.live.support.takeaway import World

_POLICIES = "/apis/admissionregistration.k8s.io/v1"
#: Seconds until an API server enforces what it was told, or no longer does.
_KNOWN = 20


@contextmanager
def unguarded(world: World, rule: str, manifest: dict[str, Any]) -> Iterator[None]:
    """An object that a rule refuses, made while its binding was away for a moment."""
    path = f"{_POLICIES}/validatingadmissionpolicybindings/{cluster.name_of(rule)}"
    with administrator(world.lab.home.kubeconfig) as api:
        try:
            with takeaway.deleted(world, path):
                made = eventually(
                    lambda: api.create(manifest), until=lambda got: got.is_success, within=_KNOWN
                )
                assert made.is_success, f"{rule} still refuses: {say(made)}"
            yield
        finally:
            api.delete(location(manifest))


def name_outside(world: World) -> AbstractContextManager[None]:
    """A name of the sandbox's own that leads out of the cluster. (Ports its quota forbids, too.)"""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lab-test-outside", "namespace": world.sandbox},
        "spec": {"type": "ExternalName", "externalName": "example.org"},
    }
    return unguarded(world, "services-stay-inside", service)


def rights_for_everybody(world: World) -> AbstractContextManager[None]:
    """Whoever is logged in may do everything in the sandbox."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "lab-test-everybody", "namespace": world.sandbox},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "view",
        },
        "subjects": [
            {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": "system:authenticated",
            }
        ],
    }
    return unguarded(world, "no-wide-bindings", binding)


def policy_weakened(world: World) -> AbstractContextManager[None]:
    """What cannot be evaluated would be admitted."""
    path = f"{_POLICIES}/validatingadmissionpolicies/{cluster.name_of('no-host-access')}"
    return takeaway.patched(world, path, {"spec": {"failurePolicy": "Ignore"}})


@dataclass(frozen=True, slots=True)
class Drift:
    """A change, the rule that it breaks, where it is then broken, and the object that is named.

    `holds` is a place that still says that it holds; none where no other place looks.
    """

    change: Callable[[World], AbstractContextManager[None]]
    rule: str
    place: str
    object: str
    holds: str = ""

    @property
    def id(self) -> str:
        return self.change.__name__.replace("_", "-")


DRIFTS = [
    Drift(
        takeaway.policy_deleted, "default-deny-present", "live", "cluster.default-deny", "preview"
    ),
    Drift(
        takeaway.policy_binding_deleted,
        "services-stay-inside",
        "admission",
        "ValidatingAdmissionPolicyBinding ai-lab-services-stay-inside",
    ),
    Drift(policy_weakened, "no-host-access", "admission", "ValidatingAdmissionPolicy ai-lab-no"),
    Drift(name_outside, "services-stay-inside", "live", "lab-test-outside", "admission"),
    Drift(rights_for_everybody, "no-wide-bindings", "live", "lab-test-everybody", "preview"),
    Drift(
        takeaway.token_mounted,
        "service-accounts-mount-nothing",
        "live",
        "ServiceAccount",
        "preview",
    ),
    Drift(takeaway.passwords_allowed, "ssh-keys-only", "live", "hosts.ssh["),
]


def audited(lab: Lab, *, machines: bool) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status of the audit, and what it says of each rule; `machines` takes half a minute."""
    option = "--machines" if machines else "--no-machines"
    done = operations.lab("policies", "audit", "--json", option, "--stack", lab.stack)
    assert done.status in (ExitCode.OK, ExitCode.FAILED), done.told
    return done.status, {one["rule"]: one for one in json.loads(done.output)["audited"]}


@pytest.fixture
def world(up: Lab) -> Iterator[World]:
    with machines.connections(up) as hosts:
        yield World(up, hosts)


def test_a_lab_that_nobody_touched_has_no_drift(up: Lab) -> None:
    status, found = audited(up, machines=True)
    broken = {rule: one["places"] for rule, one in found.items() if one["drift"]}
    assert status == ExitCode.OK, broken
    holding = [
        rule
        for rule, one in found.items()
        if "holds" in {place["stand"] for place in one["places"].values()}
    ]
    assert len(holding) > len(found) / 4, f"only {holding} were looked at"


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.id)
def test_a_change_behind_the_policys_back_is_found(drift: Drift, world: World) -> None:
    machines = isinstance(all_rules()[drift.rule].live, Verified)
    with drift.change(world):
        status, found = audited(world.lab, machines=machines)
    assert status == ExitCode.FAILED
    told = found[drift.rule]
    place = told["places"][drift.place]
    assert place["stand"] == "broken", told
    assert any(drift.object in fault["object"] for fault in place["faults"]), place
    if drift.holds:
        assert told["places"][drift.holds]["stand"] == "holds", told
        assert drift.holds in told["drift"]
        assert drift.place in told["drift"]
    status, found = audited(world.lab, machines=machines)
    broken = {rule: one["places"] for rule, one in found.items() if not _holds(one)}
    assert status == ExitCode.OK, f"{drift.id} is put back, and these are broken: {broken}"


def test_the_auditor_in_the_cluster_finds_it_too(world: World) -> None:
    """Its metrics turn, and turn back; a new pod looks at once."""
    where = ("services-stay-inside", "admission")
    with administrator(world.lab.home.kubeconfig) as api:
        with takeaway.policy_binding_deleted(world):
            shown = auditor.scrape_anew(api, world.lab, world.hosts)
        assert where in shown.broken, shown
        again = auditor.scrape_anew(api, world.lab, world.hosts)
    assert not again.broken, again


def _holds(one: dict[str, Any]) -> bool:
    return all(place["stand"] != "broken" for place in one["places"].values())
