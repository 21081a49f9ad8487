"""The lab on machines of one's own: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from typing import Any

import pulumi

from infra import naming, toolchain
from infra.config import OnPremLab
from infra.config.grounds.onprem import OnPremMachine
from infra.hosts.given import OnPremGround, delivery_of
from infra.sandbox import blueprint
from stacks import layers


def compose(lab: OnPremLab) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    facts = blueprint.facts_of(lab.name, lab, version)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    ground = OnPremGround(
        lab,
        delivery=delivery_of(
            lab, toolchain.artifacts(planned=pulumi.runtime.is_dry_run()), version
        ),
    )
    cluster, secret_store = ground.hosts.cluster, ground.hosts.secret_store
    sandboxes = layers.compose(
        lab.name,
        cluster=cluster,
        secret_store=secret_store,
        vault_engines=ground.hosts.vault_baseline,
        drawings=drawings,
        kubernetes_version=version,
    )
    pulumi.export("machines", [_machine(lab, machine) for machine in lab.machines])
    pulumi.export("endpoints", {"kubernetes": cluster.endpoint, "vault": secret_store.address})
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("sandboxes", sandboxes)


def _machine(lab: OnPremLab, machine: OnPremMachine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "hostname": naming.hostname(lab.name, machine.name),
        "role": machine.role,
        "address": str(machine.address),
    }
