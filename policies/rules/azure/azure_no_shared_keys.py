"""Nothing on Azure is opened by a key or password that people share."""

from policies.properties import Properties, must_be, must_not_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-no-shared-keys",
    title="Stores, registries, databases, logs and machines know identities only: no shared key, "
    "no password.",
    reason="A key that several use says nothing about who came, cannot be taken from one of them, "
    "and works from anywhere until somebody changes it.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.05", "SATRE-3.2.01", "CYB-8.2h", "CYB-8.3b", "CYB-8.3c"),
    preview=Properties(
        {
            "azure-native:cognitiveservices:Account": (
                must_be("properties.disableLocalAuth", True, safe=True),
            ),
            "azure-native:compute:VirtualMachine": (
                must_be("osProfile.linuxConfiguration.disablePasswordAuthentication", True),
                must_not_be_set("osProfile.adminPassword", broken="example"),
            ),
            "azure-native:containerregistry:Registry": (
                must_be("adminUserEnabled", False, safe=False),
                must_be("anonymousPullEnabled", False, safe=False),
                # Tokens for the whole of Azure are no logins to the registry.
                must_be(
                    "policies.azureADAuthenticationAsArmPolicy.status",
                    "disabled",
                    broken=("enabled",),
                    safe="disabled",
                ),
            ),
            "azure-native:dbforpostgresql:Server": (
                must_be("authConfig.activeDirectoryAuth", "Enabled", broken=("Disabled",)),
                must_be(
                    "authConfig.passwordAuth", "Disabled", broken=("Enabled",), safe="Disabled"
                ),
                must_not_be_set("administratorLoginPassword", broken="example"),
            ),
            "azure-native:operationalinsights:Workspace": (
                must_be("features.disableLocalAuth", True, safe=True),
            ),
            "azure-native:storage:StorageAccount": (
                must_be("allowSharedKeyAccess", False, safe=False),
                must_be("isLocalUserEnabled", False, safe=False),
                must_be("isSftpEnabled", False, safe=False),
            ),
            "pulumi:providers:azure-native": (must_not_be_set("clientSecret", broken="example"),),
        },
        forbidden={
            "azure-native:storage:LocalUser": {"username": "someone"},
            "azure-native:containerregistry:Token": {"tokenName": "some"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use a managed identity, and roles on the one resource.",
)
