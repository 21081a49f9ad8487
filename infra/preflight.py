"""Looks at the host before anything is made on it. Nothing here changes anything.

Each check gives one finding: fine, a fault (with the error that `lab up` stops with), or a
warning about something that the lab can do without.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra import config, naming, paths, toolchain
from infra.config import LocalLab
from infra.errors import (
    AddressTaken,
    AnotherLabUp,
    HostUnfit,
    LabError,
    MissingPackage,
    NoSpace,
    NotRoot,
)
from infra.hosts import cleanup, network
from infra.toolchain import gobuild, machine_base

GIB = 1024**3
#: Disk (bytes) that a lab needs in its own folder, and the cache with everything built.
LAB_DISK = 6 * GIB
#: What one that is up may still need.
LAB_DISK_MORE = 1 * GIB
#: What building all tools takes on top, Go's own caches included.
BUILD_DISK = 24 * GIB
#: Memory that must be free: the lab itself (2.5 GiB) and the programs that set it up.
LAB_MEMORY = 4 * GIB
GO_LEAST = (1, 26)
#: File systems of the kernel without which a machine of the lab cannot carry a kubelet.
FILE_SYSTEMS = ("overlay", "bpf", "tmpfs", "cgroup")
#: systemd, containerd and the kubelet of three machines watch many files, all as root.
INOTIFY_INSTANCES = 256
_LOADED = Path("/sys/module")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw. `error` is set for a fault; `advice` for a warning."""

    check: str
    message: str
    error: LabError | None = None
    advice: str = ""

    @property
    def outcome(self) -> str:
        """`ok`, `warning` or `fault`."""
        if self.error is not None:
            return "fault"
        return "warning" if self.advice else "ok"

    def as_dict(self) -> dict[str, str]:
        document = {"check": self.check, "outcome": self.outcome, "message": self.message}
        if self.error is not None:
            document |= {"code": self.error.code, "next_step": self.error.next_step}
        elif self.advice:
            document["next_step"] = self.advice
        return document


def _fault(check: str, error: LabError) -> Finding:
    return Finding(check, error.message, error=error)


def examine(stack: str) -> list[Finding]:
    """All findings about this host for one stack, the ones that explain others first."""
    findings = [root(), _folders(), *_packages()]
    try:
        lab = config.load_local(stack)
    except LabError as error:
        return [*findings, _fault("configuration", error)]
    findings.append(Finding("configuration", f"stack {stack} describes lab {lab.name}"))
    missing = toolchain.missing()
    compiled = [name for name in missing if name != machine_base.NAME]
    findings += [_go(compiled), _disk(lab, compiled), _memory(lab), *_kernel(), _inotify()]
    if shutil.which("ip"):
        findings += [_another_lab(lab), _addresses(lab)]
    return findings


def require(stack: str) -> list[Finding]:
    """Stops at the first fault, with its error; returns the warnings.

    Raises:
        LabError: the subclass says which check failed.
    """
    findings = examine(stack)
    for finding in findings:
        if finding.error is not None:
            raise finding.error
    return [finding for finding in findings if finding.outcome == "warning"]


def root() -> Finding:
    """Whether this process may make machines."""
    if os.geteuid() == 0:
        return Finding("root", "running as root")
    error = NotRoot(
        "machines, mounts and links can only be made by root.",
        next_step="run the same command with sudo, or in a root shell.",
    )
    return _fault("root", error)


def _folders() -> Finding:
    """Whether the lab's folders have names that mounts, binds and search paths can carry."""
    odd = [
        str(folder)
        for folder in (paths.data(), paths.cache())
        if not re.fullmatch(r"[A-Za-z0-9/._+@-]+", str(folder))
    ]
    if not odd:
        return Finding("folders", f"{paths.data()} and {paths.cache()}")
    error = HostUnfit(
        f"{', '.join(odd)} has characters that mean something else in mounts and search paths.",
        next_step="set LAB_HOME and LAB_CACHE to folders of letters, digits and ._+@- only.",
    )
    return _fault("folders", error)


def debian_packages() -> list[str]:
    """Packages that the host needs, from toolchain/debian-packages.txt."""
    lines = (paths.REPOSITORY / "toolchain" / "debian-packages.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def _packages() -> Iterator[Finding]:
    if shutil.which("dpkg-query") is None:
        yield _fault(
            "packages",
            HostUnfit(
                "this is not a Debian system (dpkg-query is missing).",
                next_step="use Debian 12 or 13, or a machine made from it.",
            ),
        )
        return
    wanted = debian_packages()
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[1] for line in shown.splitlines() if line.startswith("installed ")}
    missing = [package for package in wanted if package not in installed]
    if missing:
        error = MissingPackage(
            f"Debian packages are missing: {' '.join(missing)}.",
            next_step=f"`./lab up --yes` installs them; or: apt-get install {' '.join(missing)}",
        )
        yield _fault("packages", error)
    else:
        yield Finding("packages", f"all {len(wanted)} Debian packages are installed")


def _go(missing: list[str]) -> Finding:
    if not missing:
        return Finding("go", "not needed: every tool is there")
    found = gobuild.go_version()
    if found and tuple(map(int, found.split("."))) >= GO_LEAST:
        return Finding("go", f"Go {found} builds {len(missing)} tools")
    least = ".".join(map(str, GO_LEAST))
    seen = f"Go {found}" if found else "no Go"
    error = HostUnfit(
        f"{len(missing)} tools are still to be built, which takes Go >= {least}; there is {seen}.",
        next_step=f"install Go {least} or later and put it on PATH (Debian 12's own is older), or "
        "set LAB_MIRROR to a folder made with `lab toolchain export`.",
    )
    return _fault("go", error)


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _disk(lab: LocalLab, missing: list[str]) -> Finding:
    own = LAB_DISK_MORE if lab.name in cleanup.running_labs() else LAB_DISK
    wanted: dict[int, tuple[Path, int]] = {}
    for folder, size in ((paths.data(), own), (paths.cache(), BUILD_DISK if missing else 0)):
        place = _existing(folder)
        device = place.stat().st_dev
        wanted[device] = (place, wanted.get(device, (place, 0))[1] + size)
    for place, size in wanted.values():
        free = shutil.disk_usage(place).free
        if free < size:
            error = NoSpace(
                f"{place} has {free / GIB:.1f} GiB free; {size / GIB:.0f} GiB are needed.",
                next_step="free some space, or set LAB_HOME and LAB_CACHE to a larger disk.",
            )
            return _fault("disk", error)
    return Finding("disk", "there is enough free disk")


def _memory(lab: LocalLab) -> Finding:
    text = Path("/proc/meminfo").read_text()
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    free = int(match[1]) * 1024 if match else 0
    if lab.name in cleanup.running_labs():
        return Finding("memory", "this lab is up already")
    if free < LAB_MEMORY:
        error = NoSpace(
            f"{free / GIB:.1f} GiB of memory are free; {LAB_MEMORY / GIB:.0f} GiB are needed.",
            next_step="end other programs, or use a machine with more memory.",
        )
        return _fault("memory", error)
    return Finding("memory", f"{free / GIB:.1f} GiB of memory are free")


def _kernel() -> Iterator[Finding]:
    known = set(Path("/proc/filesystems").read_text().split())
    absent = [name for name in FILE_SYSTEMS if name not in known and not _loadable(name)]
    if absent:
        error = HostUnfit(
            f"the kernel lacks {', '.join(absent)}.",
            next_step="use a kernel of Debian 12 or later.",
        )
        yield _fault("kernel", error)
    else:
        yield Finding("kernel", f"the kernel has {', '.join(FILE_SYSTEMS)}")
    for name, module, use in (
        ("device mapper", "dm_crypt", "disk encryption"),
        ("WireGuard", "wireguard", "encryption between nodes"),
    ):
        if (_LOADED / module).exists() or _loadable(module):
            yield Finding(module, f"the kernel has {name}")
        else:
            yield Finding(
                module,
                f"the kernel has no {module}",
                advice=f"{use} will be recorded as not applied; another kernel would have it.",
            )


def _loadable(module: str) -> bool:
    program = shutil.which("modprobe")
    if program is None:
        return False
    done = subprocess.run([program, "--dry-run", "--quiet", module], check=False)
    return done.returncode == 0


def _inotify() -> Finding:
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    if limit >= INOTIFY_INSTANCES:
        return Finding("inotify", f"{limit} inotify instances a user")
    return Finding(
        "inotify",
        f"only {limit} inotify instances a user",
        advice=f"if machines stall: sysctl fs.inotify.max_user_instances={INOTIFY_INSTANCES}",
    )


def _another_lab(lab: LocalLab) -> Finding:
    elsewhere = cleanup.elsewhere()
    if elsewhere:
        error = AnotherLabUp(
            f"a lab of another LAB_HOME is up on this host: {', '.join(elsewhere)}.",
            next_step="remove it first: `./lab destroy --yes` with its own LAB_HOME and stack.",
        )
        return _fault("other labs", error)
    others = cleanup.running_labs() - {lab.name}
    bridge = naming.bridge(lab.name)
    used = [link for link in network.bridges("lab-") if link != bridge and network.ports(link)]
    if not others and not used:
        return Finding("other labs", "no other lab is up")
    name = ", ".join(sorted(others)) or ", ".join(used)
    error = AnotherLabUp(
        f"another lab is up on this host: {name}.",
        next_step="remove it first: `./lab destroy --yes --stack THAT-STACK`.",
    )
    return _fault("other labs", error)


def _addresses(lab: LocalLab) -> Finding:
    overlaps = network.taken(lab.network.machines, own_bridge=naming.bridge(lab.name))
    if overlaps:
        error = AddressTaken(
            f"{lab.network.machines} is in use on this host: {'; '.join(overlaps)}.",
            next_step="choose another network.machines in the stack's configuration.",
        )
        return _fault("addresses", error)
    return Finding("addresses", f"{lab.network.machines} is free on this host")
