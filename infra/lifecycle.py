"""From nothing to a lab and back: what `lab up`, `destroy` and `status` do.

The command line shows; this module decides the order.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from infra import config, naming, preflight, toolchain
from infra.config import LocalLab
from infra.engine import Operation, Result, Stack, exclusive, recovery
from infra.engine.environment import (
    api_address,
    link_programs,
    stand_in_notice,
    vault_address,
)
from infra.engine.events import Event, Violation
from infra.errors import LabNotUp, LeftoversRemain, PulumiFailed, StateDamaged, ToolMissing
from infra.hosts import base_image, cgroups, cleanup, commands, machine, ssh
from infra.hosts.machine import MachineState
from infra.paths import Home
from infra.provider import tokens
from infra.secrets.client import is_sealed


class Show(toolchain.Progress, Protocol):
    """Where progress goes: the toolchain's, and what is said here."""

    def step(self, title: str) -> None:
        """A new part of the work begins."""

    def note(self, text: str) -> None:
        """Something the user should know; stays on the screen."""

    def event(self, event: Event) -> None:
        """Something happened in a Pulumi operation."""


@dataclass(slots=True)
class Clock:
    """Wall seconds by part of the work, in order."""

    phases: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.phases[name] = round(self.phases.get(name, 0) + time.monotonic() - begin, 3)


@dataclass(frozen=True, slots=True)
class UpReport:
    """What `up` did, with wall seconds by phase."""

    result: Result
    seconds: float
    phases: dict[str, float]
    warnings: tuple[str, ...]


def prepare(stack: str, show: Show, clock: Clock) -> list[str]:
    """Everything before Pulumi: checks, tools, images; returns the host's warnings.

    This host is examined only for a lab whose machines it is to carry; others are examined by the
    playbook preflight.
    """
    made_here = _made_here(stack)
    warnings: list[str] = []
    if made_here:
        show.step("Checking this host")
        with clock.phase("checks"):
            warnings = [finding.advice for finding in preflight.require(stack)]
    with clock.phase("tools and images"):
        toolchain.ensure(progress=show)
    if (registry := config.load(stack).registry) is not None:
        with clock.phase("push"):
            toolchain.push(registry.address, progress=show)
    if made_here:
        with clock.phase("base image"):
            base_image.ensure(show.step)
    return warnings


def _made_here(stack: str) -> bool:
    return isinstance(config.load(stack), LocalLab)


def up(stack: str, show: Show, *, refresh: bool = True) -> UpReport:
    """Makes the lab what its configuration says.

    With `refresh` the real state of everything is read first, so that what others changed or
    deleted is put right. That takes a few seconds, and a cluster that can be asked: it is left out
    while a machine is down or gone (the host was rebooted, say), which the provider itself sees
    as a change.

    Raises:
        LabError: see `preflight.require`, `toolchain.ensure` and `Stack.run`.
    """
    begin = time.monotonic()
    clock = Clock()
    home = Home(config.load(stack).name)
    if _made_here(stack):
        _need_root()
    with exclusive(home, purpose="lab up"):
        warnings = prepare(stack, show, clock)
        driver = Stack(stack, on_event=lambda event: _while_deploying(event, show))
        with clock.phase("recovery"):
            driver.ensure()
            link_programs(home)
            if notice := stand_in_notice(stack):
                show.note(notice)
            for line in driver.recover():
                show.note(line)
            _open_vault(stack, home, show)
        answers = _all_run(driver)
        if answers:
            # Rules about a whole stack are asked at the end of an operation: here that is before
            # anything is made. A cluster whose machines are down cannot say what would change.
            show.step("Checking policies")
            with clock.phase("policies"):
                checked = Stack(stack, on_event=lambda event: _while_checking(event, show))
                checked.run(Operation.PREVIEW)
        show.step("Deploying")
        result = driver.run(Operation.UP, *(["--refresh"] if refresh and answers else []))
        phases = clock.phases | {phase.name: phase.seconds for phase in result.phases}
    return UpReport(result, round(time.monotonic() - begin, 3), phases, tuple(warnings))


def _while_checking(event: Event, show: Show) -> None:
    """Of a preview only what policies say; everything else is said while it is done."""
    if isinstance(event, Violation):
        show.event(event)


def _while_deploying(event: Event, show: Show) -> None:
    """What policies advise was said before."""
    if not isinstance(event, Violation) or event.mandatory:
        show.event(event)


def _open_vault(stack: str, home: Home, show: Show) -> None:
    """Opens a Vault that somebody sealed: whoever says `up` wants it open.

    Only where the lab keeps the key; elsewhere a seal that opens by itself, or a person, does.
    """
    lab = config.load(stack)
    kept = home.vault_keys.is_file() and home.ca_certificate.is_file()
    if not isinstance(lab, LocalLab) or not kept:
        return
    if is_sealed(vault_address(lab), home.ca_certificate):
        show.note("Vault is sealed and is opened")
        address = lab.with_role("vault")[0].address
        commands.run([*ssh.command(home, address), "systemctl", "start", "vault-unseal"])


def _all_run(driver: Stack) -> bool:
    """Whether every machine that the state knows is running."""
    known = {
        resource["outputs"].get("name")
        for resource in recovery.deployment(driver.home, driver.name).get("resources") or []
        if resource["type"] == tokens.MACHINE
    }
    running = {s.args.name for s in machine.list_machines(driver.home) if s.running}
    return known <= running


def _need_root() -> None:
    finding = preflight.root()
    if finding.error is not None:
        raise finding.error


@dataclass(frozen=True, slots=True)
class DestroyReport:
    """What was there, and what is left (nothing, if all went well)."""

    found: cleanup.Leftovers
    left: cleanup.Leftovers | None
    seconds: float


def destroy(stack: str, show: Show, *, dry_run: bool = False) -> DestroyReport:
    """Removes a lab that this host carries: machines, links, mounts, cgroups, state and keys. The
    cache stays. Others are given up by `removal.destroy`: with them this would lose the keys of
    what is still there.

    Works with a state that is damaged or gone, and with machines that do not answer: everything
    that the local ground carries goes with its machines.

    Raises:
        NotRoot, LabBusy, StateLocked, Interrupted.
        WrongGround: the lab lies elsewhere.
        LeftoversRemain: something could not be removed; the message lists it.
    """
    begin = time.monotonic()
    home = Home(config.load_local(stack).name)
    found = cleanup.find(home.lab)
    if dry_run:
        return DestroyReport(found, None, round(time.monotonic() - begin, 3))
    _need_root()
    left = found
    if found:
        with exclusive(home, purpose="lab destroy"):
            _destroy_by_pulumi(stack, home, show)
            show.step(f"Removing what is left of lab {home.lab}")
            left = cleanup.sweep(home.lab)
    if left:
        raise LeftoversRemain(
            f"still on this host: {', '.join(describe(left))}.",
            next_step="run `./lab destroy --yes` again; if it stays so, reboot the host.",
        )
    return DestroyReport(found, left, round(time.monotonic() - begin, 3))


def _destroy_by_pulumi(stack: str, home: Home, show: Show) -> None:
    show.step("Ending what still works on the lab")
    recovery.end_leftovers(home)
    try:
        if not recovery.deployment(home, stack).get("resources"):
            return
        if not all(state.running for state in machine.list_machines(home)):
            show.note("machines are down, so they are removed without asking them")
            return
        driver = Stack(stack, on_event=show.event)
        driver.recover()
        show.step("Destroying")
        driver.run(Operation.DESTROY)
    except (PulumiFailed, StateDamaged, ToolMissing) as error:
        show.note(f"{error.code} {error.message} Machines are removed with all that is in them.")


def describe(leftovers: cleanup.Leftovers) -> list[str]:
    """One line for each kind of thing, with names where they help."""
    lines = []
    if leftovers.processes:
        lines.append(f"{len(leftovers.processes)} processes")
    for kind in ("mounts", "cgroups", "links", "files"):
        names = getattr(leftovers, kind)
        if names:
            lines.append(f"{kind}: {', '.join(names)}")
    return lines


def status(stack: str) -> dict[str, Any]:
    """What is there right now; the document that `lab status --json` prints."""
    lab = config.load(stack)
    home = Home(lab.name)
    deployed = recovery.deployment(home, stack).get("resources") or []
    if isinstance(lab, LocalLab):
        known = machine.list_machines(home)
        machines = [_machine(home, state) for state in known]
        up = bool(deployed) and all(state.running for state in known)
        endpoints = {"kubernetes": api_address(lab), "vault": vault_address(lab)}
    else:
        exports = _exports(deployed)
        machines = [_given_machine(entry) for entry in exports.get("machines", [])]
        up = bool(exports)
        endpoints = exports.get("endpoints", {})
    return {
        "stack": stack,
        "lab": lab.name,
        "up": up,
        "machines": machines,
        "endpoints": [
            {"name": name, "url": url, "answers": _answers(url)}
            for name, url in sorted(endpoints.items())
        ],
        "kubeconfig": str(home.kubeconfig),
        "sandboxes": [
            {
                "name": sandbox.name,
                "namespace": naming.sandbox_namespace(sandbox.name),
                "classification": sandbox.classification,
                "principal": sandbox.principal,
                "deployed": _has_namespace(deployed, naming.sandbox_namespace(sandbox.name)),
            }
            for sandbox in lab.sandboxes
        ],
        "not_applied": not_applied(deployed),
    }


def is_up(stack: str) -> bool:
    """Whether machines of this lab run and something is deployed on them."""
    return bool(status(stack)["up"])


def require_up(stack: str) -> None:
    """Stops a command that needs a running lab.

    Raises:
        LabNotUp: no machine of it runs.
    """
    home = Home(config.load(stack).name)
    if not any(state.running for state in machine.list_machines(home)):
        raise LabNotUp(f"lab {home.lab!r} is not up.", next_step="`./lab up`")


def not_applied(resources: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Roles that a machine cannot have (HOST/ROLE) and why, from the playbooks' outputs."""
    found: dict[str, str] = {}
    for resource in resources:
        if resource["type"] == tokens.PLAYBOOK:
            found |= resource.get("outputs", {}).get("notApplied") or {}
    return dict(sorted(found.items()))


def _machine(home: Home, state: MachineState) -> dict[str, Any]:
    return {
        "name": state.args.name,
        "hostname": state.args.hostname,
        "address": str(state.args.address),
        "role": state.args.role,
        "state": "running" if state.running else "stopped",
        "ssh_key": str(home.ssh_key),
        "known_hosts": str(home.known_hosts),
        "memory_bytes": cgroups.memory_bytes(state.args.hostname) if state.running else 0,
    }


def _exports(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What the program exported when it last came to its end."""
    for resource in resources:
        if resource["type"] == "pulumi:pulumi:Stack":
            return dict(resource.get("outputs") or {})
    return {}


def _given_machine(entry: dict[str, Any]) -> dict[str, Any]:
    """A machine that this host does not carry, as far as it can be seen from here."""
    reached = _answers(f"ssh://{entry['address']}:{ssh.PORT}")
    return {**entry, "state": "reachable" if reached else "unreachable", "memory_bytes": 0}


def _answers(url: str) -> bool:
    """Whether something listens there (one second at most, on the lab's own network)."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=1):
            return True
    except OSError:
        return False


def _has_namespace(resources: Iterable[dict[str, Any]], name: str) -> bool:
    return any(
        resource["type"] == "kubernetes:core/v1:Namespace"
        and resource.get("outputs", {}).get("metadata", {}).get("name") == name
        for resource in resources
    )
