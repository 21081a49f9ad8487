"""Machines: files and life cycle, with the host's own programs left out."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import socket
import stat
import tarfile
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from infra import paths, toolchain
from infra.errors import (
    AnotherLabUp,
    ImageBuildFailed,
    MachineFailed,
    MachineUnreachable,
    ToolMissing,
)
from infra.hosts import base_image, cgroups, cleanup, commands, keys, machine, network, nspawn, ssh

NETWORK = IPv4Network("10.71.0.0/24")


def mounted(home: Path, *machines: str) -> None:
    """Lets the kernel tell of machines of the lab home, as they are mounted."""
    lines = ["21 1 0:4 / /proc rw shared:12 - proc proc rw"]
    for number, name in enumerate(machines):
        root = home / name.split("-")[0] / "machines" / name / "root"
        lines.append(f"{number} 27 0:4{number} / {root} rw - overlay lab-{name} rw,lowerdir=/x")
    nspawn.MOUNTS.write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    for module in (nspawn, base_image):
        monkeypatch.setattr(module, "MOUNTS", tmp_path / "mountinfo")
    mounted(tmp_path / "home")


@pytest.fixture
def args() -> machine.MachineArgs:
    return machine.MachineArgs("t", "worker", "worker", IPv4Address("10.71.0.11"), NETWORK)


class Host:
    """Stands in for the kernel: which machines run, which bridge there is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: set[str] = set()
        self.bridges: set[str] = set()
        monkeypatch.setattr(nspawn, "start", lambda c: self.running.add(c.hostname))
        monkeypatch.setattr(nspawn, "stop", lambda c: self.running.discard(c.hostname))
        monkeypatch.setattr(nspawn, "is_running", lambda c: c.hostname in self.running)
        monkeypatch.setattr(network, "make_bridge", lambda name, *_: self.bridges.add(name))
        monkeypatch.setattr(network, "remove_bridge", self.bridges.discard)
        monkeypatch.setattr(network, "links", lambda: ["lo", *self.bridges])
        monkeypatch.setattr(ssh, "wait_for", lambda *_, **__: None)
        monkeypatch.setattr(cgroups, "machines", lambda: set(self.running))
        monkeypatch.setattr(cgroups, "processes", lambda n: {1} if n in self.running else set())
        monkeypatch.setattr(cgroups, "kill", self.running.discard)
        monkeypatch.setattr(cgroups, "remove", lambda _: None)
        monkeypatch.setattr(cgroups, "folders", lambda _: [])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    base_image.location().mkdir(parents=True)
    return Host(monkeypatch)


def test_life_of_a_machine(args: machine.MachineArgs, host: Host) -> None:
    assert machine.read(args) is None
    made = machine.create(args)
    assert made.running
    assert machine.read(args) == made
    assert machine.list_machines(paths.Home("t")) == [made]
    host.running.clear()
    assert machine.read(args) == machine.MachineState(args, made.instance, running=False)
    machine.start(args)
    assert machine.read(args) == made, "a restart keeps the instance"
    machine.reboot(args)
    assert machine.read(args) == made
    machine.delete(args)
    assert machine.read(args) is None
    assert host.running == set()
    assert host.bridges == set()
    machine.delete(args)


def test_a_leftover_of_a_killed_maker_is_replaced(args: machine.MachineArgs, host: Host) -> None:
    first = machine.create(args)
    leftover = args.container.folder / "upper" / "leftover"
    leftover.write_text("")
    second = machine.create(args)
    assert second.instance != first.instance
    assert not leftover.exists()


def test_host_keys_are_known_before_the_first_boot(args: machine.MachineArgs, host: Host) -> None:
    machine.create(args)
    home = paths.Home("t")
    public = (args.container.folder / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()
    assert home.known_hosts.read_text() == f"t-worker,10.71.0.11 {public}\n"
    for private in (home.ssh_key, args.container.folder / "upper/etc/ssh/ssh_host_ed25519_key"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert f"{home.ssh_key}" in " ".join(ssh.command(home, args.address))
    assert "StrictHostKeyChecking=yes" in ssh.command(home, args.address)


def test_no_base_image_is_a_clear_error(
    args: machine.MachineArgs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolMissing, match="machine-base"):
        machine.create(args)


def test_a_lab_whose_name_begins_like_anothers_is_left_alone(
    args: machine.MachineArgs, host: Host
) -> None:
    other = dataclasses.replace(args, lab="t-two")
    machine.create(other)
    assert not cleanup.find("t")
    assert cleanup.running_labs() == {"t-two"}
    machine.create(args)
    assert cleanup.running_labs() == {"t", "t-two"}
    cleanup.sweep("t")
    assert host.running == {"t-two-worker"}


@pytest.mark.parametrize("touch", [machine.create, machine.start, machine.delete, machine.reboot])
def test_a_machine_of_another_home_is_never_touched(
    touch: Callable[[machine.MachineArgs], object],
    args: machine.MachineArgs,
    host: Host,
    tmp_path: Path,
) -> None:
    machine.create(args)
    mounted(tmp_path / "another-home", "t-worker")
    with pytest.raises(AnotherLabUp, match="another-home/t/machines/t-worker"):
        touch(args)
    assert host.running == {"t-worker"}
    assert cleanup.elsewhere() == [str(tmp_path / "another-home/t")]
    assert cleanup.running_labs() == set()
    cleanup.sweep("t")
    assert host.running == {"t-worker"}
    assert host.bridges == {"lab-t"}
    mounted(tmp_path / "home", "t-worker")
    assert cleanup.elsewhere() == []


def test_sweep_finds_and_removes_everything(args: machine.MachineArgs, host: Host) -> None:
    machine.create(args)
    assert cleanup.running_labs() == {"t"}
    found = cleanup.find("t")
    assert found
    assert found.processes == (1,)
    assert found.links == ("lab-t",)
    assert found.files == (str(paths.Home("t").root),)
    assert not cleanup.sweep("t")
    assert not cleanup.find("t")
    assert cleanup.running_labs() == set()


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = keys.ensure_pair(tmp_path / "k" / "id")
    assert keys.ensure_pair(tmp_path / "k" / "id") == first
    assert first.startswith("ssh-ed25519 ")


def test_ssh_waits_for_the_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(ssh, "PORT", server.getsockname()[1])

        def answer() -> None:
            for greeting in (b"nope", b"SSH-2.0-x"):
                connection, _ = server.accept()
                connection.sendall(greeting)
                connection.close()

        # A daemon: should nobody come, pytest must end all the same.
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        ssh.wait_for("127.0.0.1", timeout=5)
        thread.join()


def test_ssh_that_never_answers_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(ssh, "PORT", port)
    with pytest.raises(MachineUnreachable, match="console"):
        ssh.wait_for("127.0.0.1", timeout=0.2)


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of a root file system, as mmdebstrap writes them."""
    file = tmp_path / "root.tar"
    with tarfile.open(file, "w") as tar:
        for name, mode in (("./bin/ping", 0o755), ("./etc/shadow", 0o640), ("./dev/null", 0o666)):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = mode, 3
            tar.addfile(entry, io.BytesIO(b"one"))
    monkeypatch.setattr(toolchain, "machine_archive", lambda: file)
    return file


def test_base_image_is_unpacked_once_and_whole(archive: Path) -> None:
    leftover = base_image.location().parent / "base-tmp.dead"
    leftover.mkdir(parents=True)
    said: list[str] = []
    image = base_image.ensure(said.append)
    assert stat.S_IMODE((image / "etc/shadow").stat().st_mode) == 0o640
    assert list((image / "dev").glob("*")) == []
    assert not leftover.exists()
    archive.unlink()
    assert base_image.ensure(said.append) == image
    assert len(said) == 1


def test_a_damaged_archive_leaves_nothing_under_the_images_name(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:1537])
    with pytest.raises(ImageBuildFailed, match="cannot be unpacked") as caught:
        base_image.ensure()
    assert "verify machine-base" in caught.value.next_step
    assert not base_image.location().exists()


def test_a_machine_keeps_the_base_image_that_it_was_made_with(
    args: machine.MachineArgs, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted: list[str] = []
    monkeypatch.setattr(nspawn, "run", lambda command: mounted.append(" ".join(map(str, command))))
    first = base_image.ensure()
    nspawn.prepare(args.container, authorized_key="ssh-ed25519 AAAA owner")
    monkeypatch.setattr(base_image, "digest", lambda: "another")
    base_image.ensure()
    nspawn.mount_root(args.container)
    assert f"lowerdir={first}," in mounted[0]
    assert base_image.unused(paths.data()) == []
    nspawn.remove(args.container)
    assert base_image.unused(paths.data()) == [first]
    base_image.MOUNTS.write_text(
        f"1 1 0:1 / /m rw - overlay lab-x rw,lowerdir={first},upperdir=/u\n"
    )
    assert base_image.unused(paths.data()) == [], "a machine of another LAB_HOME is up on it"
    base_image.MOUNTS.write_text("")
    base_image.remove(first)
    assert sorted(found.name for found in first.parent.iterdir()) == ["base-another", "base.lock"]


def test_a_base_image_that_is_gone(args: machine.MachineArgs, archive: Path) -> None:
    base_image.ensure()
    nspawn.prepare(args.container, authorized_key="ssh-ed25519 AAAA owner")
    base_image.remove(base_image.location())
    with pytest.raises(MachineFailed, match="base image of machine t-worker is gone"):
        nspawn.mount_root(args.container)


def test_commands_say_what_failed(programs: Path) -> None:
    _program(programs, "breaks", "echo because >&2; exit 3")
    with pytest.raises(MachineFailed, match="ended with 3: because"):
        commands.run(["breaks"])
    assert commands.run(["breaks"], check=False) == ""
    with pytest.raises(MachineFailed, match="not installed"):
        commands.run(["no-such-program-here"])
    with pytest.raises(MachineFailed, match="did not end"):
        commands.run(["sleep", "5"], timeout=0.05)


def test_nspawn_starts_in_its_cgroups_and_comes_back_after_a_reboot(
    programs: Path, args: machine.MachineArgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher: joins each cgroup, and starts nspawn again when it ends with 133."""
    groups = [tmp_path / "cg1", tmp_path / "cg2"]
    for group in groups:
        (group / "kubepods.slice" / "of-the-boot-before").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "make", lambda _: groups)
    monkeypatch.setattr(nspawn, "mount_root", lambda _: None)
    runs, done = tmp_path / "runs", tmp_path / "done"
    os.mkfifo(done)
    _program(
        programs,
        "systemd-nspawn",
        f'echo "$@" >>{runs}; [ $(wc -l <{runs}) -lt 2 ] && exit 133; echo end >{done}; exit 0',
    )
    args.container.folder.mkdir(parents=True)
    nspawn.start(args.container)
    assert done.read_text() == "end\n"
    lines = runs.read_text().splitlines()
    assert len(lines) == 2
    assert "--machine=t-worker" in lines[0]
    assert "--network-bridge=lab-t" in lines[0]
    for group in groups:
        assert (group / "cgroup.procs").read_text().strip().isdigit()
        assert not (group / "kubepods.slice").exists()


def test_prepare_writes_what_the_first_boot_needs(args: machine.MachineArgs) -> None:
    nspawn.prepare(args.container, authorized_key="ssh-ed25519 AAAA owner")
    upper = args.container.folder / "upper"
    assert "Address=10.71.0.11/24" in (upper / "etc/systemd/network/10-host0.network").read_text()
    assert (upper / "etc/hostname").read_text() == "t-worker\n"
    assert stat.S_IMODE((upper / "etc/ssh").stat().st_mode) == 0o755
    assert stat.S_IMODE((upper / "root/.ssh/authorized_keys").stat().st_mode) == 0o600
    assert stat.S_IMODE(args.container.folder.stat().st_mode) == 0o700
    document = json.dumps({"never": "mounted"})
    assert not os.path.ismount(args.container.root), document
