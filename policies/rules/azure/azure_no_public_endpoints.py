"""Nothing of a lab on Azure answers on the internet."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_CLOSED = must_be("publicNetworkAccess", "Disabled", broken=("Enabled",), safe="Disabled")
_REFUSES = must_be("networkRuleSet.defaultAction", "Deny", broken=("Allow",), safe="Deny")
_API = "apiServerAccessProfile"

RULE = Rule(
    id="azure-no-public-endpoints",
    title="No API server, store, registry, vault, database or log answers on the internet.",
    reason="Services of Azure have public names by default; what answers there is tried by "
    "everybody within minutes.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-3.1.12", "CYB-8.2c", "CYB-8.3b", "AIA-59.1d"),
    preview=Properties(
        {
            "azure-native:cognitiveservices:Account": (
                must_be(
                    "properties.publicNetworkAccess",
                    "Disabled",
                    broken=("Enabled",),
                    safe="Disabled",
                ),
            ),
            "azure-native:containerregistry:Registry": (_CLOSED, _REFUSES),
            "azure-native:containerservice:ManagedCluster": (
                _CLOSED,
                must_be(f"{_API}.enablePrivateCluster", True),
                must_be(f"{_API}.enablePrivateClusterPublicFQDN", False, safe=False),
                must_be(f"{_API}.disableRunCommand", True, safe=True),
            ),
            "azure-native:dbforpostgresql:Server": (
                must_be(
                    "network.publicNetworkAccess", "Disabled", broken=("Enabled",), safe="Disabled"
                ),
            ),
            "azure-native:keyvault:Vault": (
                must_be(
                    "properties.publicNetworkAccess",
                    "Disabled",
                    broken=("Enabled",),
                    safe="Disabled",
                ),
                must_be(
                    "properties.networkAcls.defaultAction", "Deny", broken=("Allow",), safe="Deny"
                ),
            ),
            "azure-native:machinelearningservices:Workspace": (_CLOSED,),
            "azure-native:monitor:PrivateLinkScope": (
                must_be(
                    "accessModeSettings.ingestionAccessMode",
                    "PrivateOnly",
                    broken=("Open",),
                    safe="PrivateOnly",
                ),
                must_be(
                    "accessModeSettings.queryAccessMode",
                    "PrivateOnly",
                    broken=("Open",),
                    safe="PrivateOnly",
                ),
            ),
            "azure-native:operationalinsights:Workspace": (
                must_be(
                    "publicNetworkAccessForIngestion",
                    "Disabled",
                    broken=("Enabled",),
                    safe="Disabled",
                ),
                must_be(
                    "publicNetworkAccessForQuery", "Disabled", broken=("Enabled",), safe="Disabled"
                ),
            ),
            "azure-native:storage:StorageAccount": (_CLOSED, _REFUSES),
        },
        forbidden={
            # They let an address through a service's own firewall.
            "azure-native:dbforpostgresql:FirewallRule": {"startIpAddress": "8.8.8.8"},
            "azure-native:cdn:Profile": {"profileName": "open"},
            "azure-native:frontdoor:FrontDoor": {"frontDoorName": "open"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `public_network_access` to Disabled and make a private endpoint.",
)
