"""Object storage: the lab's artifacts, its evidence, and what its networks logged."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.access import identity
from infra.clouds.azure.endpoints import BLOB, Endpoints
from infra.clouds.azure.keys import CustomerKey, lock
from infra.clouds.azure.place import Place, kept
from infra.clouds.azure.sdk import storage


@dataclass(frozen=True, slots=True)
class StoreArgs:
    """`kind` names the account (at most 12 letters) and its one container.

    With `immutable_days` nothing in it can be changed or deleted for so long; if `locked`, that
    cannot be taken back either. With `expires_after` everything is deleted after so many days.
    """

    place: Place
    kind: str
    key: CustomerKey
    endpoints: Endpoints
    #: Days in which what was deleted comes back.
    soft_delete: int
    immutable_days: int | None = None
    locked: bool = False
    expires_after: int | None = None


class Store(pulumi.ComponentResource):
    """A storage account: Entra ID identities only, private, encrypted twice, versioned."""

    id: pulumi.Output[str]
    #: Id of what serves its blobs, which is what reports who read and wrote.
    blobs: pulumi.Output[str]

    def __init__(self, args: StoreArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ailab:azure:Store", args.place.named(args.kind), {}, opts)
        self._args = args
        made = self._account()
        self.id = made.id
        service = self._blobs(made)
        self.blobs = pulumi.Output.concat(made.id, "/blobServices/default")
        storage.BlobContainer(
            args.place.named(args.kind),
            container_name=args.kind,
            account_name=made.name,
            resource_group_name=args.place.group,
            public_access=storage.PublicAccess.NONE,
            opts=pulumi.ResourceOptions.merge(
                kept(self), pulumi.ResourceOptions(depends_on=[service])
            ),
        )
        if args.expires_after is not None:
            self._expire(made, args.expires_after)
        args.endpoints.to(args.kind, BLOB, made.id, parent=self)
        lock(args.place, args.kind, made.id, parent=self)
        self.register_outputs({})

    def _account(self) -> storage.StorageAccount:
        args, place = self._args, self._args.place
        user = identity(place, args.kind, parent=self)
        allowed = args.key.lets(place, user, parent=self)
        return storage.StorageAccount(
            place.named(args.kind),
            account_name=place.unique(args.kind),
            resource_group_name=place.group,
            location=place.location,
            kind="StorageV2",
            # Three zones of one region: nothing leaves it.
            sku=storage.SkuArgs(name="Standard_ZRS"),
            identity=storage.IdentityArgs(type="UserAssigned", user_assigned_identities=[user.id]),
            encryption=storage.EncryptionArgs(
                key_source="Microsoft.Keyvault",
                key_vault_properties=storage.KeyVaultPropertiesArgs(
                    key_name=args.key.name, key_vault_uri=args.key.vault_uri
                ),
                encryption_identity=storage.EncryptionIdentityArgs(
                    encryption_user_assigned_identity=user.id
                ),
                require_infrastructure_encryption=True,
                services=storage.EncryptionServicesArgs(
                    blob=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
                    file=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
                    queue=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
                    table=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
                ),
            ),
            minimum_tls_version="TLS1_2",
            enable_https_traffic_only=True,
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allowed_copy_scope="AAD",
            is_local_user_enabled=False,
            is_sftp_enabled=False,
            public_network_access="Disabled",
            # Network Watcher writes its flow logs as one of Azure's own services.
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY, bypass="AzureServices"
            ),
            immutable_storage_with_versioning=self._immutability(),
            tags=place.tags,
            opts=pulumi.ResourceOptions.merge(
                kept(self), pulumi.ResourceOptions(depends_on=[allowed])
            ),
        )

    def _immutability(self) -> storage.ImmutableStorageAccountArgs | None:
        days = self._args.immutable_days
        if days is None:
            return None
        return storage.ImmutableStorageAccountArgs(
            enabled=True,
            immutability_policy=storage.AccountImmutabilityPolicyPropertiesArgs(
                immutability_period_since_creation_in_days=days,
                state="Locked" if self._args.locked else "Unlocked",
                allow_protected_append_writes=False,
            ),
        )

    def _blobs(self, account: storage.StorageAccount) -> storage.BlobServiceProperties:
        kept_days = storage.DeleteRetentionPolicyArgs(enabled=True, days=self._args.soft_delete)
        return storage.BlobServiceProperties(
            self._args.place.named(self._args.kind),
            blob_services_name="default",
            account_name=account.name,
            resource_group_name=self._args.place.group,
            is_versioning_enabled=True,
            change_feed=storage.ChangeFeedArgs(enabled=True),
            delete_retention_policy=kept_days,
            container_delete_retention_policy=kept_days,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _expire(self, account: storage.StorageAccount, days: int) -> None:
        after = storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
        created = storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
        storage.ManagementPolicy(
            self._args.place.named(self._args.kind),
            management_policy_name="default",
            account_name=account.name,
            resource_group_name=self._args.place.group,
            policy=storage.ManagementPolicySchemaArgs(
                rules=[
                    storage.ManagementPolicyRuleArgs(
                        name="expire",
                        type="Lifecycle",
                        enabled=True,
                        definition=storage.ManagementPolicyDefinitionArgs(
                            filters=storage.ManagementPolicyFilterArgs(
                                blob_types=["blockBlob", "appendBlob"]
                            ),
                            actions=storage.ManagementPolicyActionArgs(
                                base_blob=storage.ManagementPolicyBaseBlobArgs(delete=after),
                                version=storage.ManagementPolicyVersionArgs(delete=created),
                            ),
                        ),
                    )
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
