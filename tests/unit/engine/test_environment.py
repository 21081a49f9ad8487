from __future__ import annotations

import os

import pytest

from infra import offline
from infra.engine.environment import (
    environment,
    link_programs,
    make_private_files,
    operation_environment,
    stand_in_notice,
)
from infra.engine.target import Target
from infra.errors import StackNotFound
from infra.paths import Home
from tests.unit.engine.conftest import FakePulumi


def test_everything_stays_in_the_labs_folder(fake_pulumi: FakePulumi, home: Home) -> None:
    found = environment("local")
    assert found["PULUMI_BACKEND_URL"] == f"file://{home.state}"
    for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_HOME", "KUBECONFIG", "VAULT_CACERT"):
        assert found[name].startswith(str(home.root)), name
    assert found["VAULT_ADDR"] == "https://10.71.0.12:8200"
    assert found["PULUMI_STACK"] == found["LAB_STACK"] == "local"


def test_programs_are_found_in_the_right_order(fake_pulumi: FakePulumi) -> None:
    entries = environment("local")["PATH"].split(os.pathsep)
    assert entries.index(str(fake_pulumi.folder)) < entries.index(str(fake_pulumi.folder / "shims"))
    assert len(entries) == len(set(entries))


def test_programs_for_working_by_hand(fake_pulumi: FakePulumi, home: Home) -> None:
    link_programs(home)
    (home.root / "bin" / "vault").unlink()
    (home.root / "bin" / "vault").symlink_to("/nonexistent")
    link_programs(home)
    assert (home.root / "bin" / "kubectl").readlink() == fake_pulumi.folder / "kubernetes"
    assert (home.root / "bin" / "vault").readlink() == fake_pulumi.folder / "vault"
    assert str(home.root / "bin") in environment("local")["PATH"].split(os.pathsep)


def test_stand_ins_are_told(fake_pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "notice", lambda path, home, **_: f"searched {path} and {home}")
    found = environment("local")
    told = stand_in_notice("local")
    assert told is not None
    assert str(fake_pulumi.folder) in told
    assert told.endswith(f"and {found['PULUMI_HOME']}")


def test_no_secret_is_in_the_environment(fake_pulumi: FakePulumi, home: Home) -> None:
    make_private_files(home)
    secret = home.passphrase.read_text()
    assert secret not in str(operation_environment(Target.of("local")))


def test_the_passphrase_is_private_and_made_once(home: Home) -> None:
    make_private_files(home)
    first = home.passphrase.read_text()
    assert len(first) >= 32
    assert home.passphrase.stat().st_mode & 0o777 == 0o600
    assert home.state.stat().st_mode & 0o777 == 0o700
    make_private_files(home)
    assert home.passphrase.read_text() == first


def test_a_half_written_passphrase_is_written_anew(home: Home) -> None:
    home.root.mkdir(parents=True)
    home.passphrase.with_suffix(".new").write_text("half")
    make_private_files(home)
    assert len(home.passphrase.read_text()) >= 32


def test_an_unknown_stack(fake_pulumi: FakePulumi) -> None:
    with pytest.raises(StackNotFound):
        environment("nosuch")
