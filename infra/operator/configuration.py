"""What the operator is told of its lab: one JSON document, written by Pulumi, without a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra import naming
from infra.config import Classification, Quota
from infra.config.model import faults
from infra.errors import ConfigError
from infra.operator.budget import Price
from infra.operator.leader import Timing
from infra.operator.life import Limits, Rules
from infra.sandbox.blueprint import VAULT_PORT, LabFacts
from infra.sandbox.network import NetworkFacts
from infra.sandbox.resource import DURATION, duration
from infra.secrets.requested import Mounts


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkSettings(_Told):
    """Addresses that decide what a sandbox is never let out to."""

    pods: IPv4Network
    services: IPv4Network
    nodes: tuple[IPv4Network, ...]
    vault: tuple[IPv4Network, ...]
    vault_port: int = VAULT_PORT
    elsewhere: tuple[IPv4Network, ...] = ()
    database: tuple[IPv4Network, ...] = ()


class VaultSettings(_Told):
    """Where Vault is, and the paths in it; `accessor` is of the login of this cluster."""

    address: str
    ca_certificate: Path
    #: File with the operator's own token for Vault.
    token: Path
    accessor: str
    transit: str = naming.VAULT_TRANSIT
    kv: str = naming.VAULT_KV
    jwt: str = naming.VAULT_JWT

    @property
    def mounts(self) -> Mounts:
        return Mounts(self.accessor, self.transit, self.kv, self.jwt)


class SqliteSettings(_Told):
    """Evidence in a file, on a ground without a database."""

    kind: Literal["sqlite"] = "sqlite"
    file: Path


class PostgresqlSettings(_Told):
    """Evidence in the lab's database, with a certificate from Vault."""

    kind: Literal["postgresql"] = "postgresql"
    host: str
    port: int
    database: str
    user: str
    ca_certificate: Path
    #: Folder in memory for the key.
    folder: Path
    #: Role of the operator's account in Vault for that certificate.
    vault_role: str
    pki_mount: str = naming.VAULT_DATABASE_PKI


class ProfileSettings(_Told):
    """A size of sandboxes; `pool` of them are made before anybody asks."""

    quota: Quota = Quota()
    pool: int = Field(default=0, ge=0, le=100)
    #: Euro; see `budget.Price`.
    cost_per_hour: float = Field(default=0.0, ge=0)
    budget: float | None = Field(default=None, gt=0)
    largest_budget: float | None = Field(default=None, gt=0)

    @property
    def price(self) -> Price:
        return Price(_euro(self.cost_per_hour), *map(_some, (self.budget, self.largest_budget)))


class LimitSettings(_Told):
    """Sandboxes at the same time; see `room.Limits`."""

    per_requester: int | None = Field(default=None, ge=1)
    total: int | None = Field(default=None, ge=1)


class TargetSettings(_Told):
    """What a probe tries from a sandbox, and what must come of it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=40)
    #: `tcp` connects, `dns` asks the pod's own name server for `name`.
    kind: Literal["tcp", "dns"] = "tcp"
    must_be: Literal["open", "closed"]
    #: An address, or for `dns` a name.
    to: str = Field(pattern=r"^[A-Za-z0-9.:-]+$")
    port: int = Field(default=0, ge=0, le=65535)


class ProbeSettings(_Told):
    """The pod that looks from inside a sandbox."""

    image: str
    pull: Literal["Always", "IfNotPresent", "Never"] = "Never"
    targets: tuple[TargetSettings, ...]
    #: Seconds until the pod must have ended.
    patience: float = Field(default=60.0, gt=0)
    #: How often walls may be found open before the sandbox is given up.
    attempts: int = Field(default=3, ge=1)


class LeaseSettings(_Told):
    """Seconds; see `leader.Timing`."""

    duration: int = 10
    renew: float = 2.0
    margin: float = 3.0

    @property
    def timing(self) -> Timing:
        return Timing(self.duration, self.renew, self.margin)


class Configuration(_Told):
    """Everything."""

    lab: str
    kubernetes_version: str
    network: NetworkSettings
    vault: VaultSettings
    evidence: Annotated[SqliteSettings | PostgresqlSettings, Field(discriminator="kind")]
    profiles: Mapping[str, ProfileSettings]
    #: How many others must approve, by classification.
    approvals: Mapping[Classification, int]
    longest_life: str = Field(pattern=DURATION)
    limits: LimitSettings = LimitSettings()
    #: Part of a budget.
    budget_warning: float = Field(default=0.8, gt=0, lt=1)
    probe: ProbeSettings
    lease: LeaseSettings = LeaseSettings()
    #: Seconds that the making of a sandbox may take.
    patience: int = Field(default=900, gt=0)
    workers: int = Field(default=16, ge=1, le=64)

    @property
    def facts(self) -> LabFacts:
        return LabFacts(
            lab=self.lab,
            kubernetes_version=self.kubernetes_version,
            network=NetworkFacts(
                pods=self.network.pods,
                services=self.network.services,
                nodes=self.network.nodes,
                vault=self.network.vault,
                vault_port=self.network.vault_port,
                elsewhere=self.network.elsewhere,
                database=self.network.database,
            ),
        )

    @property
    def rules(self) -> Rules:
        return Rules(
            approvals=dict(self.approvals.items()),
            longest_life=duration(self.longest_life),
            profiles=frozenset(self.profiles),
            attempts=self.probe.attempts,
            patience=timedelta(seconds=self.patience),
            prices={name: one.price for name, one in self.profiles.items()},
            warn_at=_euro(self.budget_warning),
            limits=Limits(self.limits.per_requester, self.limits.total),
        )


def _euro(number: float) -> Decimal:
    """As it was written, not as a machine stores it."""
    return Decimal(str(number))


def _some(number: float | None) -> Decimal | None:
    return None if number is None else _euro(number)


def parse(text: str) -> Configuration:
    """Reads the document.

    Raises:
        ConfigError: naming every fault, and nothing of what was given.
    """
    try:
        return Configuration.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(
            f"the operator's configuration is not one: {faults(error)}.",
            next_step="run `./lab up`: it writes it.",
        ) from error


def read(file: Path) -> Configuration:
    """Reads the document from a file. Raises as `parse` does."""
    try:
        return parse(file.read_text())
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.",
            next_step="mount the operator's ConfigMap, or name it.",
        ) from error
