"""Gives up a lab that this host does not carry: what goes, what stays where it is, and what to do.

The lab's folder on this host stays in every case. It says what is still there, and without its keys
nothing of that can be opened.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from infra import config
from infra.config import HybridLab, LocalLab, OnPremLab, OnPremSite
from infra.config.lab import Lab
from infra.engine import Operation, Stack, exclusive, recovery
from infra.engine.events import Event
from infra.engine.target import Target
from infra.errors import DataProtected, StateDamaged
from infra.paths import Home
from infra.provider import tokens


class Show(Protocol):
    """Where progress goes."""

    def step(self, title: str) -> None:
        """A new part of the work begins."""

    def note(self, text: str) -> None:
        """Something the user should know; stays on the screen."""

    def event(self, event: Event) -> None:
        """Something happened in a Pulumi operation."""


class Fate(StrEnum):
    """What destroying the stack does with a resource."""

    DELETED = "deleted"
    #: Pulumi forgets it, and it stays as it is.
    FORGOTTEN = "forgotten"
    #: Pulumi refuses to delete it. With `keep_protected` it stays, and so does what it needs.
    PROTECTED = "protected"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes (`deleted`), what stays and is no longer Pulumi's (`forgotten`), and what stays
    because something protected needs it (`needed`), each as a line for a kind of thing; URNs of
    what is `protected`; what else `stays`, and the `next_steps` to end it.
    """

    deleted: tuple[str, ...]
    forgotten: tuple[str, ...]
    protected: tuple[str, ...]
    needed: tuple[str, ...]
    stays: tuple[str, ...]
    next_steps: tuple[str, ...]
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.deleted or self.forgotten or self.protected)


def made_here(stack: str) -> bool:
    """Whether this host carries the stack's machines; else this module removes the lab."""
    return isinstance(config.load(stack), LocalLab)


def destroy(
    target: Target, show: Show, *, dry_run: bool = False, keep_protected: bool = False
) -> Removal:
    """Runs `pulumi destroy`, and says what that leaves.

    Args:
        target: a stack on machines of one's own, on a cloud or across them.
        show: told what goes on.
        dry_run: only say it.
        keep_protected: what is protected stays, with all that it needs, and the rest goes.

    Raises:
        DataProtected: something is protected; nothing was changed.
        LabBusy, StateLocked, StateDamaged, Interrupted.
        PulumiFailed: see `Stack.run`; what is left is in the state, and nothing else was touched.
    """
    begin = time.monotonic()
    found = _find(target)
    if dry_run or not found:
        return replace(found, seconds=round(time.monotonic() - begin, 3))
    if found.protected and not keep_protected:
        raise _refused(target, found.protected)
    with exclusive(target.home, purpose="lab destroy"):
        driver = Stack(target.stack, on_event=show.event, target=target)
        for line in driver.recover():
            show.note(line)
        show.step("Destroying")
        driver.run(Operation.DESTROY, *(["--exclude-protected"] if found.protected else []))
    return replace(found, seconds=round(time.monotonic() - begin, 3))


def _find(target: Target) -> Removal:
    stack, lab, home = target.stack, target.lab, target.home
    try:
        resources = recovery.deployment(home, stack).get("resources") or []
    except StateDamaged as error:
        raise StateDamaged(
            error.message,
            next_step="put the `.bak` beside it in its place (the state before the last change); "
            f"without any state the lab is ended by hand: {_runbooks(lab)}.",
        ) from error
    fates = fates_of(resources)
    return Removal(
        deleted=_counted(resources, fates, Fate.DELETED),
        forgotten=_counted(resources, fates, Fate.FORGOTTEN),
        protected=tuple(urn for urn, fate in fates.items() if fate is Fate.PROTECTED),
        needed=_counted(resources, fates, Fate.NEEDED),
        stays=tuple(_stays(lab, home)),
        next_steps=tuple(_next_steps(stack, lab, home)),
    )


def fates_of(resources: Sequence[Mapping[str, Any]]) -> dict[str, Fate]:
    """URN -> what `pulumi destroy` does with it, as the state has it; components are left out.

    What goes with another resource is not deleted by itself, and what goes with a playbook or with
    a machine that was given stays on that machine.
    """
    known = {one["urn"]: one for one in resources if _is_something(one)}
    needed = _needed(resources)

    def fate(one: Mapping[str, Any]) -> Fate:
        if one.get("protect"):
            return Fate.PROTECTED
        if one["urn"] in needed:
            return Fate.NEEDED
        if one.get("retainOnDelete") or one["type"] in _ON_MACHINES:
            return Fate.FORGOTTEN
        carrier = known.get(one.get("deletedWith", ""))
        # What is protected is not deleted, so what goes with it is deleted by itself.
        return Fate.FORGOTTEN if carrier and fate(carrier) is Fate.FORGOTTEN else Fate.DELETED

    return {urn: fate(one) for urn, one in known.items()}


def _needed(resources: Sequence[Mapping[str, Any]]) -> set[str]:
    """URNs of all that something protected is made of: `--exclude-protected` keeps them."""
    by_urn = {one["urn"]: one for one in resources}
    found: set[str] = set()
    pending = [one for one in resources if one.get("protect")]
    while pending:
        one = pending.pop()
        sources = {
            one.get("parent", ""),
            one.get("deletedWith", ""),
            str(one.get("provider", "")).rpartition("::")[0],
            *(one.get("dependencies") or ()),
            *(
                urn
                for urns in (one.get("propertyDependencies") or {}).values()
                for urn in urns or ()
            ),
        }
        for urn in (sources & by_urn.keys()) - found:
            found.add(urn)
            pending.append(by_urn[urn])
    return found


#: What is not undone on a machine.
_ON_MACHINES = (tokens.PLAYBOOK, "ailab:hosts:GivenMachine")


def _is_something(resource: Mapping[str, Any]) -> bool:
    """No component, which only holds others together, and no provider."""
    if resource["type"].startswith("pulumi:"):
        return False
    return bool(resource.get("custom")) or resource["type"] in _ON_MACHINES


#: How a type begins, and what people call such things.
_KINDS = {
    "kubernetes:": "objects of Kubernetes",
    "ailab:vault:": "objects of Vault",
    "ailab:hosts:": "machines",
    tokens.PLAYBOOK: "playbooks' settings of machines",
    "aws:": "resources on AWS",
    "azure-native:": "resources on Azure",
    "": "others",
}


def _counted(
    resources: Iterable[Mapping[str, Any]], fates: Mapping[str, Fate], wanted: Fate
) -> tuple[str, ...]:
    types = (one["type"] for one in resources if fates.get(one["urn"]) is wanted)
    kinds = Counter(next(kind for kind in _KINDS if one.startswith(kind)) for one in types)
    return tuple(f"{kinds[kind]} {name}" for kind, name in _KINDS.items() if kinds[kind])


def _refused(target: Target, protected: tuple[str, ...]) -> DataProtected:
    stack = target.stack
    names = ", ".join(" ".join(urn.split("::")[-2:]).rpartition("$")[2] for urn in protected)
    return DataProtected(
        f"{len(protected)} resources of stack {stack!r} hold data or keys and are protected: "
        f"{names}. Nothing was removed.",
        next_step=f'take the protection off what is to go: `eval "$(./lab env --stack {stack})"`, '
        f"`pulumi state unprotect URN` ({_runbooks(target.lab)}); or `./lab destroy --stack "
        f"{stack} --keep-protected`: all else goes.",
    )


def _primary(lab: Lab) -> OnPremSite | None:
    """The part on machines of one's own, if there is one."""
    if isinstance(lab, HybridLab):
        return lab.home
    return lab if isinstance(lab, OnPremLab) else None


def _runbooks(lab: Lab) -> str:
    grounds = sorted({site.ground for site in lab.sites.values()})
    return " and ".join(f"docs/runbooks/{ground}.md" for ground in grounds)


def _stays(lab: Lab, home: Home) -> Iterator[str]:
    site = _primary(lab)
    if site is not None:
        names = ", ".join(machine.name for machine in site.machines)
        yield (
            f"machines {names}: Kubernetes, sandboxes with their data, and Vault with its keys and "
            "secrets go on running there"
        )
        if disks := [machine.name for machine in site.machines if machine.data_disk is not None]:
            yield (
                f"encrypted disks of {', '.join(disks)}: they open as long as Tang answers, and "
                f"with the keys of {home.root}/luks"
            )
        if site.backup is not None:
            yield (
                f"copies of etcd and Vault in {site.backup.folder} on control planes and machines "
                "of Vault, and wherever the site puts them"
            )
    yield f"{home.root}: the state, Vault's recovery keys, the lab's authority, keys of disks"


def _next_steps(stack: str, lab: Lab, home: Home) -> Iterator[str]:
    if _primary(lab) is not None:
        yield (
            "on every machine `kubeadm reset --force`, then `cryptsetup erase` of its encrypted "
            "disk, then install it anew; delete the copies (docs/runbooks/onprem.md, "
            '"Removing the lab")'
        )
    for ground in sorted({site.ground for site in lab.sites.values()} - {"onprem"}):
        yield f'what stays in the account: docs/runbooks/{ground}.md, "Removal"'
    yield (
        f"last of all remove {home.root}; until then `./lab up --stack {stack}` takes up again "
        "what is still there"
    )
