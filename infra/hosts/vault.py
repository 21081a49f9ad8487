"""From machines that answer over SSH to a Vault: on hosts of one's own and in the clouds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from infra import naming, paths
from infra.config import VaultSpec
from infra.config.ssh import expanded
from infra.contracts import SecretStore
from infra.hosts.plan import VAULT_PORT, HostsArgs, Plan, url
from infra.provider import sdk
from infra.secrets.store import VaultBaseline


def set_up(
    plan: Plan, spec: VaultSpec, *, after: Sequence[pulumi.Resource]
) -> tuple[sdk.Playbook, SecretStore]:
    """Declares the playbook that installs, initialises and opens Vault on its machines."""
    machines = plan.args.with_role("vault")
    playbook = plan.run(
        "vault", roles=("vault",), goes_with=machines[0], after=after, variables=_seal(spec)
    )
    home = paths.Home(plan.args.lab)
    store = SecretStore(
        address=url(plan.args.vault, VAULT_PORT),
        ca_certificate=str(home.ca_certificate),
        credentials=str(home.vault_approle),
        transit_mount=naming.VAULT_TRANSIT,
        kv_mount=naming.VAULT_KV,
        jwt_mount=naming.VAULT_JWT,
        # Several machines carry one Vault: it outlives each of them.
        instance=machines[0].instance if len(machines) == 1 else plan.args.lab,
        resource=playbook,
    )
    return playbook, store


def _seal(spec: VaultSpec) -> dict[str, Any]:
    files = {
        "lab_vault_seal_environment": spec.seal_environment,
        "lab_vault_seal_ca": spec.seal_ca,
    }
    return {
        **{name: expanded(path) for name, path in files.items() if path is not None},
        "lab_vault_seal": spec.seal,
        "lab_vault_seal_settings": dict(spec.seal_settings),
        "lab_vault_key_shares": spec.key_shares,
        "lab_vault_key_threshold": spec.key_threshold,
    }


class VaultHosts(pulumi.ComponentResource):
    """A Vault on machines of its own, for grounds whose cluster comes from a provider.

    The machines are prepared and hardened by the same roles as those of any other lab.
    """

    secret_store: SecretStore
    #: Engines of the secret store; what uses keys or secrets depends on it.
    vault_baseline: VaultBaseline

    def __init__(
        self,
        name: str,
        args: HostsArgs,
        vault: VaultSpec,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:hosts:VaultHosts", name, {}, opts)
        plan = Plan(args, self)
        first = args.with_role("vault")[0]
        preflight = plan.run("preflight", roles=("vault",), goes_with=first, after=[])
        base = plan.run("base", roles=("vault",), goes_with=first, after=[preflight])
        _, self.secret_store = set_up(plan, vault, after=[base])
        self.vault_baseline = VaultBaseline(
            name, secret_store=self.secret_store, opts=pulumi.ResourceOptions(parent=self)
        )
        self.register_outputs({})
