"""What stands on every ground once it has a cluster and a Vault: login, baseline, sandboxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from infra import naming
from infra.auditor.told import Told
from infra.cluster import auditor, kubernetes
from infra.cluster.auditor import PolicyAuditor
from infra.cluster.baseline import ClusterBaseline
from infra.cluster.objects import SystemRoute
from infra.config.lab import Lab
from infra.contracts import Cluster, DatabaseServer, SecretStore
from infra.sandbox.blueprint import Blueprint
from infra.sandbox.component import SandboxNamespace
from infra.sandbox.service import extensions
from infra.secrets.database import DatabaseLogins
from infra.secrets.store import ClusterLogin, VaultBaseline
from stacks import sandbox_service


def compose(
    lab: str,
    *,
    cluster: Cluster,
    secret_store: SecretStore,
    vault_engines: VaultBaseline,
    drawings: Sequence[Blueprint],
    told: Told,
    auditor_ground: auditor.Ground,
    system_routes: Sequence[SystemRoute] | None = None,
    database: DatabaseServer | None = None,
    service: Lab | None = None,
    operator_ground: sandbox_service.Ground | None = None,
    part: str = "",
) -> dict[str, Any]:
    """Declares the layers; returns what the stack exports of its sandboxes, by name.

    `drawings` come from the caller, who draws before anything is declared: a sandbox that may
    not be must not leave a half-made lab. `told` is what the cluster's policies and their auditor
    know of the lab (infra.cluster.policies). `system_routes`: see `objects.baseline`. `service` is
    the lab's configuration, in the cluster where sandboxes can be asked for; `operator_ground` is
    for who makes these. `part` names a further ground of a hybrid lab, so that its resources have
    names of their own.
    """
    name, prefix = (f"{lab}-{part}", f"{part}/") if part else (lab, "")
    login = ClusterLogin(name, secret_store=secret_store, cluster=cluster)
    logins: DatabaseLogins | None = None
    if database is not None:
        # The users of a lab's database are service accounts of this cluster.
        logins = DatabaseLogins(name, secret_store=secret_store, server=database, login=login.login)
    access = kubernetes.access(cluster, prefix)
    baseline = ClusterBaseline(
        name,
        lab=lab,
        kubernetes_version=told.kubernetes_version,
        access=access,
        routes=system_routes,
        settings=told.settings,
        levels=told.levels,
        extensions=extensions(service),
    )
    PolicyAuditor(
        name,
        lab=lab,
        told=told,
        ground=auditor_ground,
        access=access,
        opts=pulumi.ResourceOptions(depends_on=[baseline]),
    )
    if service is not None and operator_ground is not None and logins is not None:
        sandbox_service.declare(
            name,
            service,
            operator_ground,
            access=access,
            secret_store=secret_store,
            login=login.login,
            engines=vault_engines,
            database=logins.databases[naming.OPERATOR],
            after=baseline,
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
