"""The lab on machines of one's own, which the configuration lists."""

from __future__ import annotations

from collections.abc import Mapping

from infra.config import OnPremLab
from infra.hosts.given import OnPremGround, delivery_of
from infra.hosts.provision import ProvisionedHosts
from infra.toolchain import Artifact
from stacks import machines


def compose(lab: OnPremLab) -> None:
    """Declares the whole lab; see `machines.compose`."""

    def ground(version: str, artifacts: Mapping[str, Artifact]) -> ProvisionedHosts:
        return OnPremGround(lab, delivery=delivery_of(lab, artifacts, version)).hosts

    machines.compose(lab, ground)
