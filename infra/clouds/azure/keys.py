"""Customer keys: one for each purpose, made in and never leaving a hardware module of Key Vault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from infra.clouds.azure.access import Role, grant
from infra.clouds.azure.endpoints import KEY_VAULT, Endpoints
from infra.clouds.azure.place import Place, kept
from infra.clouds.azure.sdk import authorization, keyvault, managedidentity

#: What a wrapping key does, and what AKS' KMS plugin does with etcd's.
WRAP = ("wrapKey", "unwrapKey")
ENCRYPT = ("encrypt", "decrypt")
#: ISO 8601. A new version a year; the old ones still open what they closed.
_ROTATE_AFTER, _EXPIRES_AFTER, _TELL_BEFORE = "P1Y", "P2Y", "P30D"
_SOFT_DELETE_DAYS = 90


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a key is for. One that `rotates` gets a new version by itself; AKS takes no new version
    of etcd's key by itself and stops when the old one expires, so that key is turned by hand.
    """

    name: str
    operations: Sequence[str] = WRAP
    rotates: bool = True


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A key, and how the services name it."""

    name: str
    #: Azure's id of the key: the scope of whoever may use it.
    id: pulumi.Output[str]
    #: With no version: a service takes new ones into use by itself.
    uri: pulumi.Output[str]
    versioned_uri: pulumi.Output[str]
    vault_id: pulumi.Output[str]
    vault_uri: pulumi.Output[str]
    vault_name: str

    def lets(
        self,
        place: Place,
        user: managedidentity.UserAssignedIdentity,
        *,
        parent: pulumi.Resource,
        role: Role = Role.KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER,
    ) -> authorization.RoleAssignment:
        """Lets an identity use this one key."""
        return grant(place, f"{self.name}-key", role, to=user, on=self.id, parent=parent)


@dataclass(frozen=True, slots=True)
class KeyVaultArgs:
    """`kind` names the vault (at most 12 letters). Without `endpoints` only Azure's own services
    reach it.
    """

    place: Place
    kind: str
    purposes: Sequence[Purpose]
    endpoints: Endpoints | None = None


class KeyVault(pulumi.ComponentResource):
    """A vault of keys that cannot be purged, with no public way in."""

    id: pulumi.Output[str]
    keys: dict[str, CustomerKey]
    #: What must be there before the lab's own machines can use the keys.
    reachable: list[pulumi.Resource]

    def __init__(self, args: KeyVaultArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        place = args.place
        super().__init__("ailab:azure:KeyVault", place.named(args.kind), {}, opts)
        self._args = args
        self._vault = keyvault.Vault(
            place.named(args.kind),
            vault_name=place.unique(args.kind),
            resource_group_name=place.group,
            location=place.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=place.tenant,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.PREMIUM),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=_SOFT_DELETE_DAYS,
                enable_purge_protection=True,
                enabled_for_deployment=False,
                enabled_for_disk_encryption=False,
                enabled_for_template_deployment=False,
                public_network_access="Disabled",
                # Storage, disks and databases come as Azure's own services, with an identity.
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action="Deny", bypass="AzureServices"
                ),
            ),
            tags=place.tags,
            opts=kept(self),
        )
        self.id = self._vault.id
        self.keys = {purpose.name: self._key(purpose) for purpose in args.purposes}
        self.reachable = (
            [args.endpoints.to(args.kind, KEY_VAULT, self.id, parent=self)]
            if args.endpoints
            else []
        )
        lock(place, args.kind, self.id, parent=self)
        self.register_outputs({})

    def _key(self, purpose: Purpose) -> CustomerKey:
        place = self._args.place
        made = keyvault.Key(
            place.named(f"{self._args.kind}-{purpose.name}"),
            key_name=purpose.name,
            vault_name=self._vault.name,
            resource_group_name=place.group,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RS_A_HSM,
                key_size=3072,
                key_ops=list(purpose.operations),
                attributes=keyvault.KeyAttributesArgs(enabled=True, exportable=False),
                rotation_policy=_rotation() if purpose.rotates else None,
            ),
            tags=place.tags,
            opts=kept(self),
        )
        return CustomerKey(
            name=purpose.name,
            id=made.id,
            uri=made.key_uri,
            versioned_uri=made.key_uri_with_version,
            vault_id=self._vault.id,
            vault_uri=self._vault.properties.apply(lambda found: found.vault_uri or ""),
            vault_name=place.unique(self._args.kind),
        )


def _rotation() -> keyvault.RotationPolicyArgs:
    def action(
        kind: Literal["rotate", "notify"], trigger: keyvault.TriggerArgs
    ) -> keyvault.LifetimeActionArgs:
        return keyvault.LifetimeActionArgs(
            action=keyvault.ActionArgs(type=keyvault.KeyRotationPolicyActionType(kind)),
            trigger=trigger,
        )

    return keyvault.RotationPolicyArgs(
        attributes=keyvault.KeyRotationPolicyAttributesArgs(expiry_time=_EXPIRES_AFTER),
        lifetime_actions=[
            action("rotate", keyvault.TriggerArgs(time_after_create=_ROTATE_AFTER)),
            action("notify", keyvault.TriggerArgs(time_before_expiry=_TELL_BEFORE)),
        ],
    )


def lock(
    place: Place, name: str, target: pulumi.Input[str], *, parent: pulumi.Resource
) -> authorization.ManagementLockByScope:
    """Nobody deletes this resource, whatever their role, before the lock is taken off."""
    return authorization.ManagementLockByScope(
        place.named(name),
        lock_name=place.named(name),
        level="CanNotDelete",
        scope=target,
        notes="Holds data or keys of the lab. docs/runbooks/azure.md says how to take it off.",
        opts=kept(parent),
    )
