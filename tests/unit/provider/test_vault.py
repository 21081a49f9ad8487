"""The provider's side of Vault objects; the objects themselves meet a real Vault elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PluginFailed
from infra.plugins.values import UNKNOWN
from infra.provider import vault
from infra.secrets.client import Connection, Vault
from infra.secrets.objects import Kind, Live
from infra.secrets.objects.role import RoleSpec

CONNECTION = {
    "address": "https://10.71.0.12:8200",
    "caCertificate": "/lab/pki/ca.crt",
    "credentials": "/lab/vault/approle.json",
}
NEWS = {"connection": CONNECTION, "mount": "jwt", "name": "x", "parameters": {"ttl": 1}}


class Remembered(Kind[RoleSpec]):
    """A Vault that is a dictionary."""

    noun = "role"
    replaces = frozenset({"mount", "name"})
    model = RoleSpec

    def __init__(self) -> None:
        self.there: dict[str, Any] | None = None
        self.asked: list[str] = []

    def identity(self, spec: RoleSpec) -> str:
        return f"{spec.mount}/{spec.name}"

    def read(self, vault: Vault, spec: RoleSpec, known: Mapping[str, Any]) -> Live | None:
        assert vault.connection == Connection(
            CONNECTION["address"],
            Path(CONNECTION["caCertificate"]),
            Path(CONNECTION["credentials"]),
        )
        if self.there is None:
            return None
        parameters = {"parameters": self.there}
        return Live({"mount": spec.mount, "name": spec.name, **parameters}, {"accessor": "a1"})

    def delete(self, vault: Vault, spec: RoleSpec) -> None:
        self.there = None

    def _create(self, vault: Vault, spec: RoleSpec) -> None:
        self.asked.append("create")
        self.there = dict(spec.parameters)

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: RoleSpec) -> None:
        self.asked.append("update")
        self.there = dict(spec.parameters)


class Role(vault.VaultObject):
    token = "ailab:vault:Role"

    def __init__(self) -> None:
        self.kind = Remembered()  # type: ignore[misc]


@pytest.fixture
def role() -> Role:
    return Role()


def test_each_type_has_its_own_token_and_kind() -> None:
    assert len({type_.token for type_ in vault.TYPES}) == len(vault.TYPES) == 8
    for type_ in vault.TYPES:
        assert type_.token == f"ailab:vault:{type(type_.kind).__name__}"


def test_check_fills_in_and_finds_faults_by_property() -> None:
    checked = vault.SecretsEngine().check(
        {}, {"connection": CONNECTION, "path": "kv/", "type": "kv"}
    )
    assert checked.failures == []
    assert checked.inputs["path"] == "kv"
    assert checked.inputs["options"] == {}

    news = {"connection": {**CONNECTION, "address": "http://x"}, "path": "", "typ": "kv"}
    checked = vault.SecretsEngine().check({}, news)
    found = {failure.property for failure in checked.failures}
    assert found == {"connection.address", "path", "typ", "type"}


def test_check_lets_a_preview_pass() -> None:
    news = {"connection": UNKNOWN, "path": UNKNOWN, "type": "kv", "options": {"version": UNKNOWN}}
    checked = vault.SecretsEngine().check({}, news)
    assert checked.failures == []
    assert checked.inputs["path"] is UNKNOWN


def test_a_connection_is_needed() -> None:
    checked = vault.Policy().check({}, {"name": "x", "rules": 'path "a" {}'})
    assert [failure.property for failure in checked.failures] == ["connection"]


@pytest.mark.parametrize(
    ("change", "changes", "replaces"),
    [
        ({}, {}, set()),
        ({"parameters": {"ttl": 2}}, {"parameters.ttl"}, set()),
        ({"parameters": {"ttl": UNKNOWN}}, {"parameters.ttl"}, set()),
        ({"parameters": {}}, {"parameters.ttl"}, set()),
        ({"name": "y"}, {"name"}, {"name"}),
        ({"mount": UNKNOWN}, {"mount"}, {"mount"}),
        ({"connection": {**CONNECTION, "credentials": "/other"}}, set(), set()),
        ({"connection": {**CONNECTION, "address": "https://x"}}, {"connection.address"}, set()),
        ({"connection": UNKNOWN}, {"connection.address"}, set()),
    ],
)
def test_diff(role: Role, change: dict[str, Any], changes: set[str], replaces: set[str]) -> None:
    diff = role.diff("jwt/x", NEWS, NEWS, {**NEWS, **change})
    assert set(diff.changes) == changes or (not changes and not diff.changes)
    assert diff.replaces == replaces
    assert diff.delete_before_replace


def test_a_changed_option_of_an_audit_device_makes_another(role: Role) -> None:
    old = {"connection": CONNECTION, "path": "file", "options": {"file_path": "/a"}}
    new = {**old, "options": {"file_path": "/b"}}
    diff = vault.AuditDevice().diff("file", old, old, new)
    assert diff.replaces == {"options.file_path"}


def test_a_whole_life(role: Role) -> None:
    assert role.preview(NEWS) == NEWS
    made = role.create(NEWS, timeout=1)
    assert made.id == "jwt/x"
    assert made.outputs == {**NEWS, "accessor": "a1"}
    read = role.read(made.id, NEWS, made.outputs)
    assert read is not None
    assert read.inputs == NEWS
    assert read.outputs == made.outputs

    other = {**NEWS, "parameters": {"ttl": 2}}
    assert role.update(made.id, NEWS, made.outputs, other, timeout=1)["parameters"] == {"ttl": 2}
    read = role.read(made.id, NEWS, made.outputs)
    assert read is not None
    assert role.diff(made.id, read.inputs, read.outputs, NEWS).changes == {
        "parameters.ttl": "update"
    }

    role.delete(made.id, NEWS, made.outputs, timeout=1)
    assert role.read(made.id, NEWS, made.outputs) is None


def test_an_update_makes_what_somebody_deleted(role: Role) -> None:
    role.update("jwt/x", NEWS, NEWS, NEWS, timeout=1)
    role.update("jwt/x", NEWS, NEWS, NEWS, timeout=1)
    assert role.kind.asked == ["create", "update"]  # type: ignore[attr-defined]


def test_drift_that_no_program_may_ask_for_can_be_read_and_deleted() -> None:
    recorded = {"mount": "transit", "name": "k", "deletionAllowed": True, "exportable": True}
    spec = vault.TransitKey()._recorded({"connection": CONNECTION, **recorded})
    assert vault.TransitKey().kind.identity(spec) == "transit/keys/k"
    assert spec.deletion_allowed is True


def test_an_import_is_refused_with_what_to_do_instead(role: Role) -> None:
    with pytest.raises(PluginFailed, match="cannot be imported") as caught:
        role.read("jwt/x", {}, {})
    assert "taken over" in caught.value.next_step
