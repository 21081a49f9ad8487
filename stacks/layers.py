"""What stands on every ground once it has a cluster and a Vault: login, baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra.cluster import kubernetes
from infra.cluster.baseline import ClusterBaseline
from infra.cluster.objects import SystemRoute
from infra.contracts import Cluster, DatabaseServer, SecretStore
from infra.sandbox.blueprint import Blueprint
from infra.sandbox.component import SandboxNamespace
from infra.sandbox.service import extensions
from infra.secrets.database import DatabaseLogins
from infra.secrets.store import ClusterLogin, VaultBaseline
from policies.admission import Settings
from policies.rule import Level


def compose(
    lab: str,
    *,
    cluster: Cluster,
    secret_store: SecretStore,
    vault_engines: VaultBaseline,
    drawings: Sequence[Blueprint],
    kubernetes_version: str,
    settings: Settings,
    levels: Mapping[str, Level],
    system_routes: Sequence[SystemRoute] | None = None,
    database: DatabaseServer | None = None,
    part: str = "",
) -> dict[str, Any]:
    """Declares the layers; returns what the stack exports of its sandboxes, by name.

    `drawings` come from the caller, who draws before anything is declared: a sandbox that may
    not be must not leave a half-made lab. `settings` and `levels` are of the cluster's policies
    (infra.cluster.policies). `system_routes`: see `objects.baseline`. `part` names a
    further ground of a hybrid lab, so that its resources have names of their own.
    """
    name, prefix = (f"{lab}-{part}", f"{part}/") if part else (lab, "")
    login = ClusterLogin(name, secret_store=secret_store, cluster=cluster)
    if database is not None:
        # The users of a lab's database are service accounts of this cluster.
        DatabaseLogins(name, secret_store=secret_store, server=database, login=login.login)
    access = kubernetes.access(cluster, prefix)
    baseline = ClusterBaseline(
        name,
        lab=lab,
        kubernetes_version=kubernetes_version,
        access=access,
        routes=system_routes,
        settings=settings,
        levels=levels,
        extensions=extensions(),
    )
    sandboxes = {
        drawing.spec.name: SandboxNamespace(
            drawing,
            access=access,
            secret_store=secret_store,
            vault_login=login.login,
            vault_engines=vault_engines,
            opts=pulumi.ResourceOptions(depends_on=[baseline]),
        )
        for drawing in drawings
    }
    return {
        name: {
            "namespace": sandbox.namespace,
            "transit_key": f"{sandbox.key.mount}/{sandbox.key.name}",
            "kv_path": sandbox.kv_path,
        }
        for name, sandbox in sandboxes.items()
    }
