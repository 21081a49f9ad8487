"""PKI roles: https://developer.hashicorp.com/vault/api-docs/secret/pki#create-update-role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from infra.secrets.client import Vault
from infra.secrets.objects.kind import Kind, Live
from infra.secrets.objects.role import RoleSpec, read_parameters


class PkiRole(Kind[RoleSpec]):
    """A role whose `mount` is a PKI secrets engine."""

    noun = "PKI role"
    replaces: ClassVar = frozenset({"mount", "name"})
    model = RoleSpec

    def identity(self, spec: RoleSpec) -> str:
        return f"{spec.mount}/roles/{spec.name}"

    def read(self, vault: Vault, spec: RoleSpec, known: Mapping[str, Any]) -> Live | None:
        return read_parameters(vault, self.identity(spec), spec, known)

    def delete(self, vault: Vault, spec: RoleSpec) -> None:
        vault.find(lambda client: client.secrets.pki.delete_role(spec.name, mount_point=spec.mount))

    def _create(self, vault: Vault, spec: RoleSpec) -> None:
        # A write sets every parameter that it does not name to its default. (hvac adds to the
        # parameters that it is given, hence the copy.)
        vault.call(
            lambda client: client.secrets.pki.create_or_update_role(
                spec.name, dict(spec.parameters), mount_point=spec.mount
            )
        )

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: RoleSpec) -> None:
        self._create(vault, spec)
