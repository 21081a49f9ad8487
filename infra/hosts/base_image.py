"""The root file system that all local machines share, made by mmdebstrap in about a minute.

It lies in the cache under the digest of its recipe. Machines put an overlay on it, so it is
never written to.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra import paths
from infra.errors import ImageBuildFailed

SUITE = "trixie"
#: What a machine needs to be managed by Ansible and to carry Kubernetes or Vault; the same
#: packages that the roles install on bare metal.
PACKAGES = (
    "auditd",
    "bash-completion",
    "ca-certificates",
    "chrony",
    "conntrack",
    "cryptsetup-bin",
    "dbus",
    "ethtool",
    "iproute2",
    "ipset",
    "iptables",
    "iputils-ping",
    "kmod",
    "logrotate",
    "mount",
    "nftables",
    "openssh-server",
    "openssl",
    "procps",
    "python3",
    "python3-apt",
    "socat",
    "systemd",
    "systemd-sysv",
    "udev",
    "wireguard-tools",
)
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
#: Services that come enabled with their packages and that a role must ask for: chronyd would
#: set the host's clock (a machine shares its kernel), auditd fails without the kernel's audit.
_DISABLED = (
    "chrony.service",
    "auditd.service",
    "audit-rules.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
)
_SETUP = f"""
set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname
: > "$1"/etc/machine-id
: > "$1"/etc/resolv.conf
chroot "$1" systemctl disable --quiet {" ".join(_DISABLED)}
chroot "$1" systemctl enable --quiet systemd-networkd ssh.service
chroot "$1" systemctl mask --quiet systemd-networkd-wait-online.service
"""


def digest() -> str:
    """Hex digest (12 characters) of the recipe; another recipe is another image."""
    recipe = json.dumps([SUITE, PACKAGES, _EXCLUDED, _SETUP])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def location() -> Path:
    return paths.cache() / "images" / f"base-{digest()}"


def ensure(report: Callable[[str], None] = lambda _: None) -> Path:
    """Makes the image unless it is there. `report` is told, once, that it is being made.

    A kill leaves only a temporary folder, which the next call removes.

    Raises:
        ImageBuildFailed: mmdebstrap failed; the message carries its last lines.
    """
    target = location()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        report(f"base image {target.name}: Debian {SUITE}, about a minute")
        for leftover in target.parent.glob("base-tmp.*"):
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix="base-tmp.", dir=target.parent))
        _build(work / "root")
        (work / "root").rename(target)
        work.rmdir()
    return target


def _build(root: Path) -> None:
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        f"--customize-hook={_SETUP}",
        SUITE,
        str(root),
    ]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1767225600"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=900
        )
    except FileNotFoundError as error:
        raise ImageBuildFailed(
            "mmdebstrap is not installed.", next_step="`apt-get install mmdebstrap`."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ImageBuildFailed(
            "mmdebstrap took over 15 minutes.",
            next_step="check that Debian's packages can be fetched, then run `./lab up` again.",
        ) from error
    if done.returncode != 0:
        raise ImageBuildFailed(
            f"mmdebstrap ended with {done.returncode}: {done.stderr.strip()[-800:]}.",
            next_step="check that Debian's packages can be fetched, then run `./lab up` again.",
        )
