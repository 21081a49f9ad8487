"""The Vault objects as Pulumi resources: one thin type for each kind in infra.secrets.objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field

from infra.errors import PluginFailed
from infra.plugins.diffing import compare
from infra.plugins.resource import Checked, Created, Diff, Read, ResourceType
from infra.provider import properties, tokens
from infra.secrets import objects
from infra.secrets.client import Connection, Vault


def _encrypted(address: str) -> str:
    if not re.fullmatch(r"https://[^/]+/?", address):
        raise ValueError("must be https://HOST:PORT; there is no plaintext path to Vault")
    return address


class ConnectionInputs(BaseModel, extra="forbid", frozen=True):
    """The way into Vault: an https address and the paths of two files."""

    address: Annotated[str, AfterValidator(_encrypted)]
    ca_certificate: Annotated[properties.AbsolutePath, Field(alias="caCertificate")]
    credentials: properties.AbsolutePath


class _WayIn(BaseModel):
    connection: ConnectionInputs


@cache
def _vault(connection: Connection) -> Vault:
    """One session for all objects of one Vault; it logs in again as needed."""
    return Vault(connection)


class VaultObject(ResourceType):
    """A kind of Vault object; `connection` says where Vault is, all else is the kind's spec."""

    kind: ClassVar[objects.Kind[Any]]

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        del olds
        way_in = {key: value for key, value in news.items() if key == "connection"}
        first = properties.check(_WayIn, way_in)
        second = properties.check(self.kind.model, _without_connection(news))
        return Checked(first.inputs | second.inputs, [*first.failures, *second.failures])

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        del id_, old_outputs
        changes = compare(_reachable(old_inputs), _reachable(news))
        replaces = frozenset(path for path in changes if _first_name(path) in self.kind.replaces)
        # Two mounts, keys or devices cannot share one name: the old one goes first.
        return Diff(changes, replaces, delete_before_replace=True)

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        del timeout
        spec = self._spec(news)
        outputs = self.kind.create(self._open(news), spec)
        return Created(self.kind.identity(spec), {**news, **outputs})

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        if not inputs:
            raise PluginFailed(
                f"{self.kind.noun} {id_} cannot be imported: its name does not say which Vault.",
                next_step="write it into the program and run `pulumi up`: what is there already "
                "and of the same nature is taken over.",
            )
        live = self.kind.read(self._open(inputs), self._recorded(inputs), outputs)
        if live is None:
            return None
        current = {"connection": inputs["connection"], **live.inputs}
        return Read(current, {**current, **live.outputs})

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        del id_, timeout
        vault, spec = self._open(news), self._spec(news)
        if self.kind.read(vault, spec, old_outputs) is None:
            outputs = self.kind.create(vault, spec)
        else:
            outputs = self.kind.update(vault, old_inputs, spec)
        return {**news, **outputs}

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        del id_, outputs, timeout
        self.kind.delete(self._open(inputs), self._recorded(inputs))

    def _spec(self, news: Mapping[str, Any]) -> Any:
        return self.kind.model.model_validate(_without_connection(news))

    def _recorded(self, inputs: Mapping[str, Any]) -> Any:
        """The spec in state. After a refresh it may say what no program may ask for."""
        return self.kind.model.model_construct(**_without_connection(inputs))

    def _open(self, inputs: Mapping[str, Any]) -> Vault:
        way_in = ConnectionInputs.model_validate(inputs["connection"])
        return _vault(
            Connection(
                way_in.address.rstrip("/"), Path(way_in.ca_certificate), Path(way_in.credentials)
            )
        )


def _without_connection(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != "connection"}


def _reachable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without how we prove who we are: that makes no other object."""
    connection = inputs.get("connection")
    address = connection.get("address") if isinstance(connection, Mapping) else connection
    return {**inputs, "connection": {"address": address}}


def _first_name(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


class SecretsEngine(VaultObject):
    token = tokens.SECRETS_ENGINE
    kind = objects.SecretsEngine()


class AuthMethod(VaultObject):
    token = tokens.AUTH_METHOD
    kind = objects.AuthMethod()


class Policy(VaultObject):
    token = tokens.POLICY
    kind = objects.Policy()


class TransitKey(VaultObject):
    token = tokens.TRANSIT_KEY
    kind = objects.TransitKey()


class Role(VaultObject):
    token = tokens.ROLE
    kind = objects.Role()


class AuditDevice(VaultObject):
    token = tokens.AUDIT_DEVICE
    kind = objects.AuditDevice()


class PkiAuthority(VaultObject):
    token = tokens.PKI_AUTHORITY
    kind = objects.PkiAuthority()


class PkiRole(VaultObject):
    token = tokens.PKI_ROLE
    kind = objects.PkiRole()


TYPES = (
    SecretsEngine,
    AuthMethod,
    Policy,
    TransitKey,
    Role,
    AuditDevice,
    PkiAuthority,
    PkiRole,
)
