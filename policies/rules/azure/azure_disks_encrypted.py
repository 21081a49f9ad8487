"""Disks on Azure are encrypted with a key of the lab's own."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided, must_be_own_vault_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity


def _more_disks(properties: Mapping[str, Any]) -> Iterator[str]:
    """Of machines, besides the first."""
    disks = decided(properties, "storageProfile.dataDisks")
    for disk in disks or []:
        if not ((disk.get("managedDisk") or {}).get("diskEncryptionSet") or {}).get("id"):
            yield "storageProfile.dataDisks: a disk is encrypted with Microsoft's key"


RULE = Rule(
    id="azure-disks-encrypted",
    title="Disks of machines and nodes on Azure are encrypted with a key of the lab's own, which "
    "turns by itself.",
    reason="With Microsoft's key, the lab could neither refuse its use nor make a copied disk "
    "worthless.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            "azure-native:compute:Disk": (must_be_own_vault_key("encryption.diskEncryptionSetId"),),
            "azure-native:compute:DiskEncryptionSet": (
                must_be_own_vault_key("activeKey.keyUrl"),
                must_be(
                    "encryptionType",
                    "EncryptionAtRestWithPlatformAndCustomerKeys",
                    "EncryptionAtRestWithCustomerKey",
                    broken=("EncryptionAtRestWithPlatformKey",),
                ),
                must_be("rotationToLatestKeyVersionEnabled", True, safe=True),
            ),
            "azure-native:compute:VirtualMachine": (
                must_be_own_vault_key("storageProfile.osDisk.managedDisk.diskEncryptionSet.id"),
            ),
            "azure-native:containerservice:ManagedCluster": (
                must_be_own_vault_key("diskEncryptionSetID"),
            ),
        },
        check=_more_disks,
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Name a disk encryption set of the lab.",
)
