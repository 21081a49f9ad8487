"""The root file system that all local machines share, as an archive.

Made by mmdebstrap in about a minute; `infra.hosts.base_image` unpacks it. As an archive it is a
product like the others: checked, logged, and in every mirror.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform

from infra.toolchain.products import Product, Workshop
from infra.toolchain.tarball import EPOCH

NAME = "machine-base"
FILE = "root.tar"
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
    "keepalived",
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
#: What only a machine with the lab's database needs (role postgresql). Local machines cannot fetch
#: it later, because they reach no network, and share one root.
DATABASE_PACKAGES = ("postgresql",)
_EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    # Half of what PostgreSQL brings is a compiler for its queries (LLVM), which the role turns off.
    "/usr/lib/*/libLLVM*",
    "/usr/lib/*/libz3*",
    "/usr/lib/llvm-*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
)
#: Services that come enabled with their packages and that a role must ask for: chronyd would
#: set the host's clock (a machine shares its kernel), auditd fails without the kernel's audit.
_DISABLED = (
    "chrony.service",
    "auditd.service",
    "audit-rules.service",
    "keepalived.service",
    "postgresql.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
)
#: Before anything is unpacked: no machine has a database that it was not given.
_BEFORE = """
set -e
mkdir -p "$1"/etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" >"$1"/etc/postgresql-common/createcluster.d/ai-lab.conf
"""
_SETUP = f"""
set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname
: > "$1"/etc/machine-id
: > "$1"/etc/resolv.conf
chroot "$1" systemctl disable --quiet {" ".join(_DISABLED)}
chroot "$1" systemctl enable --quiet systemd-networkd ssh.service
chroot "$1" systemctl mask --quiet systemd-networkd-wait-online.service postgresql.service
"""


def recipe() -> str:
    """Hex digest of what the root file system is made from."""
    made_of = [SUITE, PACKAGES, DATABASE_PACKAGES, _EXCLUDED, _BEFORE, _SETUP]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def product() -> Product:
    """The archive as something that the toolchain makes."""
    return Product(
        group="machines",
        name=NAME,
        version=SUITE,
        digest=hashlib.sha256(f"{recipe()} {platform.machine()}".encode()).hexdigest(),
        files=(FILE,),
        make=_make,
    )


def _make(shop: Workshop) -> None:
    shop.run(
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={','.join((*PACKAGES, *DATABASE_PACKAGES))}",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
            f"--setup-hook={_BEFORE}",
            f"--customize-hook={_SETUP}",
            SUITE,
            str(shop.out / FILE),
        ],
        environment=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"},
    )
