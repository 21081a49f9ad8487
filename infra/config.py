"""What a lab may be. Read once, validated whole; no other module reads `pulumi.Config`.

Unknown keys are refused (`extra="forbid"`): a misspelt protection must never be silently off.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra import paths
from infra.errors import ConfigError, StackNotFound

#: Pulumi's configuration key that holds the whole lab, below the project's namespace.
CONFIG_KEY = "lab"
PROJECT = "ai-lab"

#: A DNS label (RFC 1123), short enough that every name derived from it still is one.
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
Classification = Literal["public", "internal", "confidential", "restricted"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(Model):
    """Address ranges of one lab (IPv4); they must not overlap."""

    machines: IPv4Network = IPv4Network("10.71.0.0/24")
    pods: IPv4Network = IPv4Network("10.72.0.0/16")
    services: IPv4Network = IPv4Network("10.73.0.0/16")

    @model_validator(mode="after")
    def _ranges_are_apart(self) -> Self:
        ranges = {"machines": self.machines, "pods": self.pods, "services": self.services}
        names = list(ranges)
        for index, one in enumerate(names):
            for other in names[index + 1 :]:
                if ranges[one].overlaps(ranges[other]):
                    raise ValueError(
                        f"network.{one} ({ranges[one]}) overlaps network.{other} ({ranges[other]})"
                    )
        for name, least in (("machines", 28), ("pods", 23), ("services", 24)):
            if ranges[name].prefixlen > least:
                raise ValueError(f"network.{name} ({ranges[name]}) is smaller than a /{least}")
        return self

    @property
    def gateway(self) -> IPv4Address:
        """The host's own address on the machines' network."""
        return self.machines[1]

    @property
    def cluster_dns(self) -> IPv4Address:
        return self.services[10]


class MachineSpec(Model):
    """One machine. On the local ground it is made; elsewhere it exists and is reached by SSH."""

    name: Name
    role: Literal["control-plane", "worker", "vault"]
    address: IPv4Address


class VaultSpec(Model):
    """How Vault is sealed (https://developer.hashicorp.com/vault/docs/configuration/seal).

    `shamir` is for the local ground only: the lab keeps the keys. The other seals take the
    settings of Vault's own seal stanza.
    """

    seal: Literal["shamir", "awskms", "azurekeyvault", "transit"] = "shamir"
    seal_settings: dict[str, str] = Field(default_factory=dict)
    key_shares: int = Field(default=1, ge=1, le=10)
    key_threshold: int = Field(default=1, ge=1, le=10)

    @model_validator(mode="after")
    def _threshold_fits(self) -> Self:
        if self.key_threshold > self.key_shares:
            raise ValueError("vault.key_threshold is larger than vault.key_shares")
        if self.seal != "shamir" and not self.seal_settings:
            raise ValueError(f"vault.seal_settings is missing; the {self.seal} seal needs it")
        return self


class Quota(Model):
    """Hard limits of a sandbox; Kubernetes quantities."""

    cpu: str = "2"
    memory: str = "2Gi"
    storage: str = "10Gi"
    pods: int = Field(default=20, ge=1, le=500)
    gpus: int = Field(default=0, ge=0, le=64)

    @model_validator(mode="after")
    def _quantities(self) -> Self:
        for name in ("cpu", "memory", "storage"):
            value = getattr(self, name)
            if not re.fullmatch(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?", value):
                raise ValueError(f"quota.{name} ({value!r}) is not a Kubernetes quantity")
        return self


class EgressRule(Model):
    """One destination that a sandbox may reach besides DNS, with the reason."""

    cidr: IPv4Network
    port: int = Field(ge=1, le=65535)
    protocol: Literal["TCP", "UDP"] = "TCP"
    reason: str = Field(min_length=8)


class SandboxSpec(Model):
    """An isolated namespace with its own identity, quota and keys."""

    name: Name
    purpose: str = Field(min_length=8, max_length=200)
    classification: Classification = "internal"
    #: The one user (Kubernetes user name) that may work in the sandbox.
    principal: str = Field(min_length=3, pattern=r"^[A-Za-z0-9._@-]+$")
    quota: Quota = Quota()
    egress: tuple[EgressRule, ...] = ()


class RegistrySpec(Model):
    """Where images are pushed to; without one they are side-loaded onto every node."""

    address: str = Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$")


class LabConfig(Model):
    """A whole lab."""

    name: Name
    ground: Literal["local"]
    network: Network = Network()
    machines: tuple[MachineSpec, ...]
    vault: VaultSpec = VaultSpec()
    registry: RegistrySpec | None = None
    sandboxes: tuple[SandboxSpec, ...] = ()

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
        roles = [machine.role for machine in self.machines]
        for role in ("control-plane", "vault"):
            if roles.count(role) != 1:
                raise ValueError(f"machines: exactly one {role} is needed, not {roles.count(role)}")
        if "worker" not in roles:
            raise ValueError("machines: at least one worker is needed")
        if self.vault.seal == "shamir" and self.ground != "local":
            raise ValueError("vault.seal: shamir is for the local ground only")
        names = [sandbox.name for sandbox in self.sandboxes]
        if len(names) != len(set(names)):
            raise ValueError("sandboxes: a name is used twice")
        return self

    def with_role(self, role: str) -> tuple[MachineSpec, ...]:
        return tuple(machine for machine in self.machines if machine.role == role)


def parse(document: Any, *, source: str) -> LabConfig:
    """Validates one lab. `source` says where the document came from, for the error.

    Raises:
        ConfigError: with every fault by its path in the document.
    """
    try:
        return LabConfig.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(_fault(entry["loc"], entry["msg"]) for entry in error.errors())
        raise ConfigError(
            f"{source}: {faults}.",
            next_step="correct these keys; docs/reference/configuration.md lists what is allowed.",
        ) from error


def _fault(location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    text = message.removeprefix("Value error, ").rstrip(".")
    return f"{path}: {text}" if path else text


def stack_file(stack: str) -> Path:
    return paths.REPOSITORY / "stacks" / "config" / f"Pulumi.{stack}.yaml"


def stacks() -> list[str]:
    """Names of the stacks that have a configuration in this checkout."""
    folder = paths.REPOSITORY / "stacks" / "config"
    return sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))


def load(stack: str) -> LabConfig:
    """Reads a stack's configuration file without Pulumi, for the command line.

    Raises:
        StackNotFound: there is no such file.
        ConfigError: the file is not YAML or does not describe a lab.
    """
    file = stack_file(stack)
    if not file.is_file():
        raise StackNotFound(
            f"there is no configuration for stack {stack!r}.",
            next_step=f"choose one of: {', '.join(stacks())}; or write {file.name} beside them.",
        )
    try:
        document = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{file.name} is not YAML: {error}", next_step="correct the file."
        ) from error
    values = document.get("config") if isinstance(document, dict) else None
    if not isinstance(values, dict) or f"{PROJECT}:{CONFIG_KEY}" not in values:
        raise ConfigError(
            f"{file.name} has no key config.{PROJECT}:{CONFIG_KEY}.",
            next_step="see stacks/config/Pulumi.local.yaml for a complete example.",
        )
    return parse(values[f"{PROJECT}:{CONFIG_KEY}"], source=file.name)


def from_pulumi() -> LabConfig:
    """Reads the lab of the running Pulumi program."""
    import pulumi

    return parse(pulumi.Config().require_object(CONFIG_KEY), source=f"stack {pulumi.get_stack()}")
