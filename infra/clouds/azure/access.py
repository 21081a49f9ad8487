"""Identities and what they may do: built-in roles, each on one resource and never on more.

Ids of built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from __future__ import annotations

import uuid
from enum import StrEnum

import pulumi

from infra.clouds.azure.place import Place
from infra.clouds.azure.sdk import authorization, managedidentity

#: Names of role assignments are UUIDs; the same grant always gets the same one.
_NAMESPACE = uuid.UUID("6f1d3c1e-5d0b-4b8e-9d57-3f6f0f7f2a61")


class Role(StrEnum):
    """All roles that the lab ever grants. None may grant others, or change what it does not own."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    #: Connects a private endpoint: AKS asks for it on the vault of etcd's key.
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    #: Wraps and unwraps, and nothing else.
    KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
    #: Encrypts and decrypts: what AKS' KMS plugin does.
    KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
    PRIVATE_DNS_ZONE_CONTRIBUTOR = "b12aa53e-6015-4669-85d0-8515ebb3ae7f"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


def identity(
    place: Place, purpose: str, *, parent: pulumi.Resource
) -> managedidentity.UserAssignedIdentity:
    """An identity for one purpose: it exists before what uses it, so its rights do as well."""
    return managedidentity.UserAssignedIdentity(
        place.named(purpose),
        resource_name_=place.named(purpose),
        resource_group_name=place.group,
        location=place.location,
        tags=place.tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def grant(
    place: Place,
    name: str,
    role: Role,
    *,
    to: managedidentity.UserAssignedIdentity,
    on: pulumi.Input[str],
    parent: pulumi.Resource,
) -> authorization.RoleAssignment:
    """Lets an identity do on one resource (`on` is its id) what the role allows."""
    return authorization.RoleAssignment(
        place.named(name),
        role_assignment_name=str(
            uuid.uuid5(_NAMESPACE, f"{place.subscription}/{place.name}/{name}")
        ),
        role_definition_id=(
            f"{place.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        ),
        principal_id=to.principal_id,
        # Said, because a new identity is not known everywhere at once.
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        scope=on,
        opts=pulumi.ResourceOptions(parent=parent),
    )
