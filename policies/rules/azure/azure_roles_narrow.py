"""Roles on Azure are for one resource, and none may grant others."""

from policies.properties import Must, Properties, must_be, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: Roles that change everything or grant roles, by their id
#: (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
_BROAD = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
}
_DEFINITIONS = "/subscriptions/some/providers/Microsoft.Authorization/roleDefinitions/"
_ROLE = Must(
    "roleDefinitionId",
    f"another role than {', '.join(_BROAD.values())}",
    lambda found: isinstance(found, str) and found.rpartition("/")[2] not in _BROAD,
    tuple(f"{_DEFINITIONS}{role}" for role in _BROAD),
)

RULE = Rule(
    id="azure-roles-narrow",
    title="A role is granted on one resource, to a workload or a group, and never one that grants "
    "roles.",
    reason="A role on a subscription or a resource group holds for everything that will ever be in "
    "it.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "SATRE-3.2.03", "CYB-8.2h", "CYB-8.3b", "EUDPR-33.3"),
    preview=Properties(
        {
            "azure-native:authorization:RoleAssignment": (
                _ROLE,
                must_match(
                    "scope",
                    r"(?!/?$|/subscriptions/[^/]+(/resourceGroups/[^/]+)?/?$"
                    r"|/?providers/Microsoft\.Management/).+",
                    "one resource",
                    broken=(
                        "/",
                        "/subscriptions/some",
                        "/subscriptions/some/resourceGroups/some",
                        "/providers/Microsoft.Management/managementGroups/some",
                    ),
                ),
                must_be("principalType", "ServicePrincipal", "Group", broken=("User",)),
            ),
        },
        forbidden={
            "azure-native:authorization:RoleDefinition": {"roleName": "some"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use `grant` of infra/clouds/azure/access.py.",
)
