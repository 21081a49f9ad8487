"""The hybrid stack over mocks: what a cloud, a playbook or an API server answers is made up."""

from __future__ import annotations

from typing import Any

import pytest

from infra import config, paths
from infra.config import HybridLab
from stacks import hybrid
from tests.harness import aws_lab, azure_lab, local_lab
from tests.harness.deploy import Computed, Deployment, deploy
from tests.harness.local_lab import HOME, KUBERNETES, artifacts


def load(example: str) -> HybridLab:
    lab = config.load_file(paths.REPOSITORY / "examples" / "valid" / f"{example}.yaml")
    assert isinstance(lab, HybridLab)
    return lab


def _playbook(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    if not name.endswith("/gateway_key"):
        return local_lab.COMPUTED["ailab:ansible:Playbook"](name, inputs)
    key = f"public key of {name.partition('/')[0]}"
    return {"facts": {"gateway_public_key": key}, "notApplied": {}, "digest": "0" * 64}


def _issuer(name: str, _: dict[str, Any]) -> dict[str, Any]:
    return {"issuer": f"https://{name}.example", "keys": [f"signing key of {name}"]}


def _azure_machine(name: str, _: dict[str, Any]) -> dict[str, Any]:
    return {"vmId": f"{name}-1"}


COMPUTED: Computed = {
    **aws_lab.COMPUTED,
    **azure_lab.COMPUTED,
    "aws:ec2/eip:Eip": lambda *_: {"publicIp": "198.51.100.7"},
    "azure-native:network:PublicIPAddress": lambda *_: {"ipAddress": "198.51.100.8"},
    "azure-native:compute:VirtualMachine": _azure_machine,
    "ailab:ansible:Playbook": _playbook,
    "ailab:kubernetes:IssuerKeys": _issuer,
}


def deploy_hybrid(
    patch: pytest.MonkeyPatch, lab: HybridLab, *, preview: bool = False
) -> Deployment:
    """The stack of this lab."""
    patch.setenv("LAB_HOME", HOME)
    patch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    patch.setattr("infra.toolchain.artifacts", lambda **_: artifacts())
    return deploy(lambda: hybrid.compose(lab), computed=COMPUTED, preview=preview, stack="hybrid")
