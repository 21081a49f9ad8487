"""Each control taken away lets at least one attack succeed: so the attacks can be told apart from
requests that nobody would ever grant. Put back, the same attack fails again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra import naming
from tests.live.attacks.test_api import ATTACKS, SERVICES, service_of_ones_own
from tests.live.attacks.test_exhaustion import configmap
from tests.live.attacks.test_network import cross
from tests.live.attacks.test_pods import attacking
from tests.live.support import root_token
from tests.live.support.api import eventually, say
from tests.live.support.batch import Batch
from tests.live.support.machines import Host
from tests.live.support.takeaway import World, deleted
from tests.live.support.tenants import Pair
from tests.live.support.vault import caller

#: Seconds until an API server, or the network, knows of a change.
KNOWN = 60.0
_RBAC = "rbac.authorization.k8s.io"
_BY_NAME = {attack.id: attack for attack in ATTACKS}


@dataclass(frozen=True, slots=True)
class Control:
    """What is taken away, and the attack that it stopped; `succeeds` says whether it does now."""

    id: str
    without: Callable[[Pair, World], AbstractContextManager[None]]
    succeeds: Callable[[Pair], bool]


def _sent(attack: str) -> Callable[[Pair], bool]:
    found = _BY_NAME[attack]
    return lambda pair: found.send(pair, pair.attacker.person).is_success


def _created(make: Callable[[Pair], dict[str, Any]]) -> Callable[[Pair], bool]:
    return lambda pair: pair.attacker.person.create(make(pair), dry_run=True).is_success


@contextmanager
def _view_of_the_victim(pair: Pair, world: World) -> Iterator[None]:
    """RBAC: somebody gave the attacker a role in the other sandbox."""
    path = f"/apis/{_RBAC}/v1/namespaces/{pair.victim.namespace}/rolebindings"
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "attack", "namespace": pair.victim.namespace},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": pair.attacker.user}],
    }
    answer = pair.api.post(path, binding)
    assert answer.status_code == 201, say(answer)
    try:
        yield
    finally:
        answer = pair.api.delete(f"{path}/attack")
        assert answer.is_success, say(answer)


def _policy(rule: str) -> Callable[[Pair, World], AbstractContextManager[None]]:
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    return lambda _, world: deleted(world, f"{base}/ai-lab-{rule}")


@contextmanager
def _no_quota(pair: Pair, world: World) -> Iterator[None]:
    own = f"/api/v1/namespaces/{pair.attacker.namespace}"
    with deleted(world, f"{own}/resourcequotas/sandbox"):
        yield


def _more_than_allowed(pair: Pair) -> bool:
    return all(
        pair.attacker.person.create(configmap(pair, number)).status_code in (201, 409)
        for number in range(101)
    )


@contextmanager
def _wide_policy_in_vault(pair: Pair, world: World) -> Iterator[None]:
    """Vault: the policy of all sandboxes names no sandbox any more."""
    path = f"sys/policies/acl/{naming.vault_sandbox_policy(naming.VAULT_JWT)}"
    wide = f'path "{naming.VAULT_TRANSIT}/encrypt/*" {{\n  capabilities = ["update"]\n}}\n'
    with root_token.made(world.lab) as root:
        there = root.ask("GET", path)["data"]["policy"]
        root.ask("PUT", path, {"policy": there + wide})
        try:
            yield
        finally:
            root.ask("PUT", path, {"policy": there})


def _encrypts_as_the_victim(pair: Pair) -> bool:
    path = f"{naming.VAULT_TRANSIT}/encrypt/{pair.victim.namespace}"
    return pair.attacker.vault.call("POST", path, {"plaintext": ""}).is_success


@contextmanager
def _role_that_binds_another(pair: Pair, world: World) -> Iterator[None]:
    """Vault: the login of the victim's workloads takes the attacker's."""
    path = f"auth/{naming.VAULT_JWT}/role/{pair.victim.namespace}"
    with root_token.made(world.lab) as root:
        there = root.ask("GET", path)["data"]
        subject = (
            f"system:serviceaccount:{pair.attacker.namespace}:{naming.SANDBOX_SERVICE_ACCOUNT}"
        )
        root.ask("POST", path, {**there, "bound_subject": subject})
        try:
            yield
        finally:
            root.ask("POST", path, there)


def _logs_in_as_the_victim(pair: Pair) -> bool:
    with caller(pair.lab) as stranger:
        body = {"role": pair.victim.namespace, "jwt": pair.attacker.workload_token}
        answer: httpx.Response = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", body)
        return answer.is_success


def _finalized(pair: Pair) -> dict[str, Any]:
    return configmap(pair, 0, finalizers=["example.org/never"])


def _external(pair: Pair) -> dict[str, Any]:
    return service_of_ones_own(pair, **SERVICES["external-name"])


def _chosen_node(pair: Pair) -> dict[str, Any]:
    return attacking("chosen-node", pair)


CONTROLS = (
    Control("rights", _view_of_the_victim, _sent("victim-pods")),
    Control("services-stay-inside", _policy("services-stay-inside"), _created(_external)),
    Control("no-foreign-finalizers", _policy("no-foreign-finalizers"), _created(_finalized)),
    Control("no-node-of-ones-choice", _policy("no-node-of-ones-choice"), _created(_chosen_node)),
    Control("quota", _no_quota, _more_than_allowed),
    Control("vault-policy", _wide_policy_in_vault, _encrypts_as_the_victim),
    Control("vault-role", _role_that_binds_another, _logs_in_as_the_victim),
)


@pytest.fixture(scope="module")
def world(pair: Pair, hosts: dict[str, Host]) -> World:
    return World(pair.lab, hosts)


@pytest.mark.check(id="attacks.controls", area="attacks")
@pytest.mark.parametrize("control", CONTROLS, ids=lambda found: found.id)
def test_without_it_an_attack_succeeds(control: Control, pair: Pair, world: World) -> None:
    assert not control.succeeds(pair), "it succeeds with the control in place"
    with control.without(pair, world):
        done = eventually(lambda: control.succeeds(pair), until=bool, within=KNOWN)
        assert done, f"nothing changes without {control.id}: the attack proves nothing"
    again = eventually(lambda: control.succeeds(pair), until=lambda got: not got, within=KNOWN)
    assert not again, f"{control.id} is back, and the attack still succeeds"


@pytest.mark.check(id="attacks.controls.network", area="attacks")
def test_without_network_policies_sandboxes_meet(
    pair: Pair, world: World, hosts: dict[str, Host]
) -> None:
    policies = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
    with ExitStack() as stack:
        for namespace in (pair.victim.namespace, pair.attacker.namespace):
            for one in pair.api.items(policies.format(namespace)):
                path = f"{policies.format(namespace)}/{one['metadata']['name']}"
                stack.enter_context(deleted(world, path))

        def open_now() -> bool:
            with ExitStack() as cleanup:
                found = cross(Batch(pair.api, cleanup), pair, hosts)
            return found.attempts["pod"].verdict == "open"

        assert eventually(open_now, until=bool, within=KNOWN), (
            "nothing changes without network policies: the attempts prove nothing"
        )
