"""The lab under test, as its configuration says it is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from infra import config
from infra.config import LocalLab, MachineSpec
from infra.naming import hostname
from infra.paths import Home


@dataclass(frozen=True, slots=True)
class Lab:
    """Configuration and home of one lab."""

    stack: str
    config: LocalLab

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def home(self) -> Home:
        return Home(self.config.name)

    @property
    def control_plane(self) -> MachineSpec:
        return self.config.with_role("control-plane")[0]

    @property
    def worker(self) -> MachineSpec:
        return self.config.with_role("worker")[0]

    @property
    def vault(self) -> MachineSpec:
        return self.config.with_role("vault")[0]

    @property
    def nodes(self) -> tuple[MachineSpec, ...]:
        """Machines that are nodes of the cluster."""
        return tuple(machine for machine in self.config.machines if machine.role != "vault")

    @property
    def api_address(self) -> tuple[str, int]:
        return str(self.control_plane.address), 6443

    @property
    def vault_address(self) -> tuple[str, int]:
        return str(self.vault.address), 8200

    def node_name(self, machine: MachineSpec) -> str:
        """Name of the machine as host and as node."""
        return hostname(self.name, machine.name)


def current() -> Lab:
    """The lab of the stack that LAB_STACK names (`local` if it is not set)."""
    stack = os.environ.get("LAB_STACK") or "local"
    return Lab(stack, config.load_local(stack))
