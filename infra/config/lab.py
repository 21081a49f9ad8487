"""What every lab has, whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import Literal, Self

from pydantic import Field, model_validator

from infra import naming
from infra.config import placement
from infra.config.model import CLASSIFICATIONS, Classification, Model, Name
from infra.config.requests import SandboxService
from infra.config.sandboxes import LINK_LOCAL, SandboxSpec, require_outside
from infra.config.site import Site
from infra.config.vault import VaultSpec


class RegistrySpec(Model):
    """Where images are pushed to; without one they are side-loaded onto every node."""

    address: str = Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$")


class QueueSpec(Model):
    """A queue for work that waits for its turn. Only its place is decided so far (ADR 15)."""

    name: Name
    classification: Classification = "internal"
    #: The ground that is to carry it; without one the rule of placement decides
    ground: Name | None = None
    #: GPUs that its work may hold at a time
    gpus: int = Field(default=0, ge=0, le=1024)


class PolicyLevel(Model):
    """A rule that is to be stricter or weaker than the rule itself says."""

    #: Id of the rule (`lab policies list`)
    rule: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    level: Literal["advisory", "mandatory", "remediate", "disabled"]
    #: Why, for whoever reviews it
    because: str = Field(min_length=10)


class AuditSpec(Model):
    """The audit that runs in the cluster, and shows as metrics whether policies hold."""

    #: Minutes between the starts of two audits
    minutes: int = Field(default=10, ge=1, le=1440)


class Lab(Model):
    """A whole lab: what is the same on every ground."""

    name: Name
    vault: VaultSpec = VaultSpec()
    registry: RegistrySpec | None = None
    sandboxes: tuple[SandboxSpec, ...] = ()
    #: Sandboxes that people ask for while the lab runs; without it there are those above only
    sandbox_service: SandboxService | None = None
    queues: tuple[QueueSpec, ...] = ()
    policies: tuple[PolicyLevel, ...] = ()
    audit: AuditSpec = AuditSpec()

    @property
    def sites(self) -> Mapping[str, Site]:
        """What carries the lab by its name, the primary one first; a lab on one ground is its own
        site, and the ground's name is its kind.
        """
        if not isinstance(self, Site):
            raise NotImplementedError
        return {self.ground: self}

    @property
    def grounds(self) -> Sequence[placement.Ground]:
        """The same as the rule of placement sees it."""
        return [
            placement.ground(
                name,
                site.ground,
                exception=site.exception,
            )
            for name, site in self.sites.items()
        ]

    @property
    def places(self) -> Mapping[str, str]:
        """The ground of every sandbox and queue, by its path (`sandboxes.NAME`)."""
        return {work.path: placement.place(work, self.grounds) for work in self._work()}

    @property
    def carried(self) -> tuple[Classification, ...]:
        """What the primary ground carries, and with it what can be asked for."""
        primary = self.grounds[0]
        return tuple(name for name in CLASSIFICATIONS if primary.may_carry(name))

    @property
    def forbidden(self) -> Mapping[IPv4Network, str]:
        """What no sandbox may be let out to, on any ground of the lab."""
        forbidden: dict[IPv4Network, str] = {LINK_LOCAL: "the metadata services of clouds"}
        for site in self.sites.values():
            forbidden |= site.closed
        return forbidden

    def on(self, ground: str) -> tuple[SandboxSpec, ...]:
        """The sandboxes that this ground carries."""
        places = self.places
        return tuple(box for box in self.sandboxes if places[f"sandboxes.{box.name}"] == ground)

    def _work(self) -> list[placement.Work]:
        return [
            placement.Work(f"{kind}.{work.name}", work.classification, work.ground)
            for kind, entries in (("sandboxes", self.sandboxes), ("queues", self.queues))
            for work in entries
        ]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for kind, entries in (("sandboxes", self.sandboxes), ("queues", self.queues)):
            names = [entry.name for entry in entries]
            if len(names) != len(set(names)):
                raise ValueError(f"{kind}: a name is used twice")
        return self

    @model_validator(mode="after")
    def _names_are_not_those_of_requests(self) -> Self:
        for sandbox in self.sandboxes:
            if sandbox.name.startswith(naming.REQUESTED_PREFIX):
                raise ValueError(
                    f"sandboxes.{sandbox.name}: names that begin with {naming.REQUESTED_PREFIX} "
                    "are those of sandboxes that people ask for"
                )
        return self

    @model_validator(mode="after")
    def _requests_can_be_approved(self) -> Self:
        if self.sandbox_service is not None:
            try:
                self.sandbox_service.require_enough_approvers(self.carried)
            except ValueError as error:
                raise ValueError(f"sandbox_service.{error}") from error
        return self

    @model_validator(mode="after")
    def _one_level_for_each_rule(self) -> Self:
        rules = [entry.rule for entry in self.policies]
        if len(rules) != len(set(rules)):
            raise ValueError("policies: a rule is named twice")
        return self

    @model_validator(mode="after")
    def _work_may_be_where_it_goes(self) -> Self:
        _ = self.places
        for sandbox in self.sandboxes:
            for number, rule in enumerate(sandbox.egress, start=1):
                require_outside(f"sandboxes.{sandbox.name}.egress.{number}", rule, self.forbidden)
        return self


def require_auto_unseal(vault: VaultSpec, ground: str) -> None:
    """Refuses keys that a person would have to keep and type after every start.

    Raises:
        ValueError: on grounds other than the local one, a seal must open Vault by itself.
    """
    if vault.seal == "shamir":
        raise ValueError(f"vault.seal: shamir is for the local ground only, not for {ground}")
