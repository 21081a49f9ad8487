"""Key vaults cannot be emptied for good, and roles say who uses them."""

from policies.properties import Properties, must_be, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-key-vaults-protected",
    title="A key vault keeps what is deleted for 90 days, cannot be purged, and knows roles only.",
    reason="Without its key every store of the lab is lost; access policies let whoever may write "
    "the vault give themselves its keys.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.05", "SATRE-1.5.03", "EUDPR-33.1b-availability", "CYB-8.3d"),
    preview=Properties(
        {
            "azure-native:keyvault:Vault": (
                must_be("properties.enablePurgeProtection", True, safe=True),
                must_be("properties.enableRbacAuthorization", True),
                must_be("properties.enableSoftDelete", True, safe=True),
                must_be("properties.softDeleteRetentionInDays", 90, broken=(7,)),
                must_not_be_set("properties.enabledForDeployment", broken=True, safe=False),
                must_not_be_set("properties.enabledForDiskEncryption", broken=True, safe=False),
                must_not_be_set("properties.enabledForTemplateDeployment", broken=True, safe=False),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enable_purge_protection`, `enable_rbac_authorization` and 90 days.",
)
