"""What all playbooks of one lab have in common: machines, the way to them, and what they bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import rpc

from infra import naming, paths
from infra.contracts import Machine, Registry
from infra.provider import sdk
from infra.toolchain import Artifact

API_PORT = 6443
VAULT_PORT = 8200

#: Ansible's groups by the role of a machine.
_GROUPS = {
    "control-plane": ["control_plane", "kubernetes"],
    "worker": ["workers", "kubernetes"],
    "vault": ["vault"],
    "gateway": ["gateway"],
}

#: Artifacts that a playbook installs. Only a new build of one of these runs it again.
_ARTIFACTS = {
    "vault": ("vault",),
    "container_runtime": (
        "cni-loopback",
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
        "image-ai-lab",
        "image-cilium",
        "image-control-plane",
        "image-node",
        "image-probe",
        "kubernetes",
        "runc",
    ),
    "control_plane": ("etcdctl", "etcdutl"),
    "kms_plugin": ("vault-kms-plugin",),
    "network": ("cilium-chart", "helm", "image-ai-lab", "image-cilium", "image-probe"),
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


@dataclass(frozen=True, slots=True)
class Ranges:
    """Addresses of a lab. `controller` is from where it is administered, as machines see it."""

    machines: IPv4Network
    pods: IPv4Network
    services: IPv4Network
    cluster_dns: IPv4Address
    controller: str


@dataclass(frozen=True, slots=True)
class HostsArgs:
    """Machines of one lab and what their playbooks must know.

    `vault` and `kubernetes` are the addresses (no scheme, no port) by which everybody reaches
    Vault and the API server; a lab without the one or the other gives an empty string.
    `variables` go to every playbook, `host_variables` to those of one machine (by its name),
    both over the defaults of the roles. `database` is the name of the machine that carries the
    lab's database, where one does.
    """

    lab: str
    machines: Sequence[Machine]
    connection: sdk.SshConnection
    delivery: Delivery
    ranges: Ranges
    vault: pulumi.Input[str]
    kubernetes: str = ""
    registry: Registry = field(default_factory=Registry)
    variables: Mapping[str, Any] = field(default_factory=dict)
    host_variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    database: str | None = None

    def with_role(self, *roles: str) -> list[Machine]:
        return [machine for machine in self.machines if machine.role in roles]

    def hostname(self, machine: Machine) -> str:
        return naming.hostname(self.lab, machine.name)


def url(address: pulumi.Input[str], port: int) -> pulumi.Input[str]:
    """https://ADDRESS:PORT, of an address that may not be known yet."""
    if isinstance(address, str):
        return f"https://{address}:{port}"
    return pulumi.Output.concat("https://", address, f":{port}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Declares playbooks as children of one component."""

    args: HostsArgs
    parent: pulumi.Resource

    def run(
        self,
        playbook: str,
        *,
        roles: Sequence[str] = (),
        hosts: Sequence[Machine] = (),
        goes_with: Machine,
        after: Sequence[pulumi.Resource],
        variables: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> sdk.Playbook:
        """Declares a playbook for the machines of these roles, and for `hosts`; its name is the
        playbook's, where it runs but once in a lab.
        """
        return sdk.Playbook(
            name or playbook,
            playbook=playbook,
            hosts=[self._host(machine) for machine in (*self.args.with_role(*roles), *hosts)],
            connection=self.args.connection,
            variables={**self._common(playbook), **self.args.variables, **(variables or {})},
            opts=pulumi.ResourceOptions(
                parent=self.parent, depends_on=list(after), deleted_with=goes_with.resource
            ),
        )

    def _host(self, machine: Machine) -> sdk.Host:
        return sdk.Host(
            name=self.args.hostname(machine),
            address=machine.address,
            groups=[
                *_GROUPS[machine.role],
                *(["database"] if machine.name == self.args.database else []),
            ],
            instance=machine.instance,
            variables={
                "lab_address": machine.address,
                "lab_artifacts_on_machine": self.args.delivery.on_machine,
                **self.args.host_variables.get(machine.name, {}),
            },
        )

    def _common(self, playbook: str) -> dict[str, Any]:
        args, ranges = self.args, self.args.ranges
        return {
            "lab_name": args.lab,
            "lab_home": str(paths.Home(args.lab).root),
            "lab_machines_cidr": str(ranges.machines),
            "lab_pods_cidr": str(ranges.pods),
            "lab_services_cidr": str(ranges.services),
            "lab_cluster_dns": str(ranges.cluster_dns),
            "lab_gateway": ranges.controller,
            "lab_kubernetes_version": args.delivery.kubernetes_version,
            "lab_control_plane_endpoint": f"{args.kubernetes}:{API_PORT}",
            "lab_vault_address": url(args.vault, VAULT_PORT),
            "lab_registry": args.registry.address or "",
            "lab_artifacts": self._artifacts(playbook),
            "lab_artifacts_dir": str(args.delivery.folder),
        }

    def _artifacts(self, playbook: str) -> dict[str, dict[str, str]]:
        artifacts = self.args.delivery.artifacts
        chosen = {name: artifacts[name] for name in _ARTIFACTS.get(playbook, ())}
        return {
            name: {
                "path": str(artifact.path),
                "relative": artifact.relative,
                # A preview plans with what will have been made by then.
                "sha256": rpc.UNKNOWN if artifact.sha256 is None else artifact.sha256,
            }
            for name, artifact in chosen.items()
        }
