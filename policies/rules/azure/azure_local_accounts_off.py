"""People and programs log in to a cluster on AKS as themselves."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-local-accounts-off",
    title="A cluster on AKS has no local administrator; Entra says who somebody is and what they "
    "may do.",
    reason="The local administrator's certificate has no owner, no second factor and no end.",
    severity=Severity.CRITICAL,
    controls=(
        "SATRE-1.5.05",
        "SATRE-3.2.01",
        "SATRE-3.2.04",
        "CYB-8.2h",
        "CYB-8.3c",
        "CIS-K8S-3.1.1",
    ),
    preview=Properties(
        {
            "azure-native:containerservice:ManagedCluster": (
                must_be("disableLocalAccounts", True, safe=True),
                must_be("enableRBAC", True),
                must_be("aadProfile.managed", True),
                must_be("aadProfile.enableAzureRBAC", True),
                must_be("identity.type", "UserAssigned", broken=("SystemAssigned", "None")),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `disable_local_accounts` and `aad_profile`.",
)
