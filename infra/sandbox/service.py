"""What every cluster has so that sandboxes can be asked for. Pure: no Pulumi, no cluster."""

from __future__ import annotations

from infra.cluster.manifests import Manifest
from infra.sandbox.definition import definition


def extensions() -> list[Manifest]:
    """Objects for the cluster's baseline, in the order of applying."""
    return [definition()]
