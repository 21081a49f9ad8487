"""The local ground: machines made on this host."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from infra.config.grounds.machines import MachineSite, require_roles
from infra.config.lab import Lab


class LocalLab(Lab, MachineSite):
    """A whole lab on machines that are made on this host (systemd-nspawn)."""

    ground: Literal["local"]
    #: Why confidential and restricted work may be here, although all machines share one kernel;
    #: without a reason it may not
    shared_kernel_because: str | None = Field(default=None, min_length=20, max_length=400)

    @property
    def exception(self) -> str | None:
        return self.shared_kernel_because

    @model_validator(mode="after")
    def _roles(self) -> Self:
        one = range(1, 2)
        require_roles(self, {"control-plane": one, "vault": one, "worker": range(1, 100)})
        return self
