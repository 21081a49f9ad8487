"""The container registry: the only place that nodes get images from, their own ones included."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.clouds.azure.access import identity
from infra.clouds.azure.endpoints import REGISTRY, Endpoints
from infra.clouds.azure.keys import CustomerKey, lock
from infra.clouds.azure.place import Place, kept
from infra.clouds.azure.sdk import containerregistry

#: Days in which a manifest that no tag names is kept.
_UNTAGGED_DAYS = 30


@dataclass(frozen=True, slots=True)
class RegistryArgs:
    """`address` is where images are to be; the first part of it is the registry's name."""

    place: Place
    address: str
    key: CustomerKey
    endpoints: Endpoints


class ImageRegistry(pulumi.ComponentResource):
    """A private registry. Content trust and quarantine are off, with reasons: ADR 12."""

    id: pulumi.Output[str]
    #: What must be there before nodes can start from it.
    ready: list[pulumi.Resource]

    def __init__(self, args: RegistryArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        place = args.place
        super().__init__("ailab:azure:ImageRegistry", place.name, {}, opts)
        user = identity(place, "registry", parent=self)
        allowed = args.key.lets(place, user, parent=self)
        made = containerregistry.Registry(
            place.named("registry"),
            registry_name=args.address.partition(".")[0],
            resource_group_name=place.group,
            location=place.location,
            sku=containerregistry.SkuArgs(name="Premium"),
            # Its own identity is for turning the key: Azure lets only that one through the
            # firewall of Key Vault (docs/runbooks/azure.md).
            identity=containerregistry.IdentityPropertiesArgs(
                type=containerregistry.ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED,
                user_assigned_identities=user.id.apply(_only),
            ),
            encryption=containerregistry.EncryptionPropertyArgs(
                status="enabled",
                key_vault_properties=containerregistry.KeyVaultPropertiesArgs(
                    identity=user.client_id, key_identifier=args.key.uri
                ),
            ),
            admin_user_enabled=False,
            anonymous_pull_enabled=False,
            data_endpoint_enabled=True,
            public_network_access="Disabled",
            network_rule_bypass_options="AzureServices",
            network_rule_set=containerregistry.NetworkRuleSetArgs(default_action="Deny"),
            zone_redundancy="Enabled",
            policies=containerregistry.PoliciesArgs(
                export_policy=containerregistry.ExportPolicyArgs(status="disabled"),
                retention_policy=containerregistry.RetentionPolicyArgs(
                    status="enabled", days=_UNTAGGED_DAYS
                ),
                azure_ad_authentication_as_arm_policy=(
                    containerregistry.AzureADAuthenticationAsArmPolicyArgs(status="disabled")
                ),
            ),
            tags=place.tags,
            opts=pulumi.ResourceOptions.merge(
                kept(self), pulumi.ResourceOptions(depends_on=[allowed])
            ),
        )
        self.id = made.id
        # Nodes start from these images without a way to the internet; AKS fixes all three names.
        bootstrap = containerregistry.CacheRule(
            place.named("aks-bootstrap"),
            cache_rule_name="aks-managed-mcr",
            source_repository="mcr.microsoft.com/*",
            target_repository="aks-managed-repository/*",
            registry_name=made.name,
            resource_group_name=place.group,
            opts=pulumi.ResourceOptions(parent=self),
        )
        endpoint = args.endpoints.to("registry", REGISTRY, made.id, parent=self)
        self.ready = [bootstrap, endpoint]
        lock(place, "registry", made.id, parent=self)
        self.register_outputs({})


def _only(identity_id: str) -> dict[str, containerregistry.UserIdentityPropertiesArgs]:
    return {identity_id: containerregistry.UserIdentityPropertiesArgs()}
