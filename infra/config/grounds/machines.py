"""Grounds of machines: what local machines and bare metal have in common."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, Self

from pydantic import model_validator

from infra.config.model import Model, Name
from infra.config.network import Network
from infra.config.site import Site


class MachineSpec(Model):
    """One machine. On the local ground it is made; elsewhere it exists and is reached by SSH."""

    name: Name
    role: Literal["control-plane", "worker", "vault"]
    address: IPv4Address


class DatabaseSpec(Model):
    """PostgreSQL on one of the machines, for what must outlive every sandbox (ADR 20)."""

    #: Name of the machine that carries it; no worker, because sandboxes run there
    machine: Name


class MachineSite(Site):
    """Machines and their network."""

    network: Network = Network()
    machines: tuple[MachineSpec, ...]
    #: Without it there is none
    database: DatabaseSpec | None = None

    @model_validator(mode="after")
    def _machines_fit(self) -> Self:
        for field in ("name", "address"):
            values = [getattr(machine, field) for machine in self.machines]
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"machines: {field} used twice: {', '.join(twice)}")
        reserved = {
            self.network.machines.network_address: "the network's own address",
            self.network.machines.broadcast_address: "the broadcast address",
            self.network.gateway: "the host's own address",
        }
        for machine in self.machines:
            if machine.address not in self.network.machines:
                raise ValueError(
                    f"machines: {machine.name} ({machine.address}) lies outside network.machines "
                    f"({self.network.machines})"
                )
            if machine.address in reserved:
                raise ValueError(
                    f"machines: {machine.name} ({machine.address}) is {reserved[machine.address]}"
                )
        return self

    @model_validator(mode="after")
    def _database_has_a_place(self) -> Self:
        if self.database is None:
            return self
        name = self.database.machine
        role = next((machine.role for machine in self.machines if machine.name == name), None)
        if role is None:
            raise ValueError(f"database.machine: there is no machine {name}")
        if role == "worker":
            raise ValueError(
                f"database.machine: {name} is a worker, where sandboxes run; what is kept of them "
                "lies elsewhere"
            )
        return self

    @property
    def ranges(self) -> Mapping[str, IPv4Network]:
        network = self.network
        return {
            "network.machines": network.machines,
            "network.pods": network.pods,
            "network.services": network.services,
        }

    @property
    def closed(self) -> Mapping[IPv4Network, str]:
        nodes = [machine for machine in self.machines if machine.role != "vault"]
        database = self.database_machine
        return {
            self.network.pods: "the pods of every namespace",
            self.network.services: "the services of every namespace and the API server",
            **({} if database is None else {IPv4Network(database.address): "the lab's database"}),
            **{IPv4Network(machine.address): "a node of the cluster" for machine in nodes},
        }

    @property
    def database_machine(self) -> MachineSpec | None:
        """The machine that carries the database, if any does."""
        if self.database is None:
            return None
        return next(one for one in self.machines if one.name == self.database.machine)

    @property
    def vault_addresses(self) -> tuple[IPv4Address, ...]:
        """Every address by which Vault may be reached."""
        return tuple(machine.address for machine in self.with_role("vault"))

    def with_role(self, role: str) -> tuple[MachineSpec, ...]:
        return tuple(machine for machine in self.machines if machine.role == role)


def require_roles(site: MachineSite, counts: dict[str, range]) -> None:
    """Refuses a site with too few or too many machines of a role.

    Raises:
        ValueError: naming the role, and what is there.
    """
    for role, allowed in counts.items():
        found = len(site.with_role(role))
        if found in allowed:
            continue
        limit = "at least" if found < allowed[0] else "at most"
        least_or_most = allowed[0] if found < allowed[0] else allowed[-1]
        exactly = "exactly" if len(allowed) == 1 else limit
        raise ValueError(f"machines: {exactly} {least_or_most} {role} is needed, not {found}")
