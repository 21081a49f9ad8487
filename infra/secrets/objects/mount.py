"""What secrets engines and auth methods have in common: a type mounted at a path, tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.errors import VaultRefused
from infra.secrets.objects.kind import MountPath, ObjectName, Seconds, Spec


class MountSpec(Spec):
    path: MountPath
    type: ObjectName
    description: str = ""
    default_lease_ttl: Seconds = 0
    max_lease_ttl: Seconds = 0


def live_inputs(mount: Mapping[str, Any], path: str) -> dict[str, Any]:
    """One entry of Vault's list of mounts, in the shape of `MountSpec`."""
    return {
        "path": path,
        "type": mount["type"],
        "description": mount["description"],
        "defaultLeaseTtl": mount["config"]["default_lease_ttl"],
        "maxLeaseTtl": mount["config"]["max_lease_ttl"],
    }


def refuse_other_type(mount: Mapping[str, Any], spec: MountSpec) -> None:
    """Raises VaultRefused if something else is mounted there already."""
    if mount["type"] != spec.type:
        raise VaultRefused(
            f"{spec.path}/ is taken: {mount['type']} is mounted there, not {spec.type}.",
            next_step="choose another path, or remove that mount if nothing needs it.",
        )
