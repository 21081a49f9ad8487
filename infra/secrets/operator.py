"""What Vault must know before sandboxes can be asked for, as a Pulumi component.

`requested` says what the policies are and why.
"""

from __future__ import annotations

import pulumi

from infra import naming
from infra.contracts import SecretStore
from infra.provider import sdk
from infra.secrets import requested
from infra.secrets.requested import Mounts
from infra.secrets.store import carried_by, connection


class OperatorAccess(pulumi.ComponentResource):
    """The policy of all sandboxes that are asked for, the operator's own with its login, and the
    key that signs evidence.
    """

    def __init__(
        self,
        name: str,
        *,
        secret_store: SecretStore,
        login: sdk.AuthMethod,
        engines: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`login` is the auth method of the cluster, `engines` what carries keys and secrets."""
        super().__init__("ailab:secrets:OperatorAccess", name, {}, opts)
        way_in = connection(secret_store)
        carried = pulumi.ResourceOptions.merge(
            carried_by(secret_store), pulumi.ResourceOptions(parent=self)
        )
        mounts = login.accessor.apply(
            lambda accessor: Mounts(
                str(accessor),
                secret_store.transit_mount,
                secret_store.kv_mount,
                secret_store.jwt_mount,
            )
        )
        sandboxes = naming.vault_sandbox_policy(secret_store.jwt_mount)
        policies = [
            sdk.Policy(
                policy,
                connection=way_in,
                name=policy,
                rules=mounts.apply(rules),
                opts=carried,
            )
            for policy, rules in (
                (sandboxes, requested.sandbox_policy),
                (naming.OPERATOR, requested.operator_policy),
            )
        ]
        sdk.TransitKey(
            naming.VAULT_EVIDENCE_KEY,
            connection=way_in,
            name=naming.VAULT_EVIDENCE_KEY,
            mount=secret_store.transit_mount,
            key_type="ed25519",
            opts=pulumi.ResourceOptions.merge(
                carried, pulumi.ResourceOptions(depends_on=[engines])
            ),
        )
        sdk.Role(
            naming.OPERATOR,
            connection=way_in,
            mount=secret_store.jwt_mount,
            name=naming.OPERATOR,
            parameters=requested.operator_role(),
            opts=pulumi.ResourceOptions.merge(
                carried, pulumi.ResourceOptions(depends_on=[login, *policies])
            ),
        )
        self.register_outputs({})
