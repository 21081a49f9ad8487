"""A machine with a kernel of its own, emulated by QEMU: boot, reboot, wire tap, end.

Emulated (TCG), because no hardware virtualisation can be counted on. It has two network cards:
one by which this host, and nothing else, reaches its SSH port, and one on a wire that all machines
of a group share and that can be listened to. Nothing of it reaches any other network.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from infra.hosts import commands, keys
from infra.hosts.playbooks import Host
from tests.harness.qemu import qmp
from tests.harness.qemu.image import Image, seed

#: QEMU's user network: the machine's address on it, and the one that this host appears under.
_ADMINISTERED = "10.0.2.15/24"
ADMINISTRATOR = "10.0.2.2"
#: The disk that a role may encrypt, as the machine sees it.
DATA_DISK = "/dev/disk/by-id/virtio-data"
_DATA_SIZE = 256 * 1024**2
#: Seconds. A boot takes 30 on an idle host; others may keep this one busy.
BOOT = 600

#: An emulated machine that its busy host forgets for a minute must not take that for a fault.
_PATIENCE = f"no_timer_check systemd.default_device_timeout_sec={BOOT}"

_NETWORK = """[Match]
MACAddress={mac}

[Network]
Address={address}
LinkLocalAddressing=no
IPv6AcceptRA=no
LLDP=no
"""


@dataclass(frozen=True, slots=True)
class Wire:
    """What the second cards of a group of machines are plugged into: a multicast group on the
    loopback device, so that it needs no rights and ends with the machines."""

    port: int

    @classmethod
    def free(cls) -> Wire:
        return cls(free_port(socket.SOCK_DGRAM))

    @property
    def netdev(self) -> str:
        return f"socket,id=wire,mcast=230.0.0.1:{self.port},localaddr=127.0.0.1"


def free_port(kind: socket.SocketKind) -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Machine:
    """One machine; `folder` holds its disks, its console's log and its control socket."""

    name: str
    address: IPv4Interface
    number: int
    folder: Path
    image: Image
    wire: Wire
    memory_mib: int = 768
    port: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    _process: subprocess.Popen[bytes] | None = None
    _host_key: str = ""

    @property
    def root_disk(self) -> Path:
        """What the machine wrote over the image (qcow2: whole clusters, as they were written)."""
        return self.folder / "root.qcow2"

    @property
    def data_disk(self) -> Path:
        return self.folder / "data.raw"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def _control(self) -> Path:
        return self.folder / "qmp"

    def prepare(self, *, key: Path) -> str:
        """Makes the disks; returns the line of known_hosts by which the machine is recognised.

        Args:
            key: private SSH key of the administrator; made unless it is there.
        """
        self.folder.mkdir(mode=0o700)
        own = self.folder / "seed"
        self._host_key = keys.ensure_pair(own / "etc/ssh/ssh_host_ed25519_key")
        files = {
            "etc/hostname": f"{self.name}\n",
            "etc/hosts": f"127.0.0.1 localhost\n{self.address.ip} {self.name}\n",
            "etc/systemd/network/10-administration.network": _NETWORK.format(
                mac=self._mac(0), address=_ADMINISTERED
            ),
            "etc/systemd/network/10-wire.network": _NETWORK.format(
                mac=self._mac(1), address=self.address
            ),
            "root/.ssh/authorized_keys": f"{keys.ensure_pair(key)}\n",
        }
        for path, content in files.items():
            (own / path).parent.mkdir(parents=True, exist_ok=True)
            (own / path).write_text(content)
        for path in ("root", "root/.ssh"):
            (own / path).chmod(0o700)
        seed(own, self.folder / "seed.ext4")
        overlay = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw")
        commands.run([*overlay, "-b", self.image.disk, self.root_disk])
        with self.data_disk.open("wb") as disk:
            disk.truncate(_DATA_SIZE)
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text(line := f"[127.0.0.1]:{self.port} {self._host_key}\n")
        self.ssh_config.write_text(self._ssh_settings(key, known_hosts))
        return line

    def _mac(self, card: int) -> str:
        return f"52:54:00:00:{card:02x}:{self.number:02x}"

    def _ssh_settings(self, key: Path, known_hosts: Path) -> str:
        return (
            f"Host {self.name}\n HostName 127.0.0.1\n Port {self.port}\n User root\n"
            f" IdentityFile {key}\n IdentitiesOnly yes\n UserKnownHostsFile {known_hosts}\n"
            " StrictHostKeyChecking yes\n BatchMode yes\n ConnectTimeout 60\n"
            " ServerAliveInterval 15\n ServerAliveCountMax 8\n"
            f" ControlMaster auto\n ControlPersist 60\n ControlPath {self.folder}/ssh\n"
        )

    def host(self, *groups: str, **variables: object) -> Host:
        """The machine as playbooks know it."""
        return Host(
            self.name,
            "127.0.0.1",
            groups,
            {
                "ansible_port": self.port,
                # An emulated processor of a busy host starts Python when it can.
                "ansible_timeout": BOOT,
                "ansible_ssh_timeout": BOOT,
                "lab_address": str(self.address.ip),
                **variables,
            },
        )

    def start(self) -> None:
        """Switches the machine on; `wait` says when it is up. It ends with this process."""
        drives = (
            f"file={self.root_disk},format=qcow2,id=root",
            f"file={self.folder}/seed.ext4,format=raw,id=seed,readonly=on",
            f"file={self.data_disk},format=raw,id=data",
        )
        command = [
            *("setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "5", "qemu-system-x86_64"),
            *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
            *("-m", str(self.memory_mib), "-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
            *("-append", f"root=/dev/vda rw console=ttyS0 quiet {_PATIENCE}"),
            *("-serial", f"file:{self.console}", "-qmp", f"unix:{self._control},server,wait=off"),
            *("-device", "virtio-rng-pci"),
            *(word for drive in drives for word in ("-drive", f"if=none,{drive}")),
            *(word for name in ("root", "seed", "data")
              for word in ("-device", f"virtio-blk-pci,drive={name},serial={name}")),
            *("-netdev", f"user,id=ssh,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-netdev", self.wire.netdev),
            *(word for card, name in enumerate(("ssh", "wire"))
              for word in ("-device", f"virtio-net-pci,netdev={name},mac={self._mac(card)}")),
        ]  # fmt: skip
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, *, timeout: float = BOOT) -> None:
        """Waits until the machine can be logged in to.

        Raises:
            AssertionError: it cannot within so many seconds; the message carries its last lines.
        """
        self.until("echo up", lambda printed: "up" in printed, within=timeout)

    @property
    def told(self) -> str:
        """The last that the machine and QEMU said."""
        logs = (self.console, self.folder / "qemu.log")
        texts = [log.read_text(errors="replace") for log in logs if log.exists()]
        return "\n".join(text[-1500:] for text in texts)

    def run(self, script: str, *, stdin: str = "", check: bool = True, timeout: float = 300) -> str:
        """Runs a shell script on the machine and returns what it printed.

        Raises:
            AssertionError: with `check`, it ended with another status than 0.
            TimeoutExpired: it did not end within `timeout` seconds.
        """
        done = subprocess.run(
            ["ssh", "-F", self.ssh_config, self.name, script],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, (
            f"`{script}` on {self.name} ended with {done.returncode}: "
            f"{done.stdout[-500:]}{done.stderr[-1000:]}"
        )
        return done.stdout

    def until(self, script: str, holds: Callable[[str], bool], *, within: float = BOOT) -> str:
        """Runs a script until what it prints is as wanted, and returns that.

        Raises:
            AssertionError: it was not within so many seconds; the message says what it was.
        """
        try:
            return Retrying(
                retry=retry_if_result(lambda printed: not holds(printed)),
                stop=stop_after_delay(within),
                wait=wait_fixed(1),
            )(self.run, script, check=False)
        except RetryError as error:
            last = error.last_attempt.result()
            raise AssertionError(
                f"{self.name}: `{script}` still prints {last!r} after {within:.0f} s\n{self.told}"
            ) from error

    def reboot(self) -> None:
        """Reboots the machine in good order and waits until SSH answers in the new boot.

        QEMU ends with the old boot and is started anew, so no connection outlives it.
        """
        assert self._process is not None, f"{self.name} is not on"
        self.run("systemctl reboot", check=False)
        self.hang_up()
        self._process.wait(timeout=BOOT)
        self.start()
        self.wait()

    def hang_up(self) -> None:
        """Closes the shared SSH connection, if there is one."""
        subprocess.run(
            ["ssh", "-F", self.ssh_config, "-O", "exit", self.name],
            capture_output=True,
            check=False,
        )

    @contextmanager
    def tapped(self, file: Path) -> Iterator[None]:
        """Writes every frame that this machine's card on the wire carries into a pcap file."""
        tap = {"qom-type": "filter-dump", "id": "tap", "netdev": "wire", "file": str(file)}
        with qmp.session(self._control) as control:
            control.ask("object-add", **tap)
        try:
            yield
        finally:
            with qmp.session(self._control) as control:
                control.ask("object-del", id="tap")

    def stop(self) -> None:
        """Switches the machine off, if it is on; its disks stay."""
        if self._process is None:
            return
        self.hang_up()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, 9)
                self._process.wait()
        self._process = None
