"""Machines as parameters of checks: their names become the last part of the checks' ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.live.support.lab import current


def machines(*roles: str) -> list[str]:
    """Names of the lab's machines with one of these roles; without roles, of all."""
    return [
        machine.name for machine in current().config.machines if not roles or machine.role in roles
    ]


NODE_ROLES = ("control-plane", "worker")


#: Names of settings and the values that they may have.
Table: TypeAlias = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that a machine must have; any of `allowed` will do."""

    machine: str
    name: str
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}.{self.machine}"


def settings(table: Table, *roles: str) -> list[Setting]:
    """Every setting of the table for every machine of these roles."""
    return [
        Setting(machine, name, (value,) if isinstance(value, str) else value)
        for machine in machines(*roles)
        for name, value in table.items()
    ]
