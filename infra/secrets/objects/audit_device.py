"""Audit devices: https://developer.hashicorp.com/vault/api-docs/system/audit.

Vault cannot change one: a change means another device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from infra.errors import VaultRefused
from infra.secrets.client import Vault
from infra.secrets.objects.kind import Kind, Live, MountPath, ObjectName, Spec


class AuditDeviceSpec(Spec):
    path: MountPath
    type: ObjectName = "file"
    description: str = ""
    #: The device's own names, e.g. file_path.
    options: dict[str, str]


class AuditDevice(Kind[AuditDeviceSpec]):
    noun = "audit device"
    replaces: ClassVar = frozenset({"path", "type", "description", "options"})
    model = AuditDeviceSpec

    def identity(self, spec: AuditDeviceSpec) -> str:
        return spec.path

    def read(self, vault: Vault, spec: AuditDeviceSpec, known: Mapping[str, Any]) -> Live | None:
        devices = vault.call(lambda client: client.sys.list_enabled_audit_devices())["data"]
        device = devices.get(f"{spec.path}/")
        if device is None:
            return None
        return Live(
            {
                "path": spec.path,
                "type": device["type"],
                "description": device["description"],
                "options": device["options"] or {},
            }
        )

    def delete(self, vault: Vault, spec: AuditDeviceSpec) -> None:
        vault.call(lambda client: client.sys.disable_audit_device(spec.path))

    def _create(self, vault: Vault, spec: AuditDeviceSpec) -> None:
        live = self.read(vault, spec, {})
        if live is None:
            vault.call(
                lambda client: client.sys.enable_audit_device(
                    spec.type,
                    description=spec.description,
                    options=spec.options,
                    path=spec.path,
                )
            )
        elif live.inputs != spec.inputs():
            raise VaultRefused(
                f"there is an audit device {spec.path}/ already, with other settings.",
                next_step="choose another path, or make the resource say what is there.",
            )

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: AuditDeviceSpec) -> None:
        self._create(vault, spec)
