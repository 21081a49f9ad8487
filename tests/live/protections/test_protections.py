"""Each protection taken away by hand turns `lab verify` red, and the failing checks name it.

Then the protection is put back, and the same checks are green again. One at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from tests.live.support import machines, takeaway, takeaway_database, takeaway_operator
from tests.live.support.lab import Lab, current
from tests.live.support.takeaway import World
from tests.live.support.verification import verify


@dataclass(frozen=True, slots=True)
class Protection:
    """A way to take one away, where `lab verify` looks, and the checks that must name it."""

    take_away: Callable[[World], AbstractContextManager[None]]
    only: tuple[str, ...]
    #: Patterns of ids; each must be among the failed checks.
    named: tuple[str, ...]
    #: Patterns of ids that may fail as well, as a consequence.
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.take_away.__name__.replace("_", "-")


#: Checks of the cluster that need no probe pods.
STATIC_CLUSTER = tuple(
    f"cluster.{part}*"
    for part in ("anonymous", "audit", "encryption", "node-restriction", "rbac", "tls")
)

PROTECTIONS = [
    Protection(
        takeaway.policy_deleted,
        only=("sandbox", "cluster.default-deny", "isolation"),
        named=(
            "sandbox.object[NetworkPolicy/*/default-deny]",
            "cluster.default-deny",
            "isolation.ingress",
        ),
    ),
    Protection(
        takeaway.policy_binding_deleted,
        only=("cluster.policies*", "cluster.baseline"),
        named=(
            "cluster.policies[services-stay-inside]",
            "cluster.policies.drift",
            "cluster.baseline[ValidatingAdmissionPolicyBinding/ai-lab-services-stay-inside]",
        ),
    ),
    Protection(
        takeaway.auditor_stopped,
        only=("cluster.policy-auditor*", "cluster.baseline"),
        named=("cluster.policy-auditor", "cluster.baseline[Deployment/lab-auditor/policy-auditor]"),
        # Nobody is there to be asked.
        also=("cluster.policy-auditor.*",),
    ),
    Protection(
        takeaway.auditor_widened,
        only=("cluster.policy-auditor*", "cluster.baseline"),
        named=(
            "cluster.policy-auditor.rights",
            "cluster.baseline[ClusterRole/ai-lab:policy-auditor]",
        ),
    ),
    Protection(
        takeaway.sysctl_turned,
        only=("hosts.sysctl*", "hosts.swap*", "hosts.services*"),
        named=("hosts.sysctl[net.ipv4.conf.all.accept_redirects.*]",),
    ),
    Protection(
        takeaway.api_audit_off,
        only=STATIC_CLUSTER,
        named=tuple(
            f"cluster.audit.{part}" for part in ("recorded", "denied", "system-accounts", "file")
        ),
    ),
    Protection(
        takeaway.encryption_off,
        only=STATIC_CLUSTER,
        named=("cluster.encryption.at-rest[Secret*]", "cluster.encryption.at-rest[ConfigMap*]"),
    ),
    Protection(
        takeaway.kms_off,
        only=("hosts.services*", "cluster.encryption*"),
        named=("cluster.encryption.kms", "hosts.services[kms-plugin.*]"),
        # A plugin that is off may already refuse what the canaries need.
        also=("cluster.encryption.at-rest*",),
    ),
    Protection(
        takeaway.quota_removed,
        only=("sandbox",),
        named=("sandbox.object[ResourceQuota/*]", "sandbox.quota.enforced*"),
        # The quota forbids ports on the nodes, too.
        also=("sandbox.principal.escalation*",),
    ),
    Protection(
        takeaway.limits_removed,
        only=("sandbox",),
        named=("sandbox.object[LimitRange/*]", "sandbox.limits.defaults*"),
        # With the quota and without defaults, a pod that says nothing is refused.
        also=("sandbox.quota.enforced*", "sandbox.token-not-mounted*"),
    ),
    Protection(
        takeaway.pod_security_label_dropped,
        only=("sandbox",),
        named=("sandbox.object[Namespace/*]",),
    ),
    Protection(
        takeaway.pod_security_privileged,
        only=("sandbox", "cluster.pod-security*"),
        named=("sandbox.object[Namespace/*]", "cluster.pod-security[privileged]"),
        also=("cluster.pod-security*", "sandbox.principal.escalation*"),
    ),
    Protection(
        takeaway.vault_audit_disabled,
        only=("vault",),
        named=("vault.audit.enabled", "vault.audit.recorded"),
    ),
    Protection(takeaway.vault_tls_lowered, only=("vault",), named=("vault.tls.floor",)),
    Protection(
        takeaway.role_widened,
        only=("sandbox",),
        named=("sandbox.object[Role/*]", "sandbox.principal.rights*"),
        also=("sandbox.principal.refused*secrets*",),
    ),
    Protection(
        takeaway.token_mounted,
        only=("sandbox",),
        named=("sandbox.object[ServiceAccount/*]", "sandbox.token-not-mounted*"),
    ),
    Protection(
        takeaway.node_restriction_off,
        only=STATIC_CLUSTER,
        named=("cluster.node-restriction",),
    ),
    Protection(
        takeaway.bootstrap_token_left,
        only=("cluster.bootstrap-tokens",),
        named=("cluster.bootstrap-tokens",),
    ),
    Protection(
        takeaway.firewall_off,
        only=("hosts.firewall*", "hosts.services*"),
        named=("hosts.firewall[vault-peers-from-worker]", "hosts.firewall[ssh-from-worker]"),
    ),
    Protection(
        takeaway.passwords_allowed,
        only=("hosts.ssh*", "hosts.files*"),
        named=("hosts.ssh[passwordauthentication.*]", "hosts.ssh.password-refused*"),
        also=("hosts.ssh[authenticationmethods.*]",),
    ),
    Protection(
        takeaway.key_readable, only=("hosts.files*", "hosts.ssh*"), named=("hosts.files.keys*",)
    ),
]
#: Where a machine carries a database.
if current().config.database_machine is not None:
    PROTECTIONS += [
        Protection(
            takeaway_database.database_trusts,
            only=("database",),
            named=("database.rules", "database.clients.certificate"),
            also=("database.clients.name*",),
        ),
        Protection(
            takeaway_database.evidence_rewritable,
            only=("database",),
            named=("database.append-only*",),
        ),
    ]
#: Where sandboxes can be asked for.
if current().config.sandbox_service is not None:
    PROTECTIONS += [
        Protection(
            takeaway_operator.operator_stopped,
            only=("cluster.sandbox-operator*", "cluster.baseline"),
            named=(
                "cluster.sandbox-operator",
                "cluster.baseline[Deployment/lab-sandbox-operator/sandbox-operator]",
            ),
            # Nobody leads, and there is no pod to look at.
            also=("cluster.sandbox-operator.*",),
        ),
        Protection(
            takeaway_operator.operator_widened,
            only=("cluster.sandbox-operator*", "cluster.baseline"),
            named=(
                "cluster.sandbox-operator.rights",
                "cluster.baseline[ClusterRole/ai-lab:sandbox-operator]",
            ),
        ),
        Protection(
            takeaway_operator.evidence_key_deletable,
            only=("vault.evidence-key",),
            named=("vault.evidence-key",),
        ),
    ]


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """A lab that is green: what is red from the start proves nothing."""
    before = verify(lab.stack)
    assert before.ok, f"the lab is not green before anything is taken away: {before.failed}"
    with machines.connections(lab) as hosts:
        yield World(lab, hosts)


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda found: found.id)
def test_taken_away(protection: Protection, world: World) -> None:
    with protection.take_away(world):
        red = verify(world.lab.stack, *protection.only)
    assert not red.ok, f"`lab verify` stays green without {protection.id}"
    missing = [pattern for pattern in protection.named if not red.names(pattern)]
    assert not missing, f"no failed check says {missing}; failed: {sorted(red.failed)}"
    known = [*protection.named, *protection.also]
    others = {id_: why for id_, why in red.failed.items() if not _matches(id_, known)}
    assert not others, f"checks that have nothing to do with {protection.id} failed: {others}"
    green = verify(world.lab.stack, *protection.only)
    assert green.ok, f"with {protection.id} undone, these still fail: {green.failed}"


def _matches(id_: str, patterns: list[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(id_, pattern.replace("[", "[[]")) for pattern in patterns)
