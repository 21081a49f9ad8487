"""No store on Azure can be made public or copied to another tenant."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-stores-not-public",
    title="No store or image can be made public, exported, or copied to another tenant.",
    reason="Most data that leaked from clouds lay in a store that one wrong setting had opened.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.1.05", "SATRE-3.1.12", "EUDPR-4.1f", "CYB-8.2c", "AIA-4a.1d"),
    preview=Properties(
        {
            "azure-native:containerregistry:Registry": (
                must_be(
                    "policies.exportPolicy.status", "disabled", broken=("enabled",), safe="disabled"
                ),
            ),
            "azure-native:storage:BlobContainer": (
                must_be("publicAccess", "None", broken=("Blob", "Container"), safe="None"),
            ),
            "azure-native:storage:StorageAccount": (
                must_be("allowBlobPublicAccess", False, safe=False),
                must_be("allowCrossTenantReplication", False, safe=False),
                must_be("allowedCopyScope", "AAD", "PrivateLink", safe="AAD"),
            ),
        },
        forbidden={
            "azure-native:storage:StorageAccountStaticWebsite": {"accountName": "open"},
            "azure-native:storage:ObjectReplicationPolicy": {"accountName": "some"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `allow_blob_public_access` and `allow_cross_tenant_replication` to false.",
)
