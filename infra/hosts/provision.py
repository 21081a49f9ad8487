"""From machines that answer over SSH to a cluster and a Vault: the same on every ground of hosts.

The order is that of the dependencies and nothing more: Vault and the container runtime are set up
side by side; the control plane waits for its key in Vault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from infra import naming, paths
from infra.config import LocalLab
from infra.contracts import Cluster, Machine, SecretStore
from infra.provider import sdk
from infra.secrets.store import VaultBaseline
from infra.toolchain import Artifact

API_PORT = 6443
VAULT_PORT = 8200

#: Ansible's groups by the role of a machine.
_GROUPS = {
    "control-plane": ["control_plane", "kubernetes"],
    "worker": ["workers", "kubernetes"],
    "vault": ["vault"],
}
_CLUSTER = ("control-plane", "worker")

#: Artifacts that a playbook installs. Only a new build of one of these runs it again.
_ARTIFACTS = {
    "vault": ("vault",),
    "container_runtime": (
        "cni-loopback",
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
        "image-cilium",
        "image-control-plane",
        "image-node",
        "image-probe",
        "kubernetes",
        "runc",
    ),
    "control_plane": ("etcdctl",),
    "kms_plugin": ("vault-kms-plugin",),
    "network": ("cilium-chart", "helm", "image-cilium", "image-probe"),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How programs and images reach the machines.

    `folder` is where they lie on a machine; if they are not `on_machine` already (mounted from a
    mirror, say), Ansible copies them there.
    """

    artifacts: Mapping[str, Artifact]
    kubernetes_version: str
    folder: Path
    on_machine: bool


@dataclass(slots=True)
class _Plan:
    """What all playbooks of one lab have in common."""

    lab: LocalLab
    machines: Sequence[Machine]
    delivery: Delivery
    connection: sdk.SshConnection
    parent: pulumi.Resource

    def one(self, role: str) -> Machine:
        return next(machine for machine in self.machines if machine.role == role)

    def run(
        self,
        playbook: str,
        *,
        roles: Sequence[str],
        goes_with: Machine,
        after: Sequence[pulumi.Resource],
        variables: Mapping[str, Any] | None = None,
    ) -> sdk.Playbook:
        """Declares a playbook for the machines of these roles; its name is the playbook's."""
        return sdk.Playbook(
            playbook,
            playbook=playbook,
            hosts=[self._host(machine) for machine in self.machines if machine.role in roles],
            connection=self.connection,
            variables={**self._variables(playbook), **(variables or {})},
            opts=pulumi.ResourceOptions(
                parent=self.parent, depends_on=list(after), deleted_with=goes_with.resource
            ),
        )

    def _host(self, machine: Machine) -> sdk.Host:
        return sdk.Host(
            name=naming.hostname(self.lab.name, machine.name),
            address=machine.address,
            groups=_GROUPS[machine.role],
            instance=machine.instance,
            variables={
                "lab_address": machine.address,
                "lab_artifacts_on_machine": self.delivery.on_machine,
            },
        )

    def _variables(self, playbook: str) -> dict[str, Any]:
        network = self.lab.network
        address = {role: self.lab.with_role(role)[0].address for role in ("control-plane", "vault")}
        return {
            "lab_name": self.lab.name,
            "lab_home": str(paths.Home(self.lab.name).root),
            "lab_machines_cidr": str(network.machines),
            "lab_pods_cidr": str(network.pods),
            "lab_services_cidr": str(network.services),
            "lab_cluster_dns": str(network.cluster_dns),
            "lab_gateway": str(network.gateway),
            "lab_kubernetes_version": self.delivery.kubernetes_version,
            "lab_control_plane_endpoint": f"{address['control-plane']}:{API_PORT}",
            "lab_vault_address": f"https://{address['vault']}:{VAULT_PORT}",
            "lab_registry": self.lab.registry.address if self.lab.registry else "",
            "lab_artifacts": self._artifacts(playbook),
            "lab_artifacts_dir": str(self.delivery.folder),
        }

    def _artifacts(self, playbook: str) -> dict[str, dict[str, str]]:
        chosen = {name: self.delivery.artifacts[name] for name in _ARTIFACTS.get(playbook, ())}
        return {
            name: {
                "path": str(artifact.path),
                "relative": artifact.relative,
                "sha256": artifact.sha256,
            }
            for name, artifact in chosen.items()
        }


class ProvisionedHosts(pulumi.ComponentResource):
    """A cluster and a Vault on machines that answer over SSH, with the API server's key in Vault.

    Children go with the machine that they were run on: destroying a lab removes the machines and
    asks nothing of what ran on them.
    """

    cluster: Cluster
    secret_store: SecretStore
    #: Engines of the secret store; what uses keys or secrets depends on it.
    vault_baseline: VaultBaseline

    def __init__(
        self,
        name: str,
        *,
        lab: LocalLab,
        machines: Sequence[Machine],
        connection: sdk.SshConnection,
        delivery: Delivery,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:hosts:ProvisionedHosts", name, {}, opts)
        plan = _Plan(lab, machines, delivery, connection, self)
        everything = tuple(_GROUPS)
        control_plane = plan.one("control-plane")
        preflight = plan.run("preflight", roles=everything, goes_with=control_plane, after=[])
        base = plan.run("base", roles=everything, goes_with=control_plane, after=[preflight])
        runtime = plan.run(
            "container_runtime", roles=_CLUSTER, goes_with=control_plane, after=[base]
        )
        vault = plan.run(
            "vault",
            roles=("vault",),
            goes_with=plan.one("vault"),
            after=[base],
            variables=_seal(lab),
        )
        self.secret_store = _secret_store(plan, vault)
        self.vault_baseline = VaultBaseline(
            name,
            secret_store=self.secret_store,
            authority=vault.facts.apply(lambda facts: str(facts["ca_certificate"])),
            control_plane=(
                naming.hostname(lab.name, control_plane.name),
                str(lab.with_role("control-plane")[0].address),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.cluster = _cluster(plan, [runtime, self.vault_baseline])
        self.register_outputs({})


def _seal(lab: LocalLab) -> dict[str, Any]:
    return {
        "lab_vault_seal": lab.vault.seal,
        "lab_vault_seal_settings": dict(lab.vault.seal_settings),
        "lab_vault_key_shares": lab.vault.key_shares,
        "lab_vault_key_threshold": lab.vault.key_threshold,
    }


def _secret_store(plan: _Plan, vault: sdk.Playbook) -> SecretStore:
    home = paths.Home(plan.lab.name)
    return SecretStore(
        address=f"https://{plan.lab.with_role('vault')[0].address}:{VAULT_PORT}",
        ca_certificate=str(home.ca_certificate),
        credentials=str(home.vault_approle),
        transit_mount=naming.VAULT_TRANSIT,
        kv_mount=naming.VAULT_KV,
        jwt_mount=naming.VAULT_JWT,
        instance=plan.one("vault").instance,
        resource=vault,
    )


def _cluster(plan: _Plan, ready: Sequence[pulumi.Resource]) -> Cluster:
    """Kubeadm on the control plane, then the workers join while the network comes up."""
    machine = plan.one("control-plane")
    only = ("control-plane",)
    kms = plan.run("kms_plugin", roles=only, goes_with=machine, after=ready)
    control_plane = plan.run("control_plane", roles=only, goes_with=machine, after=[kms])
    workers = plan.run("workers", roles=_CLUSTER, goes_with=machine, after=[control_plane])
    network = plan.run("network", roles=_CLUSTER, goes_with=machine, after=[control_plane])
    home = paths.Home(plan.lab.name)
    return Cluster(
        name=plan.lab.name,
        # Unknown until every node is on the network, so that nothing uses the cluster before.
        kubeconfig=pulumi.Output.all(network.facts, workers.facts).apply(
            lambda _: str(home.kubeconfig)
        ),
        endpoint=control_plane.facts.apply(lambda facts: str(facts["control_plane_endpoint"])),
        service_account_keys=control_plane.facts.apply(
            lambda facts: [str(facts["service_account_public_key"])]
        ),
        service_account_issuer=control_plane.facts.apply(
            lambda facts: str(facts["service_account_issuer"])
        ),
        instance=machine.instance,
        resource=network,
    )
