"""Secrets engines: https://developer.hashicorp.com/vault/api-docs/system/mounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.functional_validators import AfterValidator

from infra.secrets.client import Vault
from infra.secrets.objects.kind import Kind, Live, ObjectName
from infra.secrets.objects.mount import MountSpec, live_inputs, refuse_other_type


def _not_an_alias(value: str) -> str:
    if value == "kv-v2":
        raise ValueError('is an alias; say type "kv" with options {"version": "2"}')
    return value


class SecretsEngineSpec(MountSpec):
    type: Annotated[ObjectName, AfterValidator(_not_an_alias)]
    options: dict[str, str] = Field(default_factory=dict)


class SecretsEngine(Kind[SecretsEngineSpec]):
    noun = "secrets engine"
    replaces: ClassVar = frozenset({"path", "type"})
    model = SecretsEngineSpec

    def identity(self, spec: SecretsEngineSpec) -> str:
        return spec.path

    def read(self, vault: Vault, spec: SecretsEngineSpec, known: Mapping[str, Any]) -> Live | None:
        mount = _find(vault, spec.path)
        if mount is None:
            return None
        inputs = live_inputs(mount, spec.path) | {"options": mount["options"] or {}}
        return Live(inputs, {"accessor": mount["accessor"]})

    def delete(self, vault: Vault, spec: SecretsEngineSpec) -> None:
        vault.call(lambda client: client.sys.disable_secrets_engine(spec.path))

    def _create(self, vault: Vault, spec: SecretsEngineSpec) -> None:
        mount = _find(vault, spec.path)
        if mount is None:
            vault.call(
                lambda client: client.sys.enable_secrets_engine(
                    spec.type, path=spec.path, options=spec.options or None
                )
            )
        else:
            refuse_other_type(mount, spec)
        self._tune(vault, spec)

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: SecretsEngineSpec) -> None:
        self._tune(vault, spec)

    def _tune(self, vault: Vault, spec: SecretsEngineSpec) -> None:
        vault.call(
            lambda client: client.sys.tune_mount_configuration(
                spec.path,
                default_lease_ttl=spec.default_lease_ttl,
                max_lease_ttl=spec.max_lease_ttl,
                description=spec.description,
                options=spec.options or None,
            )
        )


def _find(vault: Vault, path: str) -> dict[str, Any] | None:
    mounts = vault.call(lambda client: client.sys.list_mounted_secrets_engines())["data"]
    found: dict[str, Any] | None = mounts.get(f"{path}/")
    return found
