"""Sandboxes, and what they may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Literal, Self

from pydantic import Field, model_validator

from infra.config.model import Classification, Model, Name

#: Link-local: metadata services of every cloud listen there (169.254.169.254).
LINK_LOCAL = IPv4Network("169.254.0.0/16")


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


def require_outside(path: str, rule: EgressRule, closed: Mapping[IPv4Network, str]) -> None:
    """Refuses a rule that opens nothing but what must stay closed. `path` is for the error.

    Raises:
        ValueError: naming the rule's range, the closed one, and what is there.
    """
    for range_, what in closed.items():
        if rule.cidr.subnet_of(range_):
            raise ValueError(f"{path}: {rule.cidr} lies in {range_}, which holds {what}")


class SandboxSpec(Model):
    """An isolated namespace with its own identity, quota and keys."""

    name: Name
    purpose: str = Field(min_length=8, max_length=200)
    classification: Classification = "internal"
    #: The ground that is to carry it; without one the rule of placement decides
    ground: Name | None = None
    #: The one user (Kubernetes user name) that may work in the sandbox.
    principal: str = Field(min_length=3, pattern=r"^[A-Za-z0-9._@-]+$")
    quota: Quota = Quota()
    egress: tuple[EgressRule, ...] = ()
