"""system_config: only what differs is changed, and a kill is made good by the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.ansible_library import system, system_config
from tests.unit.ansible.conftest import Programs


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_config, "_PENDING", tmp_path / "pending")
    monkeypatch.setattr(system_config, "_UNIT_FOLDER", tmp_path / "systemd")


def apply(*, check: bool = False, **params: Any) -> list[str]:
    everything: dict[str, Any] = {
        "packages": [],
        "files": [],
        "folders": {},
        "absent": [],
        "sysctls": {},
        "actions": {},
        "units": [],
    }
    config = system_config.Config(everything | params, check=check)
    config.apply()
    return list(config.did)


def file(path: Path, content: str = "x\n", mode: str = "0640", **more: Any) -> dict[str, Any]:
    return {"path": str(path), "content": content, "mode": mode, "then": []} | more


def test_a_file_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "one.conf"
    assert apply(files=[file(path)]) == [f"wrote {path}"]
    assert path.read_text() == "x\n"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert apply(files=[file(path)]) == []


def test_a_wrong_mode_is_corrected(tmp_path: Path) -> None:
    path = tmp_path / "one.conf"
    apply(files=[file(path)])
    path.chmod(0o666)
    assert apply(files=[file(path)]) == [f"mode of {path}"]
    assert path.stat().st_mode & 0o7777 == 0o640


def test_a_link_in_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "one.conf"
    target.write_text("x\n")
    path.symlink_to(target)
    assert apply(files=[file(path)]) == [f"wrote {path}"]
    assert not path.is_symlink()


def test_check_mode_changes_nothing(tmp_path: Path, programs: Programs) -> None:
    programs.add("dpkg-query", "exit 1")
    gone = tmp_path / "gone"
    gone.write_text("")
    did = apply(
        check=True,
        packages=["chrony"],
        folders={str(tmp_path / "new"): "0700"},
        files=[file(tmp_path / "one.conf")],
        absent=[str(gone)],
        actions={"never": ["false"]},
    )
    assert len(did) == 4
    assert gone.exists()
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "one.conf").exists()


def test_an_action_runs_after_its_file_changed_and_only_then(
    tmp_path: Path, programs: Programs
) -> None:
    programs.add("restart")
    wanted: dict[str, Any] = {
        "files": [file(tmp_path / "one.conf", then=["service"])],
        "actions": {"service": ["restart", "one"], "other": ["restart", "other"]},
    }
    assert apply(**wanted)[-1] == "ran service"
    assert apply(**wanted) == []
    assert programs.calls == ["restart one"]


def test_an_action_that_failed_is_tried_again(tmp_path: Path, programs: Programs) -> None:
    programs.add("restart", "exit 3")
    wanted: dict[str, Any] = {
        "files": [file(tmp_path / "one.conf", then=["service"])],
        "actions": {"service": ["restart", "one"]},
    }
    with pytest.raises(system.CommandError, match="ended with 3"):
        apply(**wanted)
    programs.add("restart")
    assert apply(**wanted) == ["ran service"]


def test_a_kill_between_the_note_and_the_action_is_made_good(
    tmp_path: Path, programs: Programs
) -> None:
    path = tmp_path / "one.conf"
    apply(files=[file(path, then=["service"])])  # the action is not known yet: as if killed
    programs.add("restart")
    assert apply(files=[file(path, then=["service"])], actions={"service": ["restart"]}) == [
        "ran service"
    ]


def test_units_are_loaded_anew_when_their_files_change(tmp_path: Path, programs: Programs) -> None:
    programs.add("systemctl")
    unit = tmp_path / "systemd" / "one.service"
    apply(files=[file(unit)])
    apply(absent=[str(unit)])
    assert programs.calls == ["systemctl daemon-reload"] * 2


def test_only_missing_packages_are_installed(programs: Programs) -> None:
    programs.add("dpkg-query", "echo openssl installed; echo chrony not-installed")
    programs.add("env", '[ -e "$(dirname "$0")/updated" ]')
    programs.add("apt-get", 'touch "$(dirname "$0")/updated"')
    assert apply(packages=["openssl", "chrony"]) == ["installed chrony"]
    install = "DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chrony"
    calls = [call for call in programs.calls if call.startswith(("env ", "apt-get "))]
    assert calls == [f"env {install}", "apt-get update", f"env {install}"]


def test_installed_packages_ask_no_mirror(programs: Programs) -> None:
    programs.add("dpkg-query", "echo openssl installed")
    programs.add("apt-get", "exit 1")
    assert apply(packages=["openssl"]) == []


def test_a_folder_gets_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert apply(folders={str(folder): "0700"}) == [f"folder {folder}"]
    assert folder.stat().st_mode & 0o7777 == 0o700
    assert apply(folders={str(folder): "0700"}) == []


def test_a_kernel_setting_that_was_turned_is_set_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_config, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    setting = tmp_path / "proc/sys/net/ipv4/ip_forward"
    setting.parent.mkdir(parents=True)
    setting.write_text("1\n")
    config = system_config.Config(
        {"sysctls": {"net.ipv4.ip_forward": 0, "-kernel.none": 1}}, check=False
    )
    config._sysctls()
    config._sysctls()
    assert config.did == ["sysctl net.ipv4.ip_forward"]
    assert setting.read_text() == "0"


def unit(**wanted: Any) -> dict[str, Any]:
    return {"name": "one.service", "enabled": None, "running": None, "masked": False} | wanted


def state(load: str = "loaded", file_state: str = "disabled", active: str = "inactive") -> Any:
    return {"LoadState": load, "UnitFileState": file_state, "ActiveState": active}


@pytest.mark.parametrize(
    ("wanted", "found", "changes"),
    [
        (unit(enabled=True, running=True), state(), [("enable",), ("start",)]),
        (unit(enabled=True, running=True), state("loaded", "enabled", "active"), []),
        (unit(enabled=True), state("loaded", "static"), []),
        (unit(running=True), state(active="activating"), []),
        (unit(running=True), state(active="failed"), [("start",)]),
        (unit(enabled=False, running=False), state("loaded", "enabled", "active"),
         [("disable",), ("stop",)]),
        (unit(enabled=False, running=False), state("not-found", "", "inactive"), []),
        (unit(masked=True), state(), [("mask", "--now")]),
        (unit(masked=True), state("masked"), []),
        (unit(masked=True), state("not-found"), []),
        (unit(running=True), state("masked", "masked"), [("unmask",), ("start",)]),
    ],
)  # fmt: skip
def test_unit_changes(
    wanted: dict[str, Any], found: dict[str, str], changes: list[tuple[str, ...]]
) -> None:
    assert system_config.unit_changes(wanted, found) == changes


def test_units_are_asked_in_one_call_and_changed_together(programs: Programs) -> None:
    shown = "printf 'LoadState=loaded\\nUnitFileState=disabled\\nActiveState=inactive\\n"
    programs.add("systemctl", f"[ $1 = show ] && {shown}\\n' && {shown}'; true")
    assert apply(
        units=[unit(name="a.service", enabled=True), unit(name="b.service", enabled=True)]
    ) == ["enable a.service, b.service"]
    assert programs.calls[-1] == "systemctl --quiet enable a.service b.service"
    assert len(programs.calls) == 2
