"""The lab on one machine, whose machines Pulumi makes itself."""

from __future__ import annotations

import pulumi

from infra import paths, toolchain
from infra.config import LocalLab
from infra.hosts.ground import CACHE_ON_MACHINE, LocalGround
from infra.hosts.plan import Delivery
from infra.hosts.provision import ProvisionedHosts
from stacks import machines


def compose(lab: LocalLab) -> None:
    """Declares the whole lab; see `machines.compose`."""

    def ground(version: str) -> ProvisionedHosts:
        delivery = Delivery(
            artifacts=toolchain.artifacts(planned=pulumi.runtime.is_dry_run()),
            kubernetes_version=version,
            folder=CACHE_ON_MACHINE,
            on_machine=True,
        )
        return LocalGround(lab, delivery=delivery).hosts

    machines.compose(lab, ground)
    pulumi.export("ssh_key", str(paths.Home(lab.name).ssh_key))
