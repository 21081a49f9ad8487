"""A lab on machines, whoever provides them: secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Callable

import pulumi

from infra import naming, toolchain
from infra.cluster import policies
from infra.config import LocalLab, OnPremLab
from infra.hosts.provision import ProvisionedHosts
from infra.sandbox import blueprint
from stacks import layers


def compose(lab: LocalLab | OnPremLab, ground: Callable[[str], ProvisionedHosts]) -> None:
    """Declares the whole lab and exports what its users need to know.

    Args:
        lab: its configuration.
        ground: declares the machines for this version of Kubernetes.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    facts = blueprint.facts_of(lab.name, lab, version)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    hosts = ground(version)
    cluster, secret_store = hosts.cluster, hosts.secret_store
    sandboxes = layers.compose(
        lab.name,
        cluster=cluster,
        secret_store=secret_store,
        vault_engines=hosts.vault_baseline,
        database=hosts.database,
        drawings=drawings,
        kubernetes_version=version,
        settings=policies.settings(lab),
        levels=policies.levels(lab),
    )
    machines = [
        {
            "name": machine.name,
            "hostname": naming.hostname(lab.name, machine.name),
            "role": machine.role,
            "address": str(machine.address),
        }
        for machine in lab.machines
    ]
    pulumi.export("machines", machines)
    endpoints = {"kubernetes": cluster.endpoint, "vault": secret_store.address}
    if hosts.database is not None:
        endpoints["database"] = pulumi.Output.concat(
            "postgresql://", hosts.database.address, f":{hosts.database.port}"
        )
    pulumi.export("endpoints", endpoints)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("sandboxes", sandboxes)
