"""Local machines as the Pulumi provider and the command line see them."""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network

from infra import naming, paths
from infra.errors import AnotherLabUp, MachineFailed
from infra.hosts import base_image, keys, network, nspawn, ssh


@dataclass(frozen=True, slots=True)
class MachineArgs:
    """What a machine is asked to be; `network` is the lab's machine network."""

    lab: str
    name: str
    role: str
    address: IPv4Address
    network: IPv4Network

    @property
    def hostname(self) -> str:
        return naming.hostname(self.lab, self.name)

    @property
    def container(self) -> nspawn.Container:
        return nspawn.Container(
            lab=self.lab,
            hostname=self.hostname,
            address=self.address,
            network=self.network,
            gateway=self.network[1],
            bridge=naming.bridge(self.lab),
        )


@dataclass(frozen=True, slots=True)
class MachineState:
    """What a machine is. `instance` changes when it is made anew."""

    args: MachineArgs
    instance: str
    running: bool


@contextmanager
def _lab_lock(home: paths.Home) -> Iterator[None]:
    """Machines of one lab are made side by side; what they share is made by one at a time."""
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home.root / "machines.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create(args: MachineArgs, *, timeout: float = 90) -> MachineState:
    """Makes and boots a machine, and waits until SSH answers.

    Leftovers of a machine of this name (its maker was killed) are removed first: nothing can
    have been stored in a machine that no state knows.

    Raises:
        AnotherLabUp: a machine of this name runs for a lab of another LAB_HOME.
        ToolMissing: there is no base image, and no archive to unpack it from.
        MachineFailed: a program of the host failed.
        AddressTaken: the host uses the lab's network elsewhere.
        MachineUnreachable: SSH did not answer within `timeout` seconds.
    """
    _refuse_foreign(args)
    base_image.ensure()
    home, container = paths.Home(args.lab), args.container
    nspawn.remove(container)
    with _lab_lock(home):
        network.make_bridge(container.bridge, container.gateway, container.network)
        authorized_key = keys.ensure_pair(home.ssh_key)
    host_key = nspawn.prepare(container, authorized_key=authorized_key)
    state = MachineState(args, instance=secrets.token_hex(8), running=True)
    _save(state, host_key)
    with _lab_lock(home):
        _write_known_hosts(home)
    nspawn.start(container)
    ssh.wait_for(args.address, timeout=timeout)
    return state


def _refuse_foreign(args: MachineArgs) -> None:
    root = nspawn.foreign().get(args.hostname)
    if root is not None:
        raise AnotherLabUp(
            f"machine {args.hostname} runs for a lab of another LAB_HOME ({root}).",
            next_step="remove it first: `./lab destroy --yes` with its own LAB_HOME and stack.",
        )


def start(args: MachineArgs, *, timeout: float = 90) -> MachineState:
    """Boots a machine whose files are there (after a reboot of the host, say).

    Raises:
        AnotherLabUp: a machine of this name runs for a lab of another LAB_HOME.
        MachineFailed: its files are not there.
        MachineUnreachable: SSH did not answer within `timeout` seconds.
    """
    _refuse_foreign(args)
    found = read(args)
    if found is None:
        raise MachineFailed(
            f"machine {args.hostname} has no files.", next_step="run `./lab up`: it makes it anew."
        )
    container = args.container
    if not nspawn.is_running(container):
        nspawn.stop(container)
        network.make_bridge(container.bridge, container.gateway, container.network)
        nspawn.start(container)
    ssh.wait_for(args.address, timeout=timeout)
    return MachineState(args, found.instance, running=True)


def read(args: MachineArgs) -> MachineState | None:
    """The machine as it is, or None if its files are gone."""
    file = args.container.folder / "machine.json"
    if not file.is_file():
        return None
    return MachineState(
        args,
        instance=json.loads(file.read_text())["instance"],
        running=nspawn.is_running(args.container),
    )


def delete(args: MachineArgs) -> None:
    """Removes the machine and, with the last one, the bridge. Gone already is fine.

    Raises:
        AnotherLabUp: a machine of this name runs for a lab of another LAB_HOME.
    """
    _refuse_foreign(args)
    nspawn.remove(args.container)
    home = paths.Home(args.lab)
    with _lab_lock(home):
        _write_known_hosts(home)
        network.remove_bridge(args.container.bridge)


def reboot(args: MachineArgs, *, timeout: float = 90) -> None:
    """Power-cycles the machine: everything in it is killed, then it boots again.

    Raises as `start` does.
    """
    _refuse_foreign(args)
    nspawn.stop(args.container)
    start(args, timeout=timeout)


def list_machines(home: paths.Home) -> list[MachineState]:
    """All machines of a lab that have files, in the order of their addresses."""
    found = []
    for file in home.machines.glob("*/machine.json"):
        document = json.loads(file.read_text())
        args = MachineArgs(
            lab=document["lab"],
            name=document["name"],
            role=document["role"],
            address=IPv4Address(document["address"]),
            network=IPv4Network(document["network"]),
        )
        found.append(
            MachineState(args, document["instance"], running=nspawn.is_running(args.container))
        )
    return sorted(found, key=lambda state: state.args.address)


def _save(state: MachineState, host_key: str) -> None:
    document = {key: str(value) for key, value in asdict(state.args).items()}
    document |= {"instance": state.instance, "host_key": host_key}
    keys.write_private(
        state.args.container.folder / "machine.json", json.dumps(document, indent=2).encode()
    )


def _write_known_hosts(home: paths.Home) -> None:
    hosts = {}
    for state in list_machines(home):
        document = json.loads((state.args.container.folder / "machine.json").read_text())
        hosts[state.args.hostname] = (str(state.args.address), document["host_key"])
    keys.write_known_hosts(home, hosts)
