"""The lab on Azure: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from pathlib import Path

import pulumi

from infra import paths, toolchain
from infra.clouds.azure.ground import AzureArgs, AzureGround
from infra.clouds.azure.secret_store import AzureVault, AzureVaultArgs
from infra.config import AzureLab
from infra.config.grounds.azure import AzureSite
from infra.hosts.plan import VAULT_PORT, Delivery
from infra.sandbox import blueprint
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.network import NetworkFacts
from stacks import layers

#: Where Ansible puts programs on Vault's machines.
_FOLDER = Path("/var/cache/ai-lab")


def compose(lab: AzureLab) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    version = lab.cluster.kubernetes_version
    facts = facts_of(lab.name, lab)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    ground = AzureGround(AzureArgs(lab.name, lab))
    vault = AzureVault(
        ground,
        AzureVaultArgs(
            lab=lab.name,
            site=lab,
            spec=lab.vault,
            delivery=Delivery(
                artifacts=toolchain.artifacts(),
                kubernetes_version=version,
                folder=_FOLDER,
                on_machine=False,
            ),
            logs=str(paths.Home(lab.name).logs),
        ),
    )
    sandboxes = layers.compose(
        lab.name,
        cluster=ground.cluster,
        secret_store=vault.secret_store,
        vault_engines=vault.vault_baseline,
        drawings=drawings,
        kubernetes_version=version,
    )
    pulumi.export(
        "endpoints",
        {
            "kubernetes": ground.cluster.endpoint,
            "vault": vault.secret_store.address,
            "registry": ground.registry.address,
            "database": ground.database.host,
        },
    )
    pulumi.export("kubeconfig", ground.cluster.kubeconfig)
    pulumi.export("sandboxes", sandboxes)


def facts_of(lab: str, site: AzureSite) -> LabFacts:
    """What the configuration says about the lab around its sandboxes."""
    network = site.network
    return LabFacts(
        lab=lab,
        kubernetes_version=site.cluster.kubernetes_version,
        network=NetworkFacts(
            pods=network.pods,
            services=network.services,
            nodes=(network.nodes, network.api_server),
            vault=(network.vault,),
            vault_port=VAULT_PORT,
        ),
    )
