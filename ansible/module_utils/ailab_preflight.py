"""The checks of the preflight play, each a function that only looks and yields faults."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from ansible.module_utils.ailab_kernel import features
from ansible.module_utils.ailab_system import attempt

MEBIBYTE = 1024 * 1024


class Fault(NamedTuple):
    """Something that would make the lab fail later: what it is, and what to do about it."""

    check: str
    message: str
    next_step: str


def operating_system(allowed: Iterable[str]) -> Iterator[Fault]:
    """`allowed` holds "ID VERSION_ID" as in os-release(5)."""
    values = platform.freedesktop_os_release()
    found = f"{values.get('ID', '?')} {values.get('VERSION_ID', '?')}"
    if found not in set(allowed):
        yield Fault(
            "operating-system",
            f"runs {found}",
            f"install one of: {', '.join(allowed)}",
        )
    if platform.machine() != "x86_64":
        yield Fault(
            "architecture",
            f"is a {platform.machine()} machine",
            "the lab's programs are built for x86_64; use such a machine",
        )


def kernel(needed: Iterable[str], least: str) -> Iterator[Fault]:
    """`needed` names kernel features; `least` is the oldest version, such as "5.10"."""
    release = os.uname().release
    if version(release) < version(least):
        yield Fault("kernel-version", f"runs kernel {release}", f"boot kernel {least} or newer")
    found = features()
    for name in needed:
        if not found[name]:
            yield Fault(
                f"kernel-{name}",
                f"has a kernel without {name}",
                "boot Debian's own kernel (linux-image-amd64)",
            )


def version(text: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    major, minor = text.split(".")[:2]
    return int(major), int("".join(letter for letter in minor if letter.isdigit()) or 0)


def memory(least_mib: int) -> Iterator[Fault]:
    """Total memory, MiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            total = int(line.split()[1]) // 1024
            if total < least_mib:
                yield Fault(
                    "memory", f"has {total} MiB of memory", f"give it at least {least_mib} MiB"
                )


def disk(folder: str, least_mib: int) -> Iterator[Fault]:
    """Free space for `folder`, or for the nearest folder above it that exists, MiB."""
    place = Path(folder)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // MEBIBYTE
    if free < least_mib:
        yield Fault(
            "disk",
            f"has {free} MiB free for {folder}",
            f"free at least {least_mib} MiB there",
        )


def commands(names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        if shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin") is None:
            yield Fault("command", f"lacks the command {name}", "install its Debian package")


def ports(numbers: Iterable[int], ours: Iterable[str]) -> Iterator[Fault]:
    """TCP ports that something listens on; a program named in `ours` is the lab itself."""
    own = set(ours)
    for number, program in sorted(listeners().items()):
        if number in set(numbers) and program not in own:
            yield Fault(
                "port", f"has TCP port {number} taken by {program}", f"stop {program} there"
            )


def listeners() -> dict[int, str]:
    """Listening TCP ports and the program that holds each ("unknown" if it cannot be told)."""
    holders = socket_holders()
    found: dict[int, str] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A":
                port = int(columns[1].rsplit(":", 1)[1], 16)
                found.setdefault(port, holders.get(columns[9], "unknown"))
    return found


def socket_holders() -> dict[str, str]:
    """Program names by the inode of the sockets they hold open."""
    holders: dict[str, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program = (process / "comm").read_text().strip()
            for handle in (process / "fd").iterdir():
                target = str(handle.readlink())
                if target.startswith("socket:["):
                    holders[target[8:-1]] = program
        except OSError:
            continue  # the process has ended since
    return holders


def address(wanted: str) -> Iterator[Fault]:
    """The machine must carry the address by which the others will reach it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((wanted, 0))
        except OSError:
            yield Fault(
                "address",
                f"does not carry the address {wanted}",
                "correct lab_address in the inventory, or the machine's network",
            )


def administration(sources: Iterable[str]) -> Iterator[Fault]:
    """The firewall must not shut out whoever sets it up (the client of this SSH connection)."""
    client = os.environ.get("SSH_CONNECTION", "").split(" ")[0]
    if client and not any(ip_address(client) in ip_network(source) for source in sources):
        yield Fault(
            "administration",
            f"would shut out {client}, from where it is administered",
            "add that address to base_administration_sources in the inventory",
        )


def host_name(wanted: str) -> Iterator[Fault]:
    found = socket.gethostname()
    if found != wanted:
        yield Fault(
            "host-name",
            f"calls itself {found}",
            f"`hostnamectl set-hostname {wanted}`, or use {found} in the inventory",
        )


def swap(own_kernel: bool) -> Iterator[Fault]:
    """A kubelet refuses swap; a machine that shares its kernel sees the swap of others."""
    if own_kernel and len(Path("/proc/swaps").read_text().splitlines()) > 1:
        yield Fault("swap", "has swap on", "`swapoff --all` and take it out of /etc/fstab")


def name_servers() -> Iterator[Fault]:
    """Every listed name server must answer: each dead one costs the kubelet 10 s a look-up."""
    path = Path("/etc/resolv.conf")
    text = path.read_text() if path.exists() else ""
    servers = [
        line.split()[1]
        for line in text.splitlines()
        if line.startswith("nameserver") and len(line.split()) > 1
    ]
    with ThreadPoolExecutor() as pool:
        for server, answers in zip(servers, pool.map(answers_dns, servers), strict=True):
            if not answers:
                yield Fault(
                    "name-server",
                    f"has a name server that does not answer ({server})",
                    "take it out of /etc/resolv.conf or set base_name_servers",
                )


def answers_dns(server: str, timeout: float = 3) -> bool:
    """Whether a name server answers a question about the root."""
    question = b"\x1a\xb0\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(timeout)
        try:
            probe.sendto(question, (server, 53))
            return probe.recv(512)[:2] == question[:2]
        except OSError:
            return False


def peers(addresses: Iterable[str]) -> Iterator[Fault]:
    """Every other machine must be reachable from this one, whatever its firewall lets in."""
    targets = list(addresses)
    with ThreadPoolExecutor(max_workers=16) as pool:
        for target, reached in zip(targets, pool.map(reaches, targets), strict=True):
            if not reached:
                yield Fault(
                    "reachability",
                    f"does not reach {target} (ICMP echo)",
                    "correct routes and firewalls between the machines",
                )


def reaches(target: str) -> bool:
    """Whether a machine answers at least one of three pings."""
    return attempt(["ping", "-q", "-c", "3", "-i", "0.2", "-W", "2", target], 20).status == 0


def clock(own_kernel: bool) -> Iterator[Fault]:
    """A machine that owns its clock must keep it by a time service."""
    if not own_kernel or shutil.which("timedatectl") is None:
        return
    shown = attempt(["timedatectl", "show", "--property=NTP", "--value"], timeout=10)
    services = attempt(["systemctl", "is-active", "chrony", "systemd-timesyncd"], timeout=10)
    if shown.output.strip() != "yes" and "active" not in services.output.split():
        yield Fault(
            "time",
            "does not keep its clock by a time service",
            "install chrony; the role base then configures it (base_time_servers)",
        )


def identity() -> dict[str, str | float]:
    """What must differ between machines, and the clock (seconds since 1970), which must not."""
    product = Path("/sys/class/dmi/id/product_uuid")
    machine = Path("/etc/machine-id")
    return {
        "hostname": socket.gethostname(),
        "machine_id": machine.read_text().strip() if machine.exists() else "",
        "product_uuid": product.read_text().strip() if product.exists() else "",
        "time": time.time(),
    }
