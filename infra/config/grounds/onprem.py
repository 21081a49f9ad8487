"""Bare metal: machines that are there already and answer over SSH."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.config.grounds.machines import MachineSite, MachineSpec, require_roles
from infra.config.lab import Lab, require_auto_unseal
from infra.config.model import Model
from infra.config.ssh import LocalPath, SshAccess

#: Path on a machine.
RemotePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]*$")]
#: A host name or an address.
HostName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]


class OnPremMachine(MachineSpec):
    """A machine of one's own."""

    #: The way to this machine, where it is not that of the site
    ssh: SshAccess | None = None
    #: Whole disk for the lab's data, by its stable name; it is encrypted (LUKS)
    data_disk: str | None = Field(default=None, pattern=r"^/dev/disk/by-id/[A-Za-z0-9._:+-]+$")
    #: An NVIDIA card is there: driver and container toolkit are installed
    gpu: bool = False
    #: Counted up when the machine was installed anew, so that everything on it is done again
    installation: int = Field(default=1, ge=1)


class Endpoint(Model):
    """One address for several machines: any of them may be lost, the address stays."""

    address: IPv4Address
    #: keepalived moves the address between the machines (VRRP); or a load balancer of the site
    #: has it, which passes TCP on to machines that are well
    carrier: Literal["keepalived", "load-balancer"] = "keepalived"
    #: Number of the group in VRRP, unique in the network
    router: int = Field(default=71, ge=1, le=255)


class TangServer(Model):
    """A server that lets machines open their disks while they are in the site's network."""

    url: str = Field(pattern=r"^http://[a-z0-9.-]+(:[0-9]+)?$")
    #: Of its signing key, as `tang-show-keys` says it
    thumbprint: str = Field(pattern=r"^[A-Za-z0-9_-]{27,43}$")


class BackupSpec(Model):
    """Copies of etcd and of Vault, encrypted on the machines before they are stored.

    `recipient` is the path of a certificate (PEM); its private key stays off-line and is needed
    only to restore.
    """

    recipient: LocalPath
    #: Folder on the control planes and the Vault machines, where the site mounts its storage
    folder: RemotePath = "/var/backups/ai-lab"
    #: When, as systemd.time(7) writes it
    schedule: str = Field(default="*-*-* 00/6:00:00", pattern=r"^[A-Za-z0-9*/:., ~-]{1,64}$")
    #: Copies of each kind that are kept
    keep: int = Field(default=28, ge=2, le=1000)


class OnPremSite(MachineSite):
    """Machines of one's own, from an inventory."""

    ground: Literal["onprem"]
    machines: tuple[OnPremMachine, ...]
    ssh: SshAccess
    #: The engineer's host as the machines see it; the lab's way into Vault works from there only
    controller: IPv4Address
    #: From where else people may reach SSH and the API server
    administrators: tuple[IPv4Network, ...] = ()
    #: Where the API server is found; needed with several control planes
    kubernetes_endpoint: Endpoint | None = None
    #: Where Vault is found; needed with several machines for Vault
    vault_endpoint: Endpoint | None = None
    #: Folder on the machines with the lab's programs and images, as the site mounts its mirror;
    #: without one they are copied from the engineer's host
    artifacts: RemotePath | None = None
    #: CA certificate (PEM) of the registry, where the machines do not trust it anyway
    registry_ca: LocalPath | None = None
    time_servers: tuple[HostName, ...] = Field(min_length=1)
    #: Name servers that answer; without any, `/etc/resolv.conf` is left alone
    name_servers: tuple[IPv4Address, ...] = ()
    tang: tuple[TangServer, ...] = ()
    #: Tang servers that must answer before a disk opens
    tang_threshold: int = Field(default=1, ge=1)
    backup: BackupSpec | None = None

    @model_validator(mode="after")
    def _roles_are_complete(self) -> Self:
        require_roles(self, {"control-plane": range(1, 6), "worker": range(1, 1000)})
        for role in ("control-plane", "vault"):
            found = len(self.with_role(role))
            if found and found % 2 == 0:
                raise ValueError(
                    f"machines: {found} {role}s survive no more losses than {found - 1}, and one "
                    "more can fail; use 1, 3 or 5"
                )
        return self

    @model_validator(mode="after")
    def _several_have_one_address(self) -> Self:
        taken = {machine.address: machine.name for machine in self.machines}
        for field, role in (("kubernetes_endpoint", "control-plane"), ("vault_endpoint", "vault")):
            endpoint: Endpoint | None = getattr(self, field)
            machines = self.with_role(role)
            if endpoint is None:
                if len(machines) > 1:
                    raise ValueError(f"{field}: {len(machines)} {role}s need one address")
                continue
            if endpoint.address in taken:
                raise ValueError(
                    f"{field}: {endpoint.address} belongs to {taken[endpoint.address]}"
                )
            taken[endpoint.address] = field
            inside = endpoint.address in self.network.machines
            if endpoint.carrier == "keepalived" and not inside:
                raise ValueError(
                    f"{field}: keepalived can carry only an address of network.machines "
                    f"({self.network.machines}), not {endpoint.address}"
                )
        return self

    @model_validator(mode="after")
    def _groups_of_vrrp_differ(self) -> Self:
        ends = (self.kubernetes_endpoint, self.vault_endpoint)
        routers = [end.router for end in ends if end is not None and end.carrier == "keepalived"]
        if len(routers) != len(set(routers)):
            raise ValueError("vault_endpoint.router: kubernetes_endpoint has the same number")
        return self

    @model_validator(mode="after")
    def _disks_can_be_opened(self) -> Self:
        disks = [machine.name for machine in self.machines if machine.data_disk]
        if disks and not self.tang:
            raise ValueError(f"tang: {disks[0]} has a data_disk, which nothing would open at boot")
        if self.tang and self.tang_threshold > len(self.tang):
            raise ValueError(
                f"tang_threshold: {self.tang_threshold} of {len(self.tang)} servers cannot answer"
            )
        return self

    def with_role(self, role: str) -> tuple[OnPremMachine, ...]:
        return tuple(machine for machine in self.machines if machine.role == role)

    def address_of(self, role: Literal["control-plane", "vault"]) -> IPv4Address:
        """The address by which everybody reaches the machines of a role."""
        endpoint = self.kubernetes_endpoint if role == "control-plane" else self.vault_endpoint
        return self.with_role(role)[0].address if endpoint is None else endpoint.address

    @property
    def vault_addresses(self) -> tuple[IPv4Address, ...]:
        own = super().vault_addresses
        return own if self.vault_endpoint is None else (*own, self.vault_endpoint.address)

    @property
    def closed(self) -> Mapping[IPv4Network, str]:
        closed = dict(super().closed)
        if self.kubernetes_endpoint is not None:
            closed[IPv4Network(self.kubernetes_endpoint.address)] = "the API server"
        return closed


class OnPremLab(Lab, OnPremSite):
    """A whole lab on machines of one's own."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        require_auto_unseal(self.vault, self.ground)
        require_roles(self, {"vault": range(1, 6)})
        return self
