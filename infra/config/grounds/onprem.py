"""Bare metal: machines that are there already and answer over SSH."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from infra.config.grounds.machines import MachineSite, require_roles
from infra.config.lab import Lab, require_auto_unseal


class OnPremSite(MachineSite):
    """Machines of one's own, from an inventory."""

    ground: Literal["onprem"]


class OnPremLab(Lab, OnPremSite):
    """A whole lab on machines of one's own."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        require_auto_unseal(self.vault, self.ground)
        require_roles(
            self,
            {"control-plane": range(1, 8, 2), "vault": range(1, 8, 2), "worker": range(1, 1000)},
        )
        return self
