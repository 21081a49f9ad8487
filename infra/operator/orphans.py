"""What belongs to nobody any more, although it is named as the operator names sandboxes.

There should be none. There is if somebody took a Sandbox's finalizer away by force, or if an
operator that had been away for long did one thing too many. It is destroyed, and said loudly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.operator import life
from infra.operator.cluster import Cluster
from infra.operator.destroy import Destroyer
from infra.operator.provision import Provisioner
from infra.sandbox.resource import PATH, Sandbox
from infra.secrets.sandboxes import SandboxVault


@dataclass(frozen=True, slots=True)
class Orphans:
    """Methods raise what the API server's and Vault's clients do."""

    cluster: Cluster
    corners: SandboxVault
    provisioner: Provisioner
    destroyer: Destroyer
    #: Told of each before it is destroyed.
    found: Callable[[str], None]

    def find(self) -> list[str]:
        """Names of namespaces, keys, roles and secrets that belong to no Sandbox and no pool.

        Whose something is, is read after what there is: a name is in a status, or on a
        namespace, before anything has it.
        """
        mine = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
        there = self.corners.all_namespaces()
        namespaces = self.cluster.list(self.cluster.collection("v1", "Namespace"))
        there |= {
            one["metadata"]["name"]
            for one in namespaces
            if one["metadata"]["name"].startswith(mine)
        }
        if not there:
            return []
        sandboxes = [Sandbox.of(one) for one in self.cluster.list(PATH)]
        living = {one.uid for one in sandboxes if one.status.phase not in life.ENDED}
        named = {
            naming.sandbox_namespace(one.status.identity)
            for one in sandboxes
            if one.status.identity and one.uid in living
        }
        # Read anew: members of the pool are made all the time.
        namespaces = self.cluster.list(self.cluster.collection("v1", "Namespace"))
        kept = {one["metadata"]["name"] for one in namespaces if _kept(one, living)}
        return sorted(there - named - kept)

    def destroy(self, name: str) -> None:
        """Destroys one of them; what was found says which."""
        self.found(name)
        self.provisioner.shut(name)
        self.corners.destroy_key(name)
        self.corners.destroy_secrets(name)
        self.destroyer.empty(name, None)
        self.destroyer.remove(name, None)
        self.destroyer.forget(name)


def _kept(namespace: Mapping[str, Any], living: set[str]) -> bool:
    labels = namespace["metadata"].get("labels") or {}
    return naming.LABEL_POOL in labels or labels.get(naming.LABEL_OWNER) in living
