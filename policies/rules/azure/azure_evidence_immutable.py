"""What proves something on Azure cannot be changed or deleted before its time."""

from collections.abc import Iterator

from policies.clouds import decided
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_STORE = "azure-native:storage:StorageAccount"
_CLUSTER = "azure-native:containerservice:ManagedCluster"
_LOCK = "immutableStorageWithVersioning"
_POLICY = f"{_LOCK}.immutabilityPolicy"
_DAYS = "immutabilityPeriodSinceCreationInDays"
_YEAR = 365


def _check(stack: Stack) -> Iterator[Fault]:
    locked = [one for one in stack.of_type(_STORE) if decided(one.properties, _LOCK)]
    if not locked:
        yield Fault("no store keeps what is written as it is")
    for one in locked:
        policy = decided(one.properties, _POLICY) or {}
        if value(one.properties, f"{_LOCK}.enabled") is not True:
            yield Fault("its contents may be changed (enabled)", one)
        if policy.get("state") not in ("Locked", "Unlocked"):
            yield Fault("its policy is not in force (state)", one)
        if (policy.get(_DAYS) or 0) < _YEAR:
            yield Fault(f"what is kept is free within a year ({_DAYS})", one)
        if policy.get("allowProtectedAppendWrites"):
            yield Fault("what was written may grow (allowProtectedAppendWrites)", one)


RULE = Rule(
    id="azure-evidence-immutable",
    title="A lab has a store in which nothing can be changed or deleted for a year at least.",
    reason="A record that whoever broke in can rewrite proves nothing.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.5.03",
        "SATRE-3.1.14",
        "AIA-18.1",
        "AIA-73.6",
        "EUDPR-33.1b-integrity",
        "CYB-21.7",
    ),
    preview=Relations(
        about=(_CLUSTER,),
        reads=(_STORE,),
        check=_check,
        broken=(
            without(_STORE),
            changed(_STORE, _LOCK, None),
            changed(_STORE, f"{_LOCK}.enabled", False),
            changed(_STORE, f"{_POLICY}.state", "Disabled"),
            changed(_STORE, f"{_POLICY}.{_DAYS}", 7),
            changed(_STORE, _POLICY, None),
            changed(_STORE, f"{_POLICY}.allowProtectedAppendWrites", True),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `immutable_storage_with_versioning` of the account for evidence.",
)
