"""`lab restore etcd`: real copies, encrypted by openssl; only the playbook is not run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import config, paths, restore
from infra.cli import main
from infra.cli.exit_codes import ExitCode
from infra.config import OnPremLab
from infra.engine.target import Target
from infra.errors import BackupUnreadable, BadUsage, WrongGround
from infra.hosts import playbooks
from infra.paths import Home
from tests.harness import hybrid_lab
from tests.harness.onprem_lab import document
from tests.unit.lifecycle.test_removal import Silent


def recipient(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=copies"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def taken(folder: Path, certificate: Path, **files: str) -> Path:
    """A copy as machines take it: a tar of these files, as CMS for the recipient."""
    plain = folder / "plain"
    plain.mkdir()
    for name, text in files.items():
        (plain / name.replace("_", ".")).write_text(text)
    archive = folder / "site-etcd-20260101T000000Z.tar.cms"
    tar = subprocess.run(
        ["tar", "--create", f"--directory={plain}", "."], check=True, capture_output=True
    )
    subprocess.run(
        [
            *("openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER"),
            *("-out", str(archive), str(certificate)),
        ],
        input=tar.stdout,
        check=True,
        capture_output=True,
    )
    return archive


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return recipient(tmp_path, "backup")


@pytest.fixture
def target(keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    lab = OnPremLab.model_validate(document(backup={"recipient": str(keys[0])}))
    return Target("site", tmp_path / "Pulumi.site.yaml", lab, Home(lab.name))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Snapshots that were put back, as the playbook found them."""
    found: list[str] = []
    monkeypatch.setattr(
        playbooks,
        "run",
        lambda run: found.append(Path(run.variables["restore_snapshot"]).read_text()),
    )
    return found


def test_a_copy_is_opened_and_put_back(
    target: Target, keys: tuple[Path, Path], ran: list[str], tmp_path: Path
) -> None:
    copy = restore.Copy(taken(tmp_path, keys[0], etcd_db="all of it", note="x"), keys[1])
    done = restore.etcd(target, copy, Silent())
    assert ran == ["all of it"]
    assert done.holds == ("etcd.db", "note")
    assert done.machines == ("control-plane-1", "control-plane-2", "control-plane-3")
    assert not list(Path("/dev/shm").glob("lab-restore-*")), "nothing decrypted stays"  # noqa: S108


def test_a_dry_run_looks_and_changes_nothing(
    target: Target, keys: tuple[Path, Path], ran: list[str], tmp_path: Path
) -> None:
    copy = restore.Copy(taken(tmp_path, keys[0], etcd_db="all of it"), keys[1])
    assert restore.etcd(target, copy, Silent(), dry_run=True).holds == ("etcd.db",)
    assert ran == []
    assert not target.home.root.exists()


def test_what_cannot_be_read_stops_nothing(
    target: Target, keys: tuple[Path, Path], ran: list[str], tmp_path: Path
) -> None:
    archive = taken(tmp_path, keys[0], etcd_db="all of it")
    other = recipient(tmp_path, "other")
    with pytest.raises(BackupUnreadable, match="cannot be decrypted"):
        restore.etcd(target, restore.Copy(archive, other[1], other[0]), Silent())
    touched = bytearray(archive.read_bytes())
    touched[len(touched) // 2] ^= 1
    archive.write_bytes(touched)
    with pytest.raises(BackupUnreadable, match="cannot be decrypted"):
        restore.etcd(target, restore.Copy(archive, keys[1]), Silent())
    with pytest.raises(BackupUnreadable, match="there is no file"):
        restore.etcd(target, restore.Copy(archive, tmp_path / "none.key"), Silent())
    assert ran == []


def test_a_copy_of_vault_is_not_taken_for_one_of_etcd(
    target: Target, keys: tuple[Path, Path], ran: list[str], tmp_path: Path
) -> None:
    copy = restore.Copy(taken(tmp_path, keys[0], vault_snap="all of it"), keys[1])
    for dry_run in (True, False):
        with pytest.raises(BackupUnreadable, match=r"holds vault\.snap"):
            restore.etcd(target, copy, Silent(), dry_run=dry_run)
    assert ran == []


def test_only_machines_of_ones_own_have_copies(
    target: Target, keys: tuple[Path, Path], ran: list[str], tmp_path: Path
) -> None:
    copy = restore.Copy(taken(tmp_path, keys[0], etcd_db="all of it"), keys[1])
    here = Target("local", tmp_path, config.load("local"), Home("local"))
    with pytest.raises(WrongGround):
        restore.etcd(here, copy, Silent())
    without = OnPremLab.model_validate(document())
    with pytest.raises(BadUsage, match=r"backup\.recipient"):
        restore.etcd(Target("site", tmp_path, without, target.home), copy, Silent())
    across = Target("audits", tmp_path, hybrid_lab.load("hybrid-aws-onprem"), target.home)
    given = restore.Copy(copy.file, keys[1], keys[0])
    assert restore.etcd(across, given, Silent(), dry_run=True).machines


def test_the_command(  # noqa: PLR0917 - six fixtures
    target: Target,
    keys: tuple[Path, Path],
    ran: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Target, "of", classmethod(lambda *_: target))
    archive = taken(tmp_path, keys[0], etcd_db="all of it")
    words = ["restore", "etcd", "--stack", "site", "--from", str(archive), "--key", str(keys[1])]
    assert main.run(words) == ExitCode.BAD_INPUT, "it asks"
    assert main.run([*words, "--dry-run"]) == 0
    assert ran == []
    assert "Would stop" in capsys.readouterr().out
    assert main.run([*words, "--yes", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["holds"], told["dry_run"]) == (["etcd.db"], False)
    assert ran == ["all of it"]


def test_the_runbook_has_the_command() -> None:
    text = (paths.REPOSITORY / "docs" / "runbooks" / "onprem.md").read_text()
    assert "./lab restore etcd --stack site --from" in text
