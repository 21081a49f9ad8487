"""Machines on Azure start what is signed, and take commands from nobody outside."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Must, Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value


def _pool(path: str) -> tuple[Must, ...]:
    return (
        must_be(f"{path}securityProfile.enableVTPM", True),
        must_be(f"{path}securityProfile.sshAccess", "Disabled", broken=("LocalUser",)),
    )


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    """Secure boot takes no driver that is not signed, such as those for GPUs: not there."""
    pools = decided(properties, "agentPoolProfiles") or []
    for pool in pools or ([properties] if "enableNodePublicIP" in properties else []):
        labels = decided(pool, "nodeLabels") or {}
        has_gpu = any(key.endswith("/gpu") for key in labels) or bool(decided(pool, "gpuProfile"))
        if not has_gpu and value(pool, "securityProfile.enableSecureBoot") is not True:
            yield "securityProfile.enableSecureBoot: it starts whatever is on its disk"


def _starts_anything(properties: dict[str, Any]) -> None:
    for one in properties.get("agentPoolProfiles", [properties]):
        profile = one.setdefault("securityProfile", {})
        profile["enableSecureBoot"] = False
        profile.setdefault("uefiSettings", {})["secureBootEnabled"] = False
        one.pop("gpuProfile", None)
        one.pop("nodeLabels", None)


RULE = Rule(
    id="azure-machines-trusted",
    title="Machines start what is signed only, and take no commands or extensions from outside.",
    reason="What changes a machine before it starts is seen by no check that runs on it; an "
    "extension is a program that anybody with rights in Azure runs as root.",
    severity=Severity.HIGH,
    controls=("EUDPR-33.1b-integrity", "CYB-8.2i", "AIA-55.1d"),
    preview=Properties(
        {
            "azure-native:compute:VirtualMachine": (
                must_be("osProfile.allowExtensionOperations", False),
                must_be(
                    "securityProfile.securityType",
                    "TrustedLaunch",
                    "ConfidentialVM",
                    broken=("Standard",),
                ),
                must_be("securityProfile.uefiSettings.secureBootEnabled", True),
                must_be("securityProfile.uefiSettings.vTpmEnabled", True),
            ),
            "azure-native:containerservice:AgentPool": _pool(""),
            "azure-native:containerservice:ManagedCluster": (
                *_pool("agentPoolProfiles.*."),
                must_be(
                    "nodeResourceGroupProfile.restrictionLevel",
                    "ReadOnly",
                    broken=("Unrestricted",),
                ),
            ),
        },
        check=_check,
        broken=(_starts_anything,),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Choose TrustedLaunch with secure boot and a virtual TPM; turn SSH to nodes off.",
)
