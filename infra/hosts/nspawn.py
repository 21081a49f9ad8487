"""One systemd-nspawn machine: its root, its process, nothing of Pulumi and nothing of Ansible.

Every flag of the command was needed to carry a kubelet; see docs/adr/0008-local-machines.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from infra import paths
from infra.errors import MachineFailed
from infra.hosts import base_image, cgroups, keys, network
from infra.hosts.commands import run

#: Folders that cannot be on an overlay (overlay on overlay fails) or that must be fast.
PLAIN_FOLDERS = ("/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd")
MOUNTS = base_image.MOUNTS
#: By it a machine's root is known among the mounts.
_SOURCE = "lab-"
#: Where a machine finds the lab's cache, read-only.
ARTIFACTS = Path("/var/cache/ai-lab")

_NETWORK = """[Match]
Name=host0

[Network]
Address={address}/{prefix}
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
LLDP=no
"""

_LEGACY_CGROUPS = (
    "--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
    "--setenv=SYSTEMD_PROC_CMDLINE="
    "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0",
)

#: Puts itself into the machine's cgroups (its arguments up to "--"), then runs nspawn, again and
#: again while it ends with 133: so it says that the machine asked for a reboot (--keep-unit).
#: Cgroups of the boot before are swept away: each would hold up the kubelet for three seconds.
_LAUNCH = """
groups=
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; groups="$groups $1"; shift; done; shift
while "$@"; status=$?; [ $status = 133 ]; do
    find $groups -mindepth 1 -depth -type d -exec rmdir {} +
done
exit $status
"""


@dataclass(frozen=True, slots=True)
class Container:
    """What a machine is made of."""

    lab: str
    hostname: str
    address: IPv4Address
    network: IPv4Network
    gateway: IPv4Address
    bridge: str

    @property
    def folder(self) -> Path:
        return paths.Home(self.lab).machines / self.hostname

    @property
    def root(self) -> Path:
        """The merged root file system, mounted while the machine is up."""
        return self.folder / "root"

    @property
    def base(self) -> Path:
        """Link to the base image that the machine was made with: its own files fit no other."""
        return self.folder / "base"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"


def prepare(container: Container, *, authorized_key: str) -> str:
    """Makes the machine's folders and first-boot files; returns its public host key line."""
    folder = container.folder
    for name in ("upper", "work", "root", *(_plain(path) for path in PLAIN_FOLDERS)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    container.base.symlink_to(base_image.location())
    upper = folder / "upper"
    # The folder of the host key is not private, as the key is: everybody's ssh looks there.
    (upper / "etc/ssh").mkdir(parents=True, exist_ok=True)
    host_key = keys.ensure_pair(upper / "etc/ssh/ssh_host_ed25519_key")
    _write(upper / "etc/hostname", f"{container.hostname}\n")
    _write(
        upper / "etc/hosts",
        f"127.0.0.1 localhost\n{container.address} {container.hostname}\n",
    )
    _write(
        upper / "etc/systemd/network/10-host0.network",
        _NETWORK.format(
            address=container.address,
            prefix=container.network.prefixlen,
            gateway=container.gateway,
        ),
    )
    _write(upper / "root/.ssh/authorized_keys", f"{authorized_key}\n", mode=0o600)
    (upper / "root").chmod(0o700)
    (upper / "root/.ssh").chmod(0o700)
    return host_key


def _write(path: Path, content: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)


def _plain(path: str) -> str:
    return "plain" + path.replace("/", "-")


def mount_root(container: Container) -> None:
    """Mounts the overlay over the base image; found mounted is fine."""
    if os.path.ismount(container.root):
        return
    folder = container.folder
    # Machines that were made by an earlier version have no link.
    base = container.base.resolve() if container.base.is_symlink() else base_image.location()
    if not base.is_dir():
        raise MachineFailed(
            f"the base image of machine {container.hostname} is gone ({base}).",
            next_step="`./lab destroy --yes`, then `./lab up`: it makes the machine anew.",
        )
    layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
    source = f"{_SOURCE}{container.hostname}"
    run(["mount", "-t", "overlay", "-o", layers, source, container.root])


def unmount_root(container: Container) -> None:
    while os.path.ismount(container.root):
        run(["umount", container.root])


def start(container: Container) -> None:
    """Boots the machine in the background; it outlives the calling process."""
    mount_root(container)
    folders = cgroups.make(container.hostname)
    paths.cache().mkdir(parents=True, exist_ok=True)
    command = [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        f"--machine={container.hostname}",
        f"--directory={container.root}",
        "--capability=all",
        "--system-call-filter=@mount @keyring @debug bpf perf_event_open",
        "--bind=/dev/kmsg",
        *(["--bind=/dev/fuse"] if Path("/dev/fuse").exists() else []),
        *(f"--bind={container.folder}/{_plain(path)}:{path}" for path in PLAIN_FOLDERS),
        f"--bind-ro={paths.cache()}:{ARTIFACTS}",
        f"--network-bridge={container.bridge}",
        "--console=pipe",
        *(() if cgroups.is_unified() else _LEGACY_CGROUPS),
        "--boot",
    ]
    environment = os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"}
    with container.console.open("ab") as console:
        # setsid forks, so the machine belongs to no process of ours and nobody has to reap it.
        subprocess.run(
            [
                "setsid",
                "--fork",
                "/bin/sh",
                "-c",
                _LAUNCH,
                "sh",
                *map(str, folders),
                "--",
                *command,
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=environment,
            cwd="/",
            check=True,
        )


def is_running(container: Container) -> bool:
    return bool(cgroups.processes(container.hostname)) and container.hostname not in foreign()


def foreign() -> dict[str, Path]:
    """Machines on this host that are of another LAB_HOME: their root, by host name.

    Cgroups and links have the host's name only, so what is called alike must not be taken for
    ours, and least of all be killed.
    """
    found = {}
    for line in MOUNTS.read_text().splitlines():
        fields = line.split()
        point = Path(fields[4])
        kind, source = fields[fields.index("-") + 1 :][:2]
        machine = kind == "overlay" and source.startswith(_SOURCE)
        if machine and not point.is_relative_to(paths.data()):
            found[source.removeprefix(_SOURCE)] = point
    return found


def stop(container: Container) -> None:
    """Kills the machine and takes its mounts and cgroups away; its files stay."""
    cgroups.kill(container.hostname)
    # The kernel takes a dead machine's link away in its own time; the next one needs its name now.
    network.remove_link(f"vb-{container.hostname}")
    unmount_root(container)
    cgroups.remove(container.hostname)
    for name in ("propagate", "unix-export"):
        leftover = Path("/run/systemd/nspawn") / name / container.hostname
        if leftover.is_dir() and not os.path.ismount(leftover):
            shutil.rmtree(leftover)


def remove(container: Container) -> None:
    """Stops the machine and deletes its files."""
    stop(container)
    if container.folder.is_dir():
        shutil.rmtree(container.folder)
