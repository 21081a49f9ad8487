"""From machines that answer over SSH to a cluster and a Vault: the same on every ground of hosts.

The order is that of the dependencies and nothing more: Vault and the container runtime are set up
side by side; the control plane waits for its key in Vault; the database, for its users' authority
there, and the cluster does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from infra import paths
from infra.config import VaultSpec
from infra.contracts import Cluster, DatabaseServer, SecretStore
from infra.hosts import database as database_part
from infra.hosts import vault as vault_part
from infra.hosts.plan import HostsArgs, Plan
from infra.secrets.store import MachineAccess, VaultBaseline

_EVERYTHING = ("control-plane", "worker", "vault")
_CLUSTER = ("control-plane", "worker")


class ProvisionedHosts(pulumi.ComponentResource):
    """A cluster and a Vault on machines that answer over SSH, with the API server's key in Vault.

    Children go with the machine that they were run on: destroying a lab removes the machines and
    asks nothing of what ran on them.
    """

    cluster: Cluster
    secret_store: SecretStore
    #: Certificate (PEM) of the authority that signed Vault's own.
    vault_authority: pulumi.Output[str]
    #: Engines of the secret store; what uses keys or secrets depends on it.
    vault_baseline: VaultBaseline
    #: None where no machine carries one.
    database: DatabaseServer | None

    def __init__(
        self,
        name: str,
        args: HostsArgs,
        vault: VaultSpec,
        *,
        addresses: Mapping[str, str],
        backup: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`addresses` of the machines by name, as the configuration knows them; `backup` are the
        variables of that role, None where no copies are taken.
        """
        super().__init__("ailab:hosts:ProvisionedHosts", name, {}, opts)
        plan = Plan(args, self)
        first = args.with_role("control-plane")[0]
        preflight = plan.run("preflight", roles=_EVERYTHING, goes_with=first, after=[])
        base = plan.run("base", roles=_EVERYTHING, goes_with=first, after=[preflight])
        runtime = plan.run("container_runtime", roles=_CLUSTER, goes_with=first, after=[base])
        vault_playbook, self.secret_store = vault_part.set_up(plan, vault, after=[base])
        authority = vault_playbook.facts.apply(lambda facts: str(facts["ca_certificate"]))
        self.vault_authority = authority

        def access(role: str) -> MachineAccess:
            known = [(args.hostname(one), addresses[one.name]) for one in args.with_role(role)]
            return MachineAccess(authority, known)

        self.vault_baseline = VaultBaseline(
            name,
            secret_store=self.secret_store,
            kms=access("control-plane"),
            backup=None if backup is None else access("vault"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.database = database_part.set_up(
            plan, secret_store=self.secret_store, authority=authority, after=[base]
        )
        self.cluster = _cluster(plan, [runtime, self.vault_baseline])
        if backup is not None:
            plan.run(
                "backup",
                roles=("control-plane", "vault"),
                goes_with=first,
                after=[
                    self.cluster.resource,
                    *([] if self.database is None else [self.database.resource]),
                ],
                variables=backup,
            )
        self.register_outputs({})


def _cluster(plan: Plan, ready: Sequence[pulumi.Resource]) -> Cluster:
    """Kubeadm on the control planes, then the workers join while the network comes up."""
    machines = plan.args.with_role("control-plane")
    first, only = machines[0], ("control-plane",)
    kms = plan.run("kms_plugin", roles=only, goes_with=first, after=ready)
    control_plane = plan.run("control_plane", roles=only, goes_with=first, after=[kms])
    workers = plan.run("workers", roles=_CLUSTER, goes_with=first, after=[control_plane])
    network = plan.run("network", roles=_CLUSTER, goes_with=first, after=[control_plane])
    home = paths.Home(plan.args.lab)
    return Cluster(
        name=plan.args.lab,
        # Unknown until every node is on the network, so that nothing uses the cluster before.
        kubeconfig=pulumi.Output.all(network.facts, workers.facts).apply(
            lambda _: str(home.kubeconfig)
        ),
        endpoint=control_plane.facts.apply(lambda facts: str(facts["control_plane_endpoint"])),
        service_account_keys=control_plane.facts.apply(
            lambda facts: [str(facts["service_account_public_key"])]
        ),
        service_account_issuer=control_plane.facts.apply(
            lambda facts: str(facts["service_account_issuer"])
        ),
        # Several control planes carry one cluster: it outlives each of them.
        instance=first.instance if len(machines) == 1 else plan.args.lab,
        resource=network,
    )
