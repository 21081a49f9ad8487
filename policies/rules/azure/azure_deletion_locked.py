"""Azure itself refuses to delete what holds data."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_LOCK = "azure-native:authorization:ManagementLockByScope"
_DATA = (
    "azure-native:containerregistry:Registry",
    "azure-native:dbforpostgresql:Server",
    "azure-native:keyvault:Vault",
    "azure-native:storage:StorageAccount",
)


def _check(stack: Stack) -> Iterator[Fault]:
    for one in stack.of_type(*_DATA):
        locks = stack.naming(one, "scope", _LOCK)
        levels = {value(lock.properties, "level") for lock in locks}
        if not levels & {"CanNotDelete", "ReadOnly"}:
            yield Fault("whoever has the right deletes it with one call", one)


RULE = Rule(
    id="azure-deletion-locked",
    title="Vaults, databases, registries and storage accounts have a lock against deletion.",
    reason="One call by a person or a script that is wrong deletes what nobody can bring back; a "
    "lock must be taken off first, and that is seen.",
    severity=Severity.HIGH,
    controls=("EUDPR-4.1f", "EUDPR-33.1b-availability", "CYB-8.2o"),
    preview=Relations(
        about=_DATA,
        reads=(_LOCK,),
        check=_check,
        broken=(
            without(_LOCK),
            changed(_LOCK, "level", "NotSpecified"),
            changed(_LOCK, "level", None),
            changed(_LOCK, "scope", "another"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a ManagementLockByScope of level CanNotDelete for it.",
)
