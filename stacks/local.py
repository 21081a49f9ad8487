"""The lab on one machine: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from typing import Any

import pulumi

from infra import naming, paths, toolchain
from infra.cluster import kubernetes
from infra.cluster.baseline import ClusterBaseline
from infra.config import LabConfig
from infra.contracts import Machine
from infra.hosts.ground import CACHE_ON_MACHINE, LocalGround
from infra.hosts.provision import Delivery
from infra.sandbox import blueprint
from infra.sandbox.component import SandboxNamespace
from infra.secrets.store import ClusterLogin


def compose(lab: LabConfig) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    facts = blueprint.facts_of(lab, version)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    ground = LocalGround(
        lab,
        delivery=Delivery(
            artifacts=toolchain.artifacts(),
            kubernetes_version=version,
            folder=CACHE_ON_MACHINE,
            on_machine=True,
        ),
    )
    cluster, secret_store = ground.hosts.cluster, ground.hosts.secret_store
    login = ClusterLogin(lab.name, secret_store=secret_store, cluster=cluster)
    access = kubernetes.access(cluster)
    baseline = ClusterBaseline(
        lab.name,
        lab=lab.name,
        kubernetes_version=version,
        access=access,
    )
    sandboxes = {
        drawing.spec.name: SandboxNamespace(
            drawing,
            access=access,
            secret_store=secret_store,
            vault_login=login.login,
            vault_engines=ground.hosts.vault_baseline,
            opts=pulumi.ResourceOptions(depends_on=[baseline]),
        )
        for drawing in drawings
    }

    home = paths.Home(lab.name)
    pulumi.export("machines", [_machine(lab, machine) for machine in ground.machines])
    pulumi.export("endpoints", {"kubernetes": cluster.endpoint, "vault": secret_store.address})
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("ssh_key", str(home.ssh_key))
    pulumi.export(
        "sandboxes",
        {
            name: {
                "namespace": sandbox.namespace,
                "transit_key": f"{sandbox.key.mount}/{sandbox.key.name}",
                "kv_path": sandbox.kv_path,
            }
            for name, sandbox in sandboxes.items()
        },
    )


def _machine(lab: LabConfig, machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "hostname": naming.hostname(lab.name, machine.name),
        "role": machine.role,
        "address": machine.address,
    }
