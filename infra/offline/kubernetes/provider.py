"""`pulumi-resource-kubernetes`."""

from __future__ import annotations

import functools
import importlib.metadata
from typing import Any

from infra.offline.kubernetes import components, release, settings
from infra.offline.kubernetes.cluster import Cluster
from infra.offline.kubernetes.objects import parse_token
from infra.offline.kubernetes.resource import KubernetesObject
from infra.plugins import ResourceType, serve


def main() -> None:
    cluster = Cluster()

    @functools.cache
    def find(token: str) -> ResourceType | None:
        if token == release.TOKEN:
            return release.Release()
        parsed = parse_token(token)
        return KubernetesObject(cluster, parsed) if parsed else None

    def configure(options: dict[str, Any]) -> None:
        cluster.configure(settings.parse(options))

    version = importlib.metadata.version("pulumi-kubernetes")
    serve(
        "kubernetes",
        version,
        find,
        configure,
        check_config=settings.check,
        invoke=components.invoke,
        members=components.members,
    )


if __name__ == "__main__":
    main()
