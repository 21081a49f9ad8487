"""The lab on AWS: ground, secret store, cluster baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network

import pulumi

from infra import toolchain
from infra.clouds.aws.ground import AwsGround
from infra.clouds.aws.vault import ARTIFACTS
from infra.cluster import auditor, images, policies
from infra.cluster.auditor_objects import ApiServer
from infra.cluster.manifests import DNS_PODS
from infra.cluster.objects import SystemRoute
from infra.config import AwsLab, AwsSite
from infra.hosts.plan import VAULT_PORT, Delivery
from infra.sandbox import blueprint
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.network import NetworkFacts
from infra.toolchain import Artifact
from stacks import layers

_STORAGE_PODS = {"app": "ebs-csi-controller"}
#: The agent on each node that hands pods their identity; a link-local address.
_POD_IDENTITY = IPv4Network("169.254.170.23/32")


def compose(lab: AwsLab) -> None:
    """Declares the whole lab and exports what its users need to know.

    Raises:
        ToolMissing: the toolchain is not built.
        ConfigError: a sandbox asks for what no sandbox may have.
    """
    facts = facts_of(lab.name, lab)
    # Before anything is declared: a sandbox that may not be must not leave a half-made lab.
    drawings = [blueprint.draw(spec, facts) for spec in lab.sandboxes]

    ground = AwsGround(lab.name, lab)
    artifacts = toolchain.artifacts(planned=pulumi.runtime.is_dry_run())
    vault = ground.vault(
        lab.vault,
        delivery=Delivery(
            artifacts=artifacts,
            kubernetes_version=lab.eks.version,
            folder=ARTIFACTS,
            on_machine=False,
        ),
    )
    cluster, secret_store = ground.cluster, vault.hosts.secret_store
    sandboxes = layers.compose(
        lab.name,
        cluster=cluster,
        secret_store=secret_store,
        vault_engines=vault.hosts.vault_baseline,
        drawings=drawings,
        service=lab,
        told=policies.told(lab, lab.eks.version),
        auditor_ground=auditor_ground(lab, artifacts, ground.registry.address),
        system_routes=system_routes(lab),
    )
    pulumi.export("endpoints", {"kubernetes": cluster.endpoint, "vault": secret_store.address})
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("registry", ground.registry.address)
    pulumi.export("sandboxes", sandboxes)


def facts_of(lab: str, site: AwsSite) -> LabFacts:
    """What the configuration says about the lab around its sandboxes."""
    network = site.network
    nodes = network.subnets("nodes")
    return LabFacts(
        lab=lab,
        kubernetes_version=site.eks.version,
        network=NetworkFacts(
            # Pods have addresses of the nodes' subnets.
            pods=nodes[0],
            services=network.services,
            nodes=(*nodes[1:], *network.subnets("endpoints"), *network.subnets("vault")),
            vault=tuple(network.subnets("vault")),
            vault_port=VAULT_PORT,
        ),
    )


def auditor_ground(
    site: AwsSite, artifacts: Mapping[str, Artifact], registry: str | None
) -> auditor.Ground:
    """What the auditor of a cluster on AWS runs from, and where it finds the API server."""
    return auditor.Ground(
        images.ai_lab(artifacts, registry),
        api_server=ApiServer(_api_server(site), 443),
        image_is_there=False,
    )


def _api_server(site: AwsSite) -> tuple[IPv4Network, ...]:
    """It is behind interfaces in the nodes' subnets, and has the first service's address; which of
    the two a policy sees depends on the network plugin's version.
    """
    return (*site.network.subnets("nodes"), IPv4Network(site.network.api_service))


def system_routes(site: AwsSite) -> list[SystemRoute]:
    """What pods of kube-system reach: the API server, AWS, and their identity."""
    network, api = site.network, _api_server(site)
    return [
        SystemRoute(
            "allow-dns-to-api-server",
            "DNS learns from the API server what there is to resolve.",
            DNS_PODS,
            api,
            443,
        ),
        SystemRoute(
            "allow-storage-to-aws",
            "Volumes are made by AWS and known to the API server.",
            _STORAGE_PODS,
            (*api, *network.subnets("endpoints")),
            443,
        ),
        SystemRoute(
            "allow-storage-its-identity",
            "What makes volumes proves to AWS who it is.",
            _STORAGE_PODS,
            (_POD_IDENTITY,),
            80,
        ),
    ]
