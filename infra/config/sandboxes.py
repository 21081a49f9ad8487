"""Sandboxes, and what they may use."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import Literal, Self

from pydantic import Field, model_validator

from infra.config.model import Classification, Model, Name


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
