"""luks_disk: each step is taken once, the key goes through standard input only, and a disk that
holds anything else is refused."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.paths import REPOSITORY
from tests.harness.ansible_library import system
from tests.unit.ansible.conftest import Programs

if TYPE_CHECKING:
    from ansible.roles.disk_encryption.library import luks_disk
else:
    _FILE = REPOSITORY / "ansible" / "roles" / "disk_encryption" / "library" / "luks_disk.py"
    _SPEC = importlib.util.spec_from_file_location("lab_library_luks_disk", _FILE)
    luks_disk = importlib.util.module_from_spec(_SPEC)
    _SPEC.loader.exec_module(luks_disk)

KEY = "the-recovery-key"
TANG = [{"url": "http://192.0.2.9", "thumbprint": "abc"}]
TOKENS = {"1": {"type": "clevis", "keyslots": ["1"]}}

#: cryptsetup that knows a volume by its file beside the device.
CRYPTSETUP = """
case $1 in
luksFormat) cat >"$HERE/format.stdin"; echo crypto_LUKS >"$HERE/content" ;;
open) cat >"$HERE/open.stdin"; : >"$HERE/mapper/ai-lab" ;;
luksUUID) echo 1111-2222 ;;
luksDump) cat "$HERE/header" ;;
esac
"""
BLKID = """
for device; do :; done
case $device in
*/mapper/*) cat "$HERE/inner"; [ -s "$HERE/inner" ] || exit 2 ;;
*) cat "$HERE/content"; [ -s "$HERE/content" ] || exit 2 ;;
esac
"""
CLEVIS = """
[ "$2" != bind ] || { cat >"$HERE/bind.stdin"; echo "$TMPDIR" >"$HERE/bind.tmp"; }
"""


class Machine:
    """A disk and the programs that work on it."""

    def __init__(self, folder: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.programs = programs
        (folder / "mapper").mkdir()
        (folder / "device").touch()
        self.has(content="", inner="", tokens={})
        monkeypatch.setenv("HERE", str(folder))
        monkeypatch.setattr(luks_disk, "STATE", folder / "state")
        self.memory = folder / "memory"
        self.memory.mkdir()
        monkeypatch.setattr(luks_disk, "MEMORY", self.memory)
        programs.add("cryptsetup", CRYPTSETUP)
        programs.add("blkid", BLKID)
        programs.add("clevis", CLEVIS)
        programs.add("mkfs.ext4", 'echo ext4 >"$HERE/inner"')
        programs.add("systemd-cryptenroll", 'for w; do case $w in --unlock-key-file=*) '
                     'cat "${w#*=}" >"$HERE/tpm.stdin";; esac; done')  # fmt: skip

    def has(self, *, content: str, inner: str, tokens: dict[str, Any]) -> None:
        (self.folder / "content").write_text(content)
        (self.folder / "inner").write_text(inner)
        (self.folder / "header").write_text(json.dumps({"tokens": tokens}))

    def open(self) -> None:
        (self.folder / "mapper" / "ai-lab").touch()

    def disk(self, **more: Any) -> Any:
        params = {"device": str(self.folder / "device"), "name": "ai-lab", "tang": TANG,
                  "threshold": 1, "tpm": False}  # fmt: skip
        return luks_disk.Disk(params | more, mapper=self.folder / "mapper")

    def make(self, **more: Any) -> list[str]:
        disk = self.disk(**more)
        needs: list[str] = disk.needs()
        for step in needs:
            disk.do(step, KEY)
        return needs

    def given(self, step: str) -> str:
        return (self.folder / f"{step}.stdin").read_text()


@pytest.fixture
def machine(tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Machine:
    folder = tmp_path / "machine"
    folder.mkdir()
    return Machine(folder, programs, monkeypatch)


def test_an_empty_disk_takes_every_step_once(machine: Machine) -> None:
    assert machine.make() == ["format", "open", "tang", "file_system"]
    machine.has(content="crypto_LUKS", inner="ext4", tokens=TOKENS)
    assert machine.disk().needs() == []


def test_the_key_is_never_an_argument_or_in_the_environment(machine: Machine) -> None:
    machine.make(tpm=True)
    assert [machine.given(step) for step in ("format", "open", "bind", "tpm")] == [KEY] * 4
    assert KEY not in "\n".join(machine.programs.calls)
    held = [
        path for path in machine.folder.rglob("*") if path.is_file() and KEY in path.read_text()
    ]
    assert {path.suffix for path in held} == {".stdin"}, "only what our stand-ins were told"


#: A file system in memory on every machine with systemd.
MEMORY = luks_disk.MEMORY


def test_clevis_keeps_its_copy_of_the_header_in_memory_and_leaves_none(machine: Machine) -> None:
    machine.make()
    assert Path("/run") == MEMORY
    assert Path((machine.folder / "bind.tmp").read_text().strip()).parent == machine.memory
    assert list(machine.memory.iterdir()) == []


def test_servers_are_trusted_by_their_thumbprints(machine: Machine) -> None:
    machine.make(tang=[*TANG, {"url": "http://192.0.2.10", "thumbprint": "def"}], threshold=2)
    call = next(call for call in machine.programs.calls if call.startswith("clevis luks bind"))
    policy = json.loads(call.partition(" sss ")[2])
    servers = [
        {"url": "http://192.0.2.9", "thp": "abc"},
        {"url": "http://192.0.2.10", "thp": "def"},
    ]
    assert policy == {"t": 2, "pins": {"tang": servers}}


def test_another_thumbprint_binds_anew_before_the_old_binding_goes(machine: Machine) -> None:
    machine.make()
    machine.has(content="crypto_LUKS", inner="ext4", tokens=TOKENS)
    assert machine.make(tang=[{"url": "http://192.0.2.9", "thumbprint": "new"}]) == ["tang"]
    calls = [call for call in machine.programs.calls if call.startswith("clevis")]
    assert calls[-1] == f"clevis luks unbind -f -d {machine.folder}/device -s 1"
    assert "bind -y" in calls[-2]


def test_a_volume_that_was_made_anew_elsewhere_is_bound_again(machine: Machine) -> None:
    machine.make()
    machine.has(content="crypto_LUKS", inner="ext4", tokens={})
    assert machine.disk().needs() == ["tang"]


def test_a_closed_volume_is_opened(machine: Machine) -> None:
    machine.make()
    machine.has(content="crypto_LUKS", inner="ext4", tokens=TOKENS)
    (machine.folder / "mapper" / "ai-lab").unlink()
    # Whether it holds a file system can be seen when it is open, and not before.
    assert machine.make() == ["open", "file_system"]
    assert len([c for c in machine.programs.calls if c.startswith("mkfs")]) == 1


@pytest.mark.parametrize("content", ["ext4", "LVM2_member", "swap"])
def test_a_disk_with_something_on_it_is_refused(machine: Machine, content: str) -> None:
    machine.has(content=content, inner="", tokens={})
    with pytest.raises(luks_disk.LuksError, match=f"holds {content}"):
        machine.disk()


def test_what_blkid_cannot_tell_is_refused(machine: Machine) -> None:
    machine.programs.add("blkid", "echo ambivalent >&2; exit 8")
    with pytest.raises(luks_disk.LuksError, match="ambivalent"):
        machine.disk()


@pytest.mark.parametrize("threshold", [0, 2])
def test_a_threshold_that_servers_cannot_meet_is_refused(machine: Machine, threshold: int) -> None:
    with pytest.raises(luks_disk.LuksError, match="threshold"):
        machine.disk(threshold=threshold)


def test_a_missing_disk_is_named(machine: Machine) -> None:
    with pytest.raises(luks_disk.LuksError, match="there is no disk /dev/disk/by-id/none"):
        machine.disk(device="/dev/disk/by-id/none")


def test_a_step_that_fails_stops_the_others(machine: Machine) -> None:
    machine.programs.add("clevis", "echo no answer >&2; exit 1")
    with pytest.raises(system.CommandError, match="no answer"):
        machine.make()
    assert not (machine.folder / "state").exists(), "the binding is not noted as done"
