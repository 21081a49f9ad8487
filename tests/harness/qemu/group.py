"""Machines on one wire, set up by the product's own playbooks and runner."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from infra.hosts import playbooks
from tests.harness.qemu import image
from tests.harness.qemu.machine import ADMINISTRATOR, Machine, Wire

#: The wire's network and one for pods that do not exist.
NETWORK = IPv4Interface("10.98.0.0/24").network
PODS = IPv4Interface("10.97.0.0/16").network
#: Seconds that a playbook may take on emulated processors.
PLAYBOOK = 1500


@dataclass(slots=True)
class Group:
    """Machines by name; `folder` is the controller's folder of the lab, `lab_home`."""

    machines: dict[str, Machine]
    folder: Path
    report: Callable[[str], None]
    #: Variables of every playbook.
    variables: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def addresses(self) -> list[Any]:
        return [machine.address.ip for machine in self.machines.values()]

    def play(
        self,
        playbook: str,
        groups: Mapping[str, tuple[str, ...]],
        host_variables: Mapping[str, Mapping[str, Any]] | None = None,
        **variables: Any,
    ) -> playbooks.Outcome:
        """Runs a playbook for the machines that `groups` names, as `lab up` would."""
        run = playbooks.Run(
            playbook=playbook,
            hosts=tuple(
                self.machines[name].host(*groups[name], **(host_variables or {}).get(name, {}))
                for name in groups
            ),
            variables={
                "lab_home": str(self.folder),
                "lab_gateway": ADMINISTRATOR,
                "lab_machines_cidr": str(NETWORK),
                "lab_pods_cidr": str(PODS),
                **self.variables,
                **variables,
            },
            ssh=playbooks.Ssh(key=self.folder / "ssh/key", known_hosts=self.folder / "known_hosts"),
            logs=self.logs,
            timeout=PLAYBOOK,
        )
        outcome = playbooks.run(run, progress=self.report)
        for machine in self.machines.values():
            machine.hang_up()  # its SSH server may have other settings now
        return outcome


@contextmanager
def running(names: tuple[str, ...], report: Callable[[str], None]) -> Iterator[Group]:
    """Boots machines side by side; they and their disks are gone at the end.

    Raises:
        ImageBuildFailed: the image could not be made.
        AssertionError: a machine did not boot.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-qemu-")))
        found, wire = image.ensure(report), Wire.free()
        machines = {
            name: Machine(
                name=name,
                address=IPv4Interface(f"{NETWORK[number + 10]}/{NETWORK.prefixlen}"),
                number=number,
                folder=folder / name,
                image=found,
                wire=wire,
            )
            for number, name in enumerate(names)
        }
        home = folder / "home"
        home.mkdir(mode=0o700)
        known = [machine.prepare(key=home / "ssh/key") for machine in machines.values()]
        (home / "known_hosts").write_text("".join(known))
        for machine in machines.values():
            stack.callback(machine.stop)
            machine.start()
        for name, machine in machines.items():
            report(f"{name}: boots")
            machine.wait()
        yield Group(machines, home, report)


def described(outcome: playbooks.Outcome) -> str:
    """What a playbook changed, for messages."""
    return json.dumps([str(task) for task in outcome.changed], indent=1)
