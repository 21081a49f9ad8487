"""`SandboxNamespace`: a sandbox from its blueprint, as one Pulumi component."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.cluster.kubernetes import Access
from infra.contracts import KeyRef, SecretStore
from infra.provider import sdk
from infra.sandbox.blueprint import Blueprint
from infra.sandbox.identity import VaultObjects
from infra.secrets import store


class SandboxNamespace(pulumi.ComponentResource):
    """Namespace, walls and Vault objects of one sandbox, then the rights of its principal.

    The principal's role is bound only after every wall and every Vault object is there, so that
    nothing can be started in a half-made sandbox. `vault_login` is the auth method of the
    cluster's service accounts, `vault_engines` what carries the keys and secrets.
    """

    #: Name of the namespace; unknown until everything in it is there.
    namespace: pulumi.Output[str]
    #: The sandbox's own encryption key.
    key: KeyRef
    #: Where its secrets live in Vault.
    kv_path: str

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        access: Access,
        secret_store: SecretStore,
        vault_login: pulumi.Resource,
        vault_engines: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:sandbox:SandboxNamespace", blueprint.spec.name, {}, opts)
        self.key = KeyRef(blueprint.vault.key.mount, blueprint.vault.key.name)
        self.kv_path = blueprint.vault.kv_path
        mine = pulumi.ResourceOptions(parent=self)
        namespace = access.apply(blueprint.namespace, mine)
        inside = _after(mine, [namespace])
        walls = [access.apply(wall, inside) for wall in blueprint.walls]
        in_vault = pulumi.ResourceOptions.merge(store.carried_by(secret_store), mine)
        walls += _vault_objects(
            blueprint.vault,
            store.connection(secret_store),
            _after(in_vault, [vault_engines]),
            vault_login,
        )
        grants = [access.apply(grant, _after(inside, walls)) for grant in blueprint.grants]
        self.namespace = pulumi.Output.all(*(grant.id for grant in grants)).apply(
            lambda _: str(blueprint.namespace["metadata"]["name"])
        )
        self.register_outputs({"namespace": self.namespace, "kvPath": self.kv_path})


def _after(
    opts: pulumi.ResourceOptions, resources: Sequence[pulumi.Resource]
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(resources)))


def _vault_objects(
    wanted: VaultObjects,
    connection: sdk.VaultConnection,
    opts: pulumi.ResourceOptions,
    login: pulumi.Resource,
) -> list[pulumi.CustomResource]:
    key = sdk.TransitKey(
        f"{wanted.role.name}/key",
        connection=connection,
        name=wanted.key.name,
        mount=wanted.key.mount,
        key_type=wanted.key.key_type,
        auto_rotate_period=wanted.key.auto_rotate_period,
        opts=opts,
    )
    policy = sdk.Policy(
        f"{wanted.role.name}/policy",
        connection=connection,
        name=wanted.policy.name,
        rules=wanted.policy.rules,
        opts=opts,
    )
    role = sdk.Role(
        f"{wanted.role.name}/role",
        connection=connection,
        mount=wanted.role.mount,
        name=wanted.role.name,
        parameters=wanted.role.parameters,
        opts=_after(opts, [login, policy]),
    )
    return [key, policy, role]
