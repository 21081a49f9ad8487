"""A site of one's own for the long proofs: machines that are there before the lab is.

They are systemd-nspawn containers made as the local ground makes them, but the lab knows them only
as an inventory: names, addresses, SSH. The site also has what an institution would have: a key
service (another Vault, whose transit engine opens the lab's) and a key pair for copies.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import yaml

from infra import config, paths, toolchain
from infra.config import OnPremLab
from infra.engine import Operation, Result, Stack
from infra.engine.target import Target
from infra.hosts import base_image, cleanup, machine, nspawn, ssh
from infra.hosts.machine import MachineArgs
from tests.harness.vault_role import unseal
from tests.harness.vault_server import VaultServer, running

LAB = "ha"
NETWORK = IPv4Network("10.81.0.0/24")
#: The addresses that control planes and machines of Vault share.
ENDPOINT = "10.81.0.5"
VAULT_ENDPOINT = "10.81.0.6"
_FIRST = {"control-plane": 10, "worker": 20, "vault": 30}
_SEAL_KEY = "lab-ha"
_SEAL_RULES = f"""
path "transit/encrypt/{_SEAL_KEY}" {{ capabilities = ["update"] }}
path "transit/decrypt/{_SEAL_KEY}" {{ capabilities = ["update"] }}
"""


@dataclass(slots=True)
class Site:
    """The machines, and the lab on them."""

    folder: Path
    machines: dict[str, MachineArgs]
    lab: OnPremLab
    stack_file: Path

    @property
    def home(self) -> paths.Home:
        return paths.Home(LAB)

    @property
    def target(self) -> Target:
        return Target("onprem", self.stack_file, self.lab, self.home)

    def up(self) -> Result:
        """`pulumi up` of the on-prem stack, by the real engine and the lab's own provider."""
        driver = Stack(self.target.stack, target=self.target)
        driver.ensure()
        return driver.run(Operation.UP)

    def run(self, name: str, command: str, *, check: bool = True) -> str:
        """A shell command on a machine, as root; its output."""
        address = self.machines[name].address
        done = subprocess.run(
            [*ssh.command(self.home, address), command],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{name}: {command}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def kill(self, name: str) -> None:
        """The machine loses its power: every process of it ends at once."""
        nspawn.stop(self.machines[name].container)

    def start(self, name: str) -> None:
        machine.start(self.machines[name], timeout=180)


def _args(name: str, role: str, number: int) -> MachineArgs:
    address = IPv4Address(int(NETWORK.network_address) + _FIRST[role] + number)
    return MachineArgs(lab=LAB, name=name, role=role, address=address, network=NETWORK)


def _document(machines: dict[str, MachineArgs], seal: VaultServer, folder: Path) -> dict[str, Any]:
    home = paths.Home(LAB)
    return {
        "name": LAB,
        "ground": "onprem",
        "network": {"machines": str(NETWORK), "pods": "10.82.0.0/16", "services": "10.83.0.0/16"},
        "machines": [
            {"name": args.name, "role": args.role, "address": str(args.address)}
            for args in machines.values()
        ],
        "ssh": {"private_key": str(home.ssh_key), "known_hosts": str(home.known_hosts)},
        "controller": str(NETWORK[1]),
        "kubernetes_endpoint": {"address": ENDPOINT, "router": 81},
        "vault_endpoint": {"address": VAULT_ENDPOINT, "router": 82},
        "artifacts": str(nspawn.ARTIFACTS),
        "time_servers": ["ntp.example.org"],
        "backup": {"recipient": str(folder / "backup.crt"), "keep": 2},
        "vault": {
            "seal": "transit",
            "seal_settings": {
                "address": seal.address,
                "key_name": _SEAL_KEY,
                "mount_path": "transit/",
            },
            "seal_environment": str(folder / "seal.env"),
            "seal_ca": str(seal.ca),
        },
    }


def _is_active(vault: unseal.Vault) -> bool:
    try:
        vault.request("GET", "sys/health")
    except unseal.VaultError:  # no leader yet
        return False
    return True


def _prepare_seal(server: VaultServer, folder: Path) -> None:
    """The institution's key service: one key, and a token that may use it and nothing else."""
    vault = server.client()
    keys = vault.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    unseal.unseal(vault, keys["keys_base64"])
    root = str(keys["root_token"])
    unseal.await_condition(lambda: _is_active(vault), "the key service is active", limit=60)
    vault.request("POST", "sys/mounts/transit", {"type": "transit"}, token=root)
    vault.request("POST", f"transit/keys/{_SEAL_KEY}", {}, token=root)
    vault.request("PUT", "sys/policies/acl/seal", {"policy": _SEAL_RULES}, token=root)
    token = {"policies": ["seal"], "no_parent": True, "period": "24h", "no_default_policy": False}
    made = vault.request("POST", "auth/token/create", token, token=root)
    environment = folder / "seal.env"
    environment.touch(mode=0o600)
    environment.write_text(f"VAULT_TOKEN={made['auth']['client_token']}\n")


def _prepare_recipient(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "30", "-subj", "/CN=copies of the lab"),
            *("-keyout", str(folder / "backup.key"), "-out", str(folder / "backup.crt")),
        ],
        check=True,
        capture_output=True,
    )


@contextmanager
def site(folder: Path, *, vaults: int) -> Iterator[Site]:
    """Machines for three control planes, a worker and some of Vault; removed at the end."""
    assert not toolchain.missing(), "run `./lab toolchain build` first"
    base_image.ensure()
    counts = {"control-plane": 3, "worker": 1, "vault": vaults}
    machines = {
        args.name: args
        for role, count in counts.items()
        for number in range(1, count + 1)
        for args in [_args(f"{role}-{number}", role, number)]
    }
    seal_folder = folder / "seal"
    seal_folder.mkdir()
    cleanup.sweep(LAB)
    try:
        for args in machines.values():
            machine.create(args, timeout=180)
        _prepare_recipient(folder)
        with running(toolchain.binary("vault"), seal_folder, str(NETWORK[1])) as server:
            _prepare_seal(server, folder)
            document = _document(machines, server, folder)
            lab = config.parse(document, source="the site")
            assert isinstance(lab, OnPremLab)
            file = folder / "Pulumi.onprem.yaml"
            file.write_text(yaml.safe_dump({"config": {"ai-lab:lab": document}}))
            yield Site(folder, machines, lab, file)
    finally:
        cleanup.sweep(LAB)
