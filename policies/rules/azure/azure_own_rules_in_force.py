"""Azure refuses what is made past the lab's code, too."""

from collections.abc import Iterator

from infra.regions import AZURE_REGIONS
from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "azure-native:containerservice:ManagedCluster"
_ASSIGNMENT = "azure-native:authorization:PolicyAssignment"
#: Azure's built-in definition "Allowed locations".
_LOCATIONS = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
_ALLOWED = "parameters.listOfAllowedLocations.value"


def _check(stack: Stack) -> Iterator[Fault]:
    bounds = []
    for one in stack.of_type(_ASSIGNMENT):
        if value(one.properties, "enforcementMode") != "Default":
            yield Fault("it only tells and refuses nothing (enforcementMode)", one)
        elif str(value(one.properties, "policyDefinitionId")).endswith(_LOCATIONS):
            bounds.append(one)
    if not bounds:
        yield Fault("Azure lets anybody make anything in any region")
    for one in bounds:
        allowed = decided(one.properties, _ALLOWED) or ["anywhere"]
        for location in allowed:
            if location not in AZURE_REGIONS:
                yield Fault(f"it allows {location}", one)


RULE = Rule(
    id="azure-own-rules-in-force",
    title="Azure itself refuses other regions than those of the lab, whoever asks.",
    reason="Rules of this catalogue see what the lab's code makes; by hand, anybody with rights "
    "makes the rest.",
    severity=Severity.HIGH,
    controls=("EUDPR-46", "CYB-8.2c", "SATRE-2.4.04", "EUDPR-27.1"),
    preview=Relations(
        about=(_CLUSTER,),
        reads=(_ASSIGNMENT,),
        check=_check,
        broken=(
            without(_ASSIGNMENT),
            changed(_ASSIGNMENT, "enforcementMode", "DoNotEnforce"),
            changed(_ASSIGNMENT, "policyDefinitionId", "another"),
            changed(_ASSIGNMENT, _ALLOWED, ["northeurope", "uksouth"]),
            changed(_ASSIGNMENT, _ALLOWED, []),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Assign the policy `Allowed locations` to the lab's resource group.",
)
