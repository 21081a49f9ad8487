"""The bootstrap of Vault, killed at every request, and every state that needs a person."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.harness.vault_role import setup, unseal
from tests.unit.ansible.fake_vault import FakeVault, Killed

ROLE = {"token_policies": ["lab"], "token_ttl": 1800}


class Machine:
    """The machine's disk and its Vault; `run` is one run of the module."""

    def __init__(self, folder: Path, *, auto_unseal: bool = False) -> None:
        self.state = folder / "state"
        self.storage = folder / "storage"
        self.state.mkdir()
        self.storage.mkdir()
        self.vault = FakeVault(self.storage, auto_unseal=auto_unseal)

    def settings(self, **changes: Any) -> setup.Settings:
        values: dict[str, Any] = {
            "state": self.state,
            "storage": self.storage,
            "service": "vault.service",
            "shares": 3,
            "threshold": 2,
            "auto_unseal": self.vault.auto_unseal,
            "audit_file": "/var/log/vault/audit.log",
            "policy": "policy",
            "role": ROLE,
            "limit": 0.5,
        }
        return setup.Settings(**(values | changes))

    def run(self, **changes: Any) -> list[str]:
        self.vault.requests.clear()
        bootstrap = setup.Bootstrap(
            self.vault,  # type: ignore[arg-type]
            self.settings(**changes),
            self.vault.control,
        )
        return bootstrap.run()

    def assert_ready(self, policy: str = "policy") -> None:
        settings = self.settings()
        assert not self.vault.sealed
        assert self.vault.audit["file/"] == settings.audit
        assert self.vault.policies == {"lab": policy}
        assert self.vault.role == ROLE
        assert self.vault.tokens == {}
        assert len(self.vault.secret_ids) == 1
        stored = json.loads(settings.keys.read_text())
        assert stored == {"keys": self.vault.keys}
        secret = json.loads(settings.credentials.read_text())["secret_id"]
        assert {secret} == self.vault.secret_ids
        assert sorted(path.name for path in self.state.iterdir()) == ["approle.json", "init.json"]
        for path in self.state.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    return Machine(tmp_path)


def test_first_run_and_nothing_to_do_in_the_second(machine: Machine) -> None:
    assert machine.run()[0] == "initialised"
    machine.assert_ready()
    assert machine.run() == []
    machine.assert_ready()


def test_audit_comes_before_everything_else_that_root_does(machine: Machine) -> None:
    machine.run()
    writes = [entry for entry in machine.vault.requests if not entry.startswith(("GET", "LIST"))]
    assert writes.index("PUT sys/audit/file") == 1 + writes.index("PUT sys/unseal") + 1


def _requests(folder: Path) -> int:
    machine = Machine(folder)
    machine.run()
    return len(machine.vault.requests)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_request_the_next_run_converges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    (tmp_path / "count").mkdir()
    count = _requests(tmp_path / "count")
    assert count > 20
    for number in range(1, count + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        machine = Machine(folder)
        machine.vault.kill_at, machine.vault.kill_after = number, after
        with pytest.raises(Killed):
            machine.run()
        machine.vault.kill_at = None
        machine.run()
        # The killed run cannot revoke its own login; it ends by itself.
        machine.vault.tokens = {
            token: policies
            for token, policies in machine.vault.tokens.items()
            if "root" in policies
        }
        machine.assert_ready()
        assert machine.run() == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_during_a_repair_the_next_run_converges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        machine = Machine(folder)
        machine.run()
        machine.vault.kill_at, machine.vault.kill_after = number, after
        try:
            machine.run(policy="changed")
            break
        except Killed:
            machine.vault.kill_at = None
        machine.run(policy="changed")
        machine.vault.tokens = {
            token: policies
            for token, policies in machine.vault.tokens.items()
            if "root" in policies
        }
        machine.assert_ready(policy="changed")
    assert number > 20


def test_a_restart_is_answered_by_unsealing(machine: Machine) -> None:
    machine.run()
    machine.vault.restart()
    assert machine.run() == ["unsealed"]
    machine.assert_ready()


def test_waits_for_the_listener_and_the_election(machine: Machine) -> None:
    machine.vault.silent, machine.vault.standby = 3, 3
    machine.run()
    machine.assert_ready()


@pytest.mark.parametrize(
    ("change", "action"),
    [
        (lambda m: m.vault.audit.clear(), "audit device"),
        (lambda m: m.vault.policies.update(lab="other"), "policy"),
        (lambda m: m.vault.policies.clear(), "policy"),
        (lambda m: m.vault.role.update(token_ttl=1), "role"),
        (lambda m: m.settings().credentials.unlink(), "credentials"),
        (lambda m: m.vault.secret_ids.clear(), "credentials"),
    ],
    ids=["audit", "policy", "policy gone", "role", "credentials file", "secret ID"],
)
def test_a_difference_is_put_right(machine: Machine, change: Any, action: str) -> None:
    machine.run()
    change(machine)
    actions = machine.run()
    assert actions[0] == f"root token made, because of: {action}"
    assert actions[-1] == "root token revoked"
    machine.vault.role = dict(ROLE)
    machine.assert_ready()


def test_what_the_lab_may_not_read_counts_as_a_difference(machine: Machine) -> None:
    machine.run()
    machine.vault.refuse["sys/policies/acl/lab"] = 403
    with pytest.raises(unseal.VaultError):
        machine.run()
    assert any(entry.startswith("PUT sys/generate-root") for entry in machine.vault.requests)


def test_root_tokens_of_others_are_revoked_and_theirs_without_rights_are_not(
    machine: Machine,
) -> None:
    machine.run()
    machine.vault.tokens |= {"hand-made": ["root"], "user": ["x"], "gone": ["vanished"]}
    actions = machine.run(policy="changed")
    assert "another root token revoked" in actions
    assert sorted(machine.vault.tokens) == ["gone", "user"]


def test_initialised_by_somebody_else(machine: Machine) -> None:
    machine.vault.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    with pytest.raises(unseal.SetupError, match="no initialisation of ours was cut short"):
        machine.run()
    assert machine.vault.initialised


def test_a_cut_short_initialisation_is_wiped_folders_and_all(machine: Machine) -> None:
    machine.vault.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    (machine.storage / "raft").mkdir()
    (machine.storage / "raft" / "raft.db").touch()
    machine.settings().marker.touch()
    assert machine.run()[0] == "emptied after an initialisation that was cut short"
    assert not (machine.storage / "raft").exists()
    machine.assert_ready()


def test_keys_written_but_the_marker_left_never_wipes(machine: Machine) -> None:
    machine.run()
    machine.settings().marker.touch()
    assert machine.run() == []
    machine.assert_ready()


def test_storage_lost(machine: Machine) -> None:
    machine.run()
    machine.vault.empty()
    with pytest.raises(unseal.SetupError, match="was lost"):
        machine.run()
    assert not machine.vault.initialised


def test_keys_of_another_vault(machine: Machine) -> None:
    machine.run()
    machine.vault.restart()
    machine.vault.keys = ["other"]
    with pytest.raises(unseal.VaultError, match="invalid key"):
        machine.run()


def test_too_few_keys(machine: Machine) -> None:
    machine.run()
    keys = machine.vault.keys[:1]
    setup.write_json(machine.settings().keys, {"keys": keys})
    machine.vault.restart()
    with pytest.raises(unseal.SetupError, match="stays sealed"):
        machine.run()
    machine.vault.sealed = False
    with pytest.raises(unseal.SetupError, match="too few to make a root token"):
        machine.run(policy="changed")


def test_auto_unseal_keeps_recovery_keys_and_waits_for_the_key_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    machine = Machine(tmp_path, auto_unseal=True)
    actions = machine.run()
    assert "unsealed" not in actions
    machine.assert_ready()
    machine.vault.sealed = True
    with pytest.raises(unseal.SetupError, match="key service unseals it"):
        machine.run()
    assert "PUT sys/unseal" not in machine.vault.requests


def test_a_role_that_cannot_be_used_from_the_machine(machine: Machine) -> None:
    machine.vault.refuse["auth/approle/login"] = 400
    with pytest.raises(unseal.SetupError, match=r"must hold 127\.0\.0\.1"):
        machine.run()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("auth/token/lookup-self", 500),
        ("auth/approle/login", 500),
        ("sys/policies/acl/lab", 500),
        ("auth/approle/role/lab/secret-id", 500),
        ("auth/token/lookup-accessor", 500),
    ],
)
def test_faults_of_vault_are_not_taken_for_answers(
    machine: Machine, path: str, status: int
) -> None:
    machine.vault.refuse[path] = status
    with pytest.raises(unseal.VaultError, match="asked to refuse"):
        machine.run()
    machine.vault.refuse.clear()
    machine.run()


def test_a_fault_while_comparing_revokes_the_login(machine: Machine) -> None:
    machine.run()
    machine.vault.refuse["sys/policies/acl/lab"] = 500
    with pytest.raises(unseal.VaultError):
        machine.run()
    assert machine.vault.tokens == {}


def test_results_carry_no_secret(machine: Machine) -> None:
    text = " ".join(machine.run())
    assert not any(secret in text for secret in (*machine.vault.keys, "secret-", "token-"))


def test_systemctl_failure_is_said() -> None:
    with pytest.raises(unseal.SetupError, match="systemctl is-active no-such"):
        setup.systemctl("is-active", "no-such-unit.service")


class Member(Machine):
    """One of several machines that carry one Vault; opened by a key service."""

    def __init__(self, folder: Path, peers: list[FakeVault]) -> None:
        folder.mkdir()
        super().__init__(folder, auto_unseal=True)
        self.peers = peers

    def bootstrap(self) -> setup.Bootstrap:
        return setup.Bootstrap(
            self.vault,  # type: ignore[arg-type]
            self.settings(),
            self.vault.control,
            peers=self.peers,  # type: ignore[arg-type]
        )


def joins_at_the(request: int, member: FakeVault) -> None:
    """From that look at it on the member belongs to the Vault of the others."""
    answer = member.request

    def late(*arguments: Any, **more: Any) -> dict[str, Any]:
        if len(member.requests) + 1 >= request:
            member.initialised, member.sealed = True, False
        return answer(*arguments, **more)

    member.request = late  # type: ignore[method-assign]


def test_the_first_of_several_begins_while_the_others_are_silent(tmp_path: Path) -> None:
    other = FakeVault(tmp_path, auto_unseal=True)
    other.silent = 5
    member = Member(tmp_path / "one", [other])
    assert "initialised" in member.bootstrap().run()


def test_a_lost_member_joins_the_others_and_begins_no_vault_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    other = FakeVault(tmp_path, auto_unseal=True)
    other.initialised, other.sealed = True, False
    member = Member(tmp_path / "one", [other])
    joins_at_the(4, member.vault)
    with pytest.raises(unseal.SetupError, match="Put the keys file back"):
        member.bootstrap().run()
    assert not any("sys/init" in request for request in member.vault.requests)
    assert member.vault.keys == []


def test_a_member_that_does_not_join_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    other = FakeVault(tmp_path, auto_unseal=True)
    other.initialised, other.sealed = True, False
    member = Member(tmp_path / "one", [other])
    for attempt in (member.bootstrap().run, member.bootstrap().follow):
        with pytest.raises(unseal.SetupError, match="this member joins the others"):
            attempt()
    assert member.vault.keys == []


def test_a_follower_waits_until_it_is_open_and_changes_nothing(tmp_path: Path) -> None:
    member = Member(tmp_path / "two", [FakeVault(tmp_path)])
    joins_at_the(3, member.vault)
    member.vault.standby = 1000
    assert member.bootstrap().follow() == []
    assert list(member.state.iterdir()) == []
