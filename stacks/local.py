"""The lab on one machine, whose machines Pulumi makes itself."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra import paths
from infra.config import LocalLab
from infra.hosts.ground import CACHE_ON_MACHINE, LocalGround
from infra.hosts.plan import Delivery
from infra.hosts.provision import ProvisionedHosts
from infra.toolchain import Artifact
from stacks import machines


def compose(lab: LocalLab) -> None:
    """Declares the whole lab; see `machines.compose`."""

    def ground(version: str, artifacts: Mapping[str, Artifact]) -> ProvisionedHosts:
        delivery = Delivery(
            artifacts=artifacts,
            kubernetes_version=version,
            folder=CACHE_ON_MACHINE,
            on_machine=True,
        )
        return LocalGround(lab, delivery=delivery).hosts

    machines.compose(lab, ground)
    pulumi.export("ssh_key", str(paths.Home(lab.name).ssh_key))
