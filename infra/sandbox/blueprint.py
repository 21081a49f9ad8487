"""What a sandbox is: a specification in, every object of it out.

Pure: no Pulumi, no cluster, no Vault. The Pulumi component and, later, the operator make the same
sandbox from it. The order of the Kubernetes objects is the order in which they are to be applied:
the walls first, the principal's rights last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network

from infra import naming
from infra.cluster import manifests
from infra.cluster.manifests import Manifest
from infra.config import MachineSite, SandboxSpec
from infra.sandbox import access, limits, network
from infra.sandbox.identity import VaultMounts, VaultObjects, vault_objects
from infra.sandbox.network import NetworkFacts

VAULT_PORT = 8200


@dataclass(frozen=True, slots=True)
class LabFacts:
    """What a sandbox must know of the lab around it."""

    lab: str
    kubernetes_version: str
    network: NetworkFacts
    mounts: VaultMounts = field(default_factory=VaultMounts)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A whole sandbox.

    `namespace` comes first, then `walls` (in any order), then `grants`, which let somebody in.
    """

    spec: SandboxSpec
    namespace: Manifest
    walls: tuple[Manifest, ...]
    grants: tuple[Manifest, ...]
    vault: VaultObjects

    @property
    def objects(self) -> tuple[Manifest, ...]:
        """Every Kubernetes object, in the order of applying."""
        return (self.namespace, *self.walls, *self.grants)


def facts_of(lab: str, site: MachineSite, kubernetes_version: str) -> LabFacts:
    """What the configuration of a ground of machines says about the lab around its sandboxes."""
    nodes = [machine for machine in site.machines if machine.role != "vault"]
    database = site.database_machine
    return LabFacts(
        lab=lab,
        kubernetes_version=kubernetes_version,
        network=NetworkFacts(
            pods=site.network.pods,
            services=site.network.services,
            nodes=tuple(IPv4Network(machine.address) for machine in nodes),
            vault=tuple(IPv4Network(address) for address in site.vault_addresses),
            vault_port=VAULT_PORT,
            database=() if database is None else (IPv4Network(database.address),),
        ),
    )


def draw(spec: SandboxSpec, facts: LabFacts) -> Blueprint:
    """Every object of one sandbox.

    Raises:
        ConfigError: an egress rule opens what must stay closed.
    """
    name = naming.sandbox_namespace(spec.name)
    labels = {naming.LABEL_LAB: facts.lab, naming.LABEL_SANDBOX: spec.name}
    security = manifests.pod_security_labels("restricted", facts.kubernetes_version)
    return Blueprint(
        spec=spec,
        namespace=manifests.namespace(
            name,
            labels={**labels, naming.LABEL_CLASSIFICATION: spec.classification, **security},
            annotations={naming.LABEL_PURPOSE: spec.purpose},
        ),
        walls=(
            *network.policies(spec.name, spec.egress, facts.network, labels),
            limits.quota(name, spec.quota, labels),
            limits.limit_range(name, spec.quota, labels),
            manifests.service_account(name, "default", labels),
            manifests.service_account(name, naming.SANDBOX_SERVICE_ACCOUNT, labels),
        ),
        grants=(access.role(name, labels), access.binding(name, spec.principal, labels)),
        vault=vault_objects(spec.name, facts.mounts),
    )
