"""Asks the engine what a changed program would do to data that the accepted one had made.

The accepted inventory is handed to Pulumi as the state of a deployed lab. So aliases are judged
by what really decides about them, those that a child has from its parent included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from infra.engine.plan import Plan

#: Types whose resources hold what cannot be made again: data, keys, evidence, backups.
HOLDS_DATA: Final = frozenset(
    {
        "ailab:vault:SecretsEngine",
        "ailab:vault:TransitKey",
        "aws:backup/vault:Vault",
        "aws:cloudtrail/trail:Trail",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:ebs/volume:Volume",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:kms/key:Key",
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "azure-native:compute:Disk",
        "azure-native:containerregistry:Registry",
        "azure-native:dataprotection:BackupVault",
        "azure-native:dbforpostgresql:Database",
        "azure-native:dbforpostgresql:Server",
        "azure-native:keyvault:Key",
        "azure-native:keyvault:Vault",
        "azure-native:operationalinsights:Workspace",
        "azure-native:storage:BlobContainer",
        "azure-native:storage:StorageAccount",
    }
)
_ROOT: Final = "pulumi:pulumi:Stack"
#: Of everything in the made-up state.
_ID: Final = "accepted"
_LOST: Final = ("delete", "replace", "create-replacement", "delete-replaced")

Entry = Mapping[str, Any]
#: Makes the plan of the changed program for a lab with this state.
Preview = Callable[[Mapping[str, Any]], Plan]


def losses(accepted: Sequence[Entry], now: Plan, preview: Preview) -> list[str]:
    """One sentence for each resource whose data the changed program would give up.

    Args:
        accepted: the inventory before the change.
        now: the plan of the changed program.
        preview: asked only if something that holds data is not where it was.
    """
    there = {_place(one.urn) for one in now.resources}
    before = dict(zip(_places(accepted), accepted, strict=True))
    gone = {
        place: entry for place, entry in before.items() if _holds_data(entry) and place not in there
    }
    if not gone:
        return []
    # urn:pulumi:STACK::PROJECT::TYPES::NAME
    stack, project = now.resources[0].urn.split("::")[:2]
    steps = preview(_state(stack.rpartition(":")[2], project, before, gone)).resources
    given_up = {_place(one.was or one.urn) for one in steps if one.operation in _LOST}
    return [
        f"{gone[place]['type']} {gone[place]['name']} is given up with all that it holds; if it "
        "has only moved, give what it is now an alias for "
        f"urn:pulumi:STACK::{project}::{place}."
        for place in sorted(given_up & gone.keys())
    ]


def _holds_data(entry: Entry) -> bool:
    return bool(
        entry["type"] in HOLDS_DATA
        or (entry.get("protected") and entry.get("retained") and not entry.get("component"))
    )


def _place(urn: str) -> str:
    """What a URN says besides stack and project."""
    return "::".join(urn.split("::")[2:])


def _places(entries: Iterable[Entry]) -> list[str]:
    """The same for the entries of an inventory, from their parents."""
    entries = list(entries)
    by_label = {f"{entry['type']} {entry['name']}": entry for entry in entries}

    def chain(entry: Entry) -> str:
        parent = entry.get("parent")
        return f"{chain(by_label[parent])}${entry['type']}" if parent else str(entry["type"])

    return [f"{chain(entry)}::{entry['name']}" for entry in entries]


def _state(
    stack: str, project: str, before: Mapping[str, Entry], gone: Iterable[str]
) -> dict[str, Any]:
    """A deployment with what is gone, what it lay in, and nothing else."""
    start = f"urn:pulumi:{stack}::{project}::"
    root = f"{start}{_ROOT}::{project}-{stack}"
    wanted: dict[str, str] = {}

    def include(place: str) -> str:
        """Adds a place after the one that it lies in; returns its URN."""
        if place not in wanted:
            parent = _parent(place, before)
            wanted[place] = include(parent) if parent else root
        return f"{start}{place}"

    for place in gone:
        include(place)
    resources: list[dict[str, Any]] = [{"urn": root, "type": _ROOT}]
    for package in sorted({before[place]["type"].split(":")[0] for place in wanted}):
        kind = f"pulumi:providers:{package}"
        resources.append({"urn": f"{start}{kind}::{_ID}", "type": kind, "custom": True, "id": _ID})
    for place in sorted(wanted, key=lambda place: place.count("$")):
        entry = before[place]
        properties = dict(entry.get("properties") or {})
        resource = {
            "urn": f"{start}{place}",
            "type": entry["type"],
            "parent": wanted[place],
            "inputs": properties,
            "outputs": properties,
        }
        if not entry.get("component"):
            package = entry["type"].split(":")[0]
            provider = f"{start}pulumi:providers:{package}::{_ID}::{_ID}"
            resource |= {"custom": True, "id": _ID, "provider": provider}
        resources.append(resource)
    manifest = {"time": "1970-01-01T00:00:00Z", "magic": "", "version": ""}
    return {"manifest": manifest, "resources": resources}


def _parent(place: str, before: Mapping[str, Entry]) -> str | None:
    label = before[place].get("parent")
    above = place.rpartition("::")[0].rpartition("$")[0]
    return f"{above}::{label.partition(' ')[2]}" if label else None
