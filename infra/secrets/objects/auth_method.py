"""Auth methods: https://developer.hashicorp.com/vault/api-docs/system/auth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from infra.secrets.client import Vault
from infra.secrets.objects import parameters
from infra.secrets.objects.kind import Kind, Live
from infra.secrets.objects.mount import MountSpec, live_inputs, refuse_other_type


class AuthMethodSpec(MountSpec):
    #: Written to auth/PATH/config; the method's own names.
    config: parameters.Parameters = Field(default_factory=dict)


class AuthMethod(Kind[AuthMethodSpec]):
    noun = "auth method"
    replaces: ClassVar = frozenset({"path", "type"})
    model = AuthMethodSpec

    def identity(self, spec: AuthMethodSpec) -> str:
        return f"auth/{spec.path}"

    def read(self, vault: Vault, spec: AuthMethodSpec, known: Mapping[str, Any]) -> Live | None:
        mount = find(vault, spec.path)
        if mount is None:
            return None
        config = self._read_config(vault, spec)
        inputs = live_inputs(mount, spec.path) | {
            "config": parameters.in_terms_of(spec.config, config, known.get("baseline"))
        }
        outputs = {
            "accessor": mount["accessor"],
            "baseline": parameters.undeclared(spec.config, config),
        }
        return Live(inputs, outputs)

    def delete(self, vault: Vault, spec: AuthMethodSpec) -> None:
        vault.call(lambda client: client.sys.disable_auth_method(spec.path))

    def _create(self, vault: Vault, spec: AuthMethodSpec) -> None:
        mount = find(vault, spec.path)
        if mount is None:
            vault.call(lambda client: client.sys.enable_auth_method(spec.type, path=spec.path))
        else:
            refuse_other_type(mount, spec)
        self._tune(vault, spec)

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: AuthMethodSpec) -> None:
        self._tune(vault, spec)

    def _tune(self, vault: Vault, spec: AuthMethodSpec) -> None:
        vault.call(
            lambda client: client.sys.tune_auth_method(
                spec.path,
                default_lease_ttl=spec.default_lease_ttl,
                max_lease_ttl=spec.max_lease_ttl,
                description=spec.description,
            )
        )
        if spec.config:
            vault.write(f"auth/{spec.path}/config", spec.config)

    def _read_config(self, vault: Vault, spec: AuthMethodSpec) -> dict[str, Any]:
        """Methods without settings (approle) have nothing to read there."""
        if not spec.config:
            return {}
        return vault.read(f"auth/{spec.path}/config") or {}


def find(vault: Vault, path: str) -> dict[str, Any] | None:
    """The auth method mounted at `path`, as Vault lists it."""
    methods = vault.call(lambda client: client.sys.list_auth_methods())["data"]
    found: dict[str, Any] | None = methods.get(f"{path}/")
    return found
