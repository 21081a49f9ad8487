"""The disk that QEMU machines start from: Debian with a kernel of its own, made by mmdebstrap.

It lies in the cache under the digest of its recipe. Machines write to overlays, never to it.
What makes one machine differ from another (name, addresses, keys) comes on a small second disk,
which is copied over the root file system before the network is set up.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra import paths
from infra.errors import ImageBuildFailed, MachineFailed
from infra.hosts import base_image, commands

#: The oldest Debian that the roles support; local machines run the newest.
SUITE = "bookworm"
#: What the roles install on bare metal, so that no machine has to reach a package registry.
PACKAGES = (
    *base_image.PACKAGES,
    "clevis",
    "clevis-luks",
    "clevis-systemd",
    "cryptsetup",
    "e2fsprogs",
    "initramfs-tools",
    "linux-image-cloud-amd64",
    "tang",
)
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
#: A small initial RAM disk: unpacking the usual one takes an emulated processor half a minute.
_DRIVERS = ("ext4", "virtio_blk", "virtio_pci")
#: Services that come enabled with their packages; a role must ask for them.
_DISABLED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "auditd.service",
    "chrony.service",
    "clevis-luks-askpass.path",
    "tangd.socket",
)
_SEED_UNIT = """[Unit]
Description=What is this machine's own
DefaultDependencies=no
Requires=dev-disk-by\\x2dlabel-seed.device
After=dev-disk-by\\x2dlabel-seed.device systemd-remount-fs.service
Before=sysinit.target systemd-networkd.service
Conflicts=shutdown.target
# Once: what roles changed later stays.
ConditionPathExists=!/var/lib/seeded

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount -o ro LABEL=seed /mnt
ExecStart=cp -a /mnt/. /
ExecStart=umount /mnt
ExecStart=touch /var/lib/seeded
ExecStart=hostname -F /etc/hostname

[Install]
WantedBy=sysinit.target
"""
_BEFORE_INSTALL = f"""
set -e
mkdir -p "$1"/etc/initramfs-tools/conf.d "$1"/usr/share/initramfs-tools/modules.d
echo MODULES=list >"$1"/etc/initramfs-tools/conf.d/ai-lab.conf
printf '%s\\n' {" ".join(_DRIVERS)} >"$1"/usr/share/initramfs-tools/modules.d/ai-lab
"""
_AFTER_INSTALL = f"""
set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/lib/tang/*
: > "$1"/etc/machine-id
: > "$1"/etc/resolv.conf
echo 'LABEL=root / ext4 defaults 0 1' > "$1"/etc/fstab
cat > "$1"/etc/systemd/system/seed.service <<'SEED_UNIT'
{_SEED_UNIT}SEED_UNIT
chroot "$1" systemctl disable --quiet {" ".join(_DISABLED)}
chroot "$1" systemctl enable --quiet systemd-networkd ssh.service seed.service
chroot "$1" systemctl mask --quiet systemd-networkd-wait-online.service
"""
#: Bytes of the root file system; the file is sparse.
_SIZE = 3 * 1024**3
_UUID = "6f1d7a52-9f0b-4c39-8d27-2b1f1f3a5c10"
_EPOCH = "1767225600"


@dataclass(frozen=True, slots=True)
class Image:
    """A root disk (raw ext4, no partitions) with the kernel and initial RAM disk to start it."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def digest() -> str:
    """Hex digest (12 characters) of the recipe; another recipe is another image."""
    recipe = [SUITE, PACKAGES, _EXCLUDED, _BEFORE_INSTALL, _AFTER_INSTALL, _SIZE, _UUID, _EPOCH]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def ensure(report: Callable[[str], None] = lambda _: None) -> Image:
    """Makes the image unless it is there. `report` is told, once, that it is being made.

    A kill leaves only a temporary folder, which the next call removes.

    Raises:
        ImageBuildFailed: mmdebstrap or mke2fs failed; the message carries the last lines.
    """
    images = paths.cache() / "images"
    target = images / f"qemu-{SUITE}-{digest()}"
    images.mkdir(parents=True, exist_ok=True)
    with (images / "qemu.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return Image(target)
        report(f"image {target.name}: Debian {SUITE} with a kernel, about two minutes")
        for leftover in images.glob("qemu-tmp.*"):
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix="qemu-tmp.", dir=images))
        try:
            _build(work / "root", work / "image")
            (work / "image").rename(target)
        finally:
            shutil.rmtree(work)
    return Image(target)


def _build(root: Path, out: Path) -> None:
    out.mkdir()
    image = Image(out)
    # commands.run hands on this process's environment.
    _run(
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        f"--essential-hook={_BEFORE_INSTALL}",
        f"--customize-hook={_AFTER_INSTALL}",
        SUITE,
        str(root),
    )
    for source, target in (("vmlinuz-*", image.kernel), ("initrd.img-*", image.initrd)):
        shutil.copyfile(next((root / "boot").glob(source)), target)
    with image.disk.open("wb") as disk:
        disk.truncate(_SIZE)
    _run(
        *("mke2fs", "-q", "-t", "ext4", "-L", "root", "-U", _UUID),
        *("-E", f"hash_seed={_UUID},root_owner=0:0", "-d", str(root), str(image.disk)),
    )


def _run(*command: str) -> None:
    # The same input gives the same output: no times of this run in it.
    times = {"SOURCE_DATE_EPOCH": _EPOCH, "E2FSPROGS_FAKE_TIME": _EPOCH}
    try:
        commands.run(["env", *(f"{k}={v}" for k, v in times.items()), *command], timeout=1200)
    except MachineFailed as error:
        raise ImageBuildFailed(
            f"{command[0]}: {error.message[-1200:]}",
            next_step="check that Debian's packages can be fetched, then run the tests again.",
        ) from error


def seed(folder: Path, disk: Path) -> None:
    """Makes the disk with a machine's own files, laid out as below `/`."""
    with disk.open("wb") as file:
        file.truncate(4 * 1024**2)
    # As root's own, whoever made the files.
    commands.run(
        ["mke2fs", "-q", "-t", "ext4", "-L", "seed", "-E", "root_owner=0:0", "-d", folder, disk]
    )
    disk.chmod(0o600)
