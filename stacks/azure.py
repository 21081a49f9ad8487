"""The lab on Azure: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

from infra import paths, toolchain
from infra.clouds.azure.ground import AzureArgs, AzureGround
from infra.clouds.azure.secret_store import AzureVault, AzureVaultArgs
from infra.cluster import auditor, images, policies
from infra.cluster.auditor_objects import ApiServer
from infra.cluster.manifests import DNS_PODS
from infra.cluster.objects import SystemRoute
from infra.config import AzureLab
from infra.config.grounds.azure import AzureSite
from infra.hosts.plan import VAULT_PORT, Delivery
from infra.sandbox import blueprint
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.network import NetworkFacts
from infra.toolchain import Artifact
from stacks import layers

_METRICS_PODS = {"k8s-app": "metrics-server"}
_SCALER_PODS = {"k8s-app": "coredns-autoscaler"}
_IDENTITY_PODS = {"azure-workload-identity.io/system": "true"}

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
    artifacts = toolchain.artifacts(planned=pulumi.runtime.is_dry_run())
    vault = AzureVault(
        ground,
        AzureVaultArgs(
            lab=lab.name,
            site=lab,
            spec=lab.vault,
            delivery=Delivery(
                artifacts=artifacts,
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
        service=lab,
        told=policies.told(lab, version, policies.of_registry(ground.registry.address)),
        auditor_ground=auditor_ground(lab, artifacts, ground.registry.address),
        system_routes=system_routes(lab),
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


def auditor_ground(
    site: AzureSite, artifacts: Mapping[str, Artifact], registry: str | None
) -> auditor.Ground:
    """What the auditor of a cluster on Azure runs from, and where it finds the API server."""
    return auditor.Ground(
        images.ai_lab(artifacts, registry),
        api_server=ApiServer((site.network.api_server,), 443),
        image_is_there=False,
    )


def system_routes(site: AzureSite) -> list[SystemRoute]:
    """What AKS' own pods need of the API server, which is in a subnet of its own, and it of them.

    An unanswered API of metrics-server would hold up the deletion of every namespace.
    """
    api_server = (site.network.api_server,)

    def asks(name: str, intent: str, pods: dict[str, str]) -> SystemRoute:
        return SystemRoute(f"allow-{name}-to-api-server", intent, pods, api_server, 443)

    def answers(name: str, intent: str, pods: dict[str, str], port: int) -> SystemRoute:
        return SystemRoute(
            f"allow-api-server-to-{name}", intent, pods, api_server, port, inbound=True
        )

    return [
        asks("dns", "DNS learns from the API server what there is to resolve.", DNS_PODS),
        asks("dns-scaler", "DNS is scaled with the number of nodes.", _SCALER_PODS),
        asks("metrics", "Who asks for metrics is known to the API server.", _METRICS_PODS),
        SystemRoute(
            "allow-metrics-to-kubelets",
            "Metrics come from the kubelet of every node.",
            _METRICS_PODS,
            (),
            10250,
        ),
        answers("metrics", "The API server serves metrics as its own.", _METRICS_PODS, 4443),
        asks("identity", "The webhook of workload identities knows them.", _IDENTITY_PODS),
        answers("identity", "The API server calls the webhook.", _IDENTITY_PODS, 9443),
    ]
