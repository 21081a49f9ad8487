"""The lab on one machine: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from typing import Any

import pulumi

from infra import naming, paths, toolchain
from infra.config import LocalLab
from infra.contracts import Machine
from infra.hosts.ground import CACHE_ON_MACHINE, LocalGround
from infra.hosts.plan import Delivery
from infra.sandbox import blueprint
from stacks import layers


def compose(lab: LocalLab) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    facts = blueprint.facts_of(lab.name, lab, version)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    ground = LocalGround(
        lab,
        delivery=Delivery(
            artifacts=toolchain.artifacts(planned=pulumi.runtime.is_dry_run()),
            kubernetes_version=version,
            folder=CACHE_ON_MACHINE,
            on_machine=True,
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

    home = paths.Home(lab.name)
    pulumi.export("machines", [_machine(lab, machine) for machine in ground.machines])
    pulumi.export("endpoints", {"kubernetes": cluster.endpoint, "vault": secret_store.address})
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("ssh_key", str(home.ssh_key))
    pulumi.export("sandboxes", sandboxes)


def _machine(lab: LocalLab, machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "hostname": naming.hostname(lab.name, machine.name),
        "role": machine.role,
        "address": machine.address,
    }
