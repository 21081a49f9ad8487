"""Roles of auth methods (jwt, cert, approle, ...), each with the method's own parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from infra.errors import VaultRefused
from infra.secrets.client import Vault
from infra.secrets.objects import auth_method, parameters
from infra.secrets.objects.kind import FoldedName, Kind, Live, MountPath, Spec

#: Where a method keeps its roles, if not below `role`.
_COLLECTION = {"cert": "certs"}


class RoleSpec(Spec):
    #: Path of the auth method.
    mount: MountPath
    name: FoldedName
    #: The method's own names, e.g. bound_subject and token_policies of jwt.
    parameters: parameters.Parameters


class Role(Kind[RoleSpec]):
    noun = "role"
    replaces: ClassVar = frozenset({"mount", "name"})
    model = RoleSpec

    def identity(self, spec: RoleSpec) -> str:
        return f"auth/{spec.mount}/role/{spec.name}"

    def read(self, vault: Vault, spec: RoleSpec, known: Mapping[str, Any]) -> Live | None:
        path = _path(vault, spec)
        return read_parameters(vault, path, spec, known) if path else None

    def delete(self, vault: Vault, spec: RoleSpec) -> None:
        path = _path(vault, spec)
        if path:
            vault.remove(path)

    def _create(self, vault: Vault, spec: RoleSpec) -> None:
        path = _path(vault, spec)
        if path is None:
            raise VaultRefused(
                f"there is no auth method at {spec.mount}/.",
                next_step="make the role depend on the auth method that it belongs to.",
            )
        vault.write(path, spec.parameters)

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: RoleSpec) -> None:
        if old["parameters"].keys() - spec.parameters.keys():
            # Vault keeps what a write does not name: only a new role has the defaults again.
            self.delete(vault, spec)
        self._create(vault, spec)


def read_parameters(
    vault: Vault, path: str, spec: RoleSpec, known: Mapping[str, Any]
) -> Live | None:
    """A role's live parameters in terms of its declaration; None if there is no such role."""
    live = vault.read(path)
    if live is None:
        return None
    said = parameters.in_terms_of(spec.parameters, live, known.get("baseline"))
    return Live(
        {"mount": spec.mount, "name": spec.name, "parameters": said},
        {"baseline": parameters.undeclared(spec.parameters, live)},
    )


def _path(vault: Vault, spec: RoleSpec) -> str | None:
    """The role's API path; None if nothing is mounted there."""
    method = auth_method.find(vault, spec.mount)
    if method is None:
        return None
    return f"auth/{spec.mount}/{_COLLECTION.get(method['type'], 'role')}/{spec.name}"
