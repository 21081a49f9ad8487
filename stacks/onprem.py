"""The lab on machines of one's own, which the configuration lists."""

from __future__ import annotations

import pulumi

from infra import toolchain
from infra.config import OnPremLab
from infra.hosts.given import OnPremGround, delivery_of
from infra.hosts.provision import ProvisionedHosts
from stacks import machines


def compose(lab: OnPremLab) -> None:
    """Declares the whole lab; see `machines.compose`."""

    def ground(version: str) -> ProvisionedHosts:
        artifacts = toolchain.artifacts(planned=pulumi.runtime.is_dry_run())
        return OnPremGround(lab, delivery=delivery_of(lab, artifacts, version)).hosts

    machines.compose(lab, ground)
