"""Machines on Azure encrypt what they keep on the host as well."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-encryption-at-host",
    title="Nodes and machines on Azure encrypt caches and temporary disks on their host.",
    reason="Scratch space of a training lies on the host's own disks, which no key of a disk "
    "encryption set covers.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.01", "EUDPR-33.1a-rest", "AIA-55.1d"),
    preview=Properties(
        {
            "azure-native:compute:VirtualMachine": (
                must_be("securityProfile.encryptionAtHost", True),
            ),
            "azure-native:compute:VirtualMachineScaleSet": (
                must_be("virtualMachineProfile.securityProfile.encryptionAtHost", True),
            ),
            "azure-native:containerservice:AgentPool": (must_be("enableEncryptionAtHost", True),),
            "azure-native:containerservice:ManagedCluster": (
                must_be("agentPoolProfiles.*.enableEncryptionAtHost", True),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enable_encryption_at_host`; the subscription must have the feature on.",
)
