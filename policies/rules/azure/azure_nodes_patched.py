"""Nodes on Azure get new images by themselves, and forget old ones."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-nodes-patched",
    title="Nodes get new images by themselves, and forget those of containers that nobody uses.",
    reason="A flaw that everybody can read about is used within days, also in an image that lies "
    "around.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.7.02", "SATRE-2.7.03", "CYB-8.2i", "CYB-8.2k"),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be(
                    "autoUpgradeProfile.nodeOSUpgradeChannel",
                    "NodeImage",
                    "SecurityPatch",
                    broken=("None", "Unmanaged"),
                ),
                must_be("securityProfile.imageCleaner.enabled", True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `node_os_upgrade_channel` to NodeImage and `image_cleaner`.",
)
