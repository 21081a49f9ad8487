"""The local stack, deployed over mocks: what a machine or a playbook would answer is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra import config
from infra.config import LocalLab
from infra.toolchain import Artifact
from stacks import local
from tests.harness.deploy import Deployment, deploy

HOME = "/lab-home"
KUBERNETES = "1.36.3"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nthe lab's authority\n-----END CERTIFICATE-----\n"
SIGNING_KEY = "-----BEGIN PUBLIC KEY-----\nthe cluster's\n-----END PUBLIC KEY-----\n"
ISSUER = "https://kubernetes.default.svc.cluster.local"

_ARTIFACTS = (
    "cilium-chart",
    "cni-loopback",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "etcdctl",
    "etcdutl",
    "helm",
    "image-ai-lab",
    "image-cilium",
    "image-control-plane",
    "image-node",
    "image-probe",
    "kubernetes",
    "runc",
    "vault",
    "vault-kms-plugin",
)


def artifacts(**built_anew: str) -> dict[str, Artifact]:
    """Every artifact of the toolchain; a digest can be given by the artifact's name."""
    return {
        name: Artifact(
            path=Path("/lab-cache/store") / name,
            relative=f"store/{name}",
            sha256=built_anew.get(name, "0" * 64),
        )
        for name in _ARTIFACTS
    }


def _machine(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    home = inputs["home"]
    return {
        "instance": f"{name}-1",
        "sshKey": f"{home}/ssh/id_ed25519",
        "knownHosts": f"{home}/ssh/known_hosts",
    }


def _playbook(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "vault": {"ca_certificate": AUTHORITY},
        "control_plane": {
            "control_plane_endpoint": f"https://{inputs['variables']['lab_control_plane_endpoint']}",
            "service_account_issuer": ISSUER,
            "service_account_public_key": SIGNING_KEY,
        },
    }
    return {"facts": facts.get(name, {}), "notApplied": {}, "digest": "0" * 64}


def _authority(_name: str, _inputs: dict[str, Any]) -> dict[str, Any]:
    return {"certificate": AUTHORITY}


COMPUTED = {
    "ailab:hosts:Machine": _machine,
    "ailab:ansible:Playbook": _playbook,
    "ailab:vault:PkiAuthority": _authority,
}


def deploy_local(
    patch: pytest.MonkeyPatch,
    lab: LocalLab | None = None,
    *,
    preview: bool = False,
    built: dict[str, Artifact] | None = None,
) -> Deployment:
    """The local stack as its configuration in this checkout has it, or another lab."""
    patch.setenv("LAB_HOME", HOME)
    patch.setattr("infra.toolchain.version", lambda _: KUBERNETES)
    patch.setattr("infra.toolchain.artifacts", lambda **_: artifacts() if built is None else built)
    wanted = lab or config.load_local("local")
    return deploy(lambda: local.compose(wanted), computed=COMPUTED, preview=preview)
