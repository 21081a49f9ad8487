"""Every service on Azure tells the lab's logs what it did."""

from collections.abc import Iterator

from policies.clouds import decided
from policies.relations import Fault, Relations, Resource, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_SETTING = "azure-native:monitor:DiagnosticSetting"
_WORKSPACE = "azure-native:operationalinsights:Workspace"
_VAULT = "azure-native:keyvault:Vault"
_REPORTING = (
    "azure-native:containerregistry:Registry",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:dbforpostgresql:Server",
    _VAULT,
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:VirtualNetwork",
    "azure-native:storage:StorageAccount",
    _WORKSPACE,
)


def _hears_all(setting: Resource) -> bool:
    logs = decided(setting.properties, "logs") or []
    return any(one.get("categoryGroup") == "allLogs" and one.get("enabled") for one in logs)


def _check(stack: Stack) -> Iterator[Fault]:
    here = {value(one.properties, "location") for one in stack.of_type(_WORKSPACE)}
    for one in stack.of_type(*_REPORTING):
        # A vault in the paired region is used by Azure's own services alone, for copies.
        if one.type == _VAULT and here and value(one.properties, "location") not in here:
            continue
        settings = [
            setting
            for setting in stack.naming(one, "resourceUri", _SETTING)
            if stack.named_by(setting, "workspaceId")
            or isinstance(value(setting.properties, "workspaceId"), str)
        ]
        if not any(_hears_all(setting) for setting in settings):
            yield Fault("nobody hears what it did", one)


RULE = Rule(
    id="azure-services-report",
    title="Every service writes all its logs into the lab's workspace.",
    reason="Azure records who read a secret, an object or a table only where it is told to, and "
    "forgets the rest at once.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.2.14",
        "SATRE-2.5.03",
        "CYB-8.2n",
        "AIA-4a.1c",
        "AIA-59.1h",
        "CIS-K8S-3.2.1",
    ),
    preview=Relations(
        about=_REPORTING,
        reads=(_SETTING,),
        check=_check,
        broken=(
            without(_SETTING),
            changed(_SETTING, "resourceUri", "another"),
            changed(_SETTING, "workspaceId", None),
            changed(_SETTING, "logs", []),
            changed(_SETTING, "logs", [{"categoryGroup": "allLogs", "enabled": False}]),
            changed(_SETTING, "logs", [{"categoryGroup": "audit", "enabled": True}]),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a DiagnosticSetting with the group allLogs for it.",
)
