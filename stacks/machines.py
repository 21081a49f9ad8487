"""A lab on machines, whoever provides them: secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

from infra import naming, toolchain
from infra.cluster import auditor, images, policies
from infra.config import LocalLab, OnPremLab
from infra.hosts.provision import ProvisionedHosts
from infra.sandbox import blueprint
from infra.toolchain import Artifact
from stacks import layers, sandbox_service

#: Declares the machines for a version of Kubernetes, with what they are brought.
Grounding = Callable[[str, Mapping[str, Artifact]], ProvisionedHosts]


def compose(lab: LocalLab | OnPremLab, ground: Grounding) -> None:
    """Declares the whole lab and exports what its users need to know.

    Args:
        lab: its configuration.
        ground: declares the machines.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = toolchain.version("kubernetes")
    facts = blueprint.facts_of(lab.name, lab, version)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    artifacts = toolchain.artifacts(planned=pulumi.runtime.is_dry_run())
    hosts = ground(version, artifacts)
    cluster, secret_store = hosts.cluster, hosts.secret_store
    sandboxes = layers.compose(
        lab.name,
        cluster=cluster,
        secret_store=secret_store,
        vault_engines=hosts.vault_baseline,
        database=hosts.database,
        drawings=drawings,
        service=lab,
        told=policies.told(lab, version),
        auditor_ground=auditor_ground(lab, artifacts),
        operator_ground=sandbox_service.ground(lab, facts, artifacts, hosts.vault_authority),
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


def auditor_ground(lab: LocalLab | OnPremLab, artifacts: Mapping[str, Artifact]) -> auditor.Ground:
    """What the auditor of a cluster on machines runs from, and for whom its token is."""
    registry = None if lab.registry is None else lab.registry.address
    return auditor.Ground(images.ai_lab(artifacts, registry), audience=naming.KUBERNETES_AUDIENCE)
