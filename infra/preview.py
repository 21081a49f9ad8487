"""What `lab up` would make: for a lab that is up, one that is not, and a file that describes one.

A preview leaves nothing behind: what was never deployed is planned with a state of its own, in a
temporary folder. It needs Pulumi's CLI and nothing else; where a cloud's provider is missing, its
answers are made up (docs/adr/0010-offline-preview.md).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from infra import config
from infra.engine import Stack, exclusive, recovery
from infra.engine.environment import notice
from infra.engine.events import Diagnostic, Event, Violation
from infra.engine.plan import Plan
from infra.engine.target import Target
from infra.paths import Home


class Show(Protocol):
    """Where messages go."""

    def note(self, text: str) -> None:
        """Something the user should know; stays on the screen."""

    def event(self, event: Event) -> None:
        """Something happened in a Pulumi operation."""


def of_stack(stack: str, show: Show, *, refresh: bool = False, offline: bool = False) -> Plan:
    """The plan for a stack of this checkout.

    Args:
        stack: its name.
        show: told what the user should know.
        refresh: read the real state of everything first; only of what is deployed.
        offline: use the lab's own plugins even where Pulumi's are, and no account.

    Raises:
        LabError: the configuration is wrong, or see `Stack.plan`.
    """
    target = replace(Target.of(stack), offline=offline)
    if not recovery.checkpoint(target.home, stack).is_file():
        with _nowhere(target) as elsewhere:
            return _plan(elsewhere, show)
    with exclusive(target.home, purpose="lab preview"):
        return _plan(target, show, *(["--refresh"] if refresh else []))


def of_file(
    file: Path,
    show: Show,
    *,
    offline: bool = False,
    deployed: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan for a stack's configuration file that may lie anywhere.

    Args:
        file: complete, as those of stacks/config.
        show: told what the user should know.
        offline: see `of_stack`.
        deployed: a deployment (`pulumi stack export`) that is taken to be there; none: it is new.

    Raises:
        LabError: the file does not describe a lab, or see `Stack.plan`.
    """
    lab = config.load_file(file)
    # Pulumi takes the stack's name from the file's, and that may have been `Pulumi.NAME.yaml`.
    stack = file.stem.removeprefix("Pulumi.")
    target = Target(stack, file.resolve(), lab, Home(lab.name), offline)
    with _nowhere(target) as elsewhere:
        return _plan(elsewhere, show, deployed=deployed)


@contextmanager
def _nowhere(target: Target) -> Iterator[Target]:
    """The target with a state that is gone afterwards; plugins that Pulumi has are still found."""
    with tempfile.TemporaryDirectory(prefix="lab-preview-") as folder:
        elsewhere = replace(target, home=Home(target.lab.name, Path(folder)))
        elsewhere.pulumi_home.mkdir(mode=0o700, parents=True)
        usual = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
        if usual.is_dir() and not target.offline:
            (elsewhere.pulumi_home / "plugins").symlink_to(usual)
        yield elsewhere


def _plan(
    target: Target, show: Show, *options: str, deployed: Mapping[str, Any] | None = None
) -> Plan:
    # Planned steps look like done ones; only what is said is worth showing before the result.
    def receive(event: Event) -> None:
        if isinstance(event, (Diagnostic, Violation)):
            show.event(event)

    driver = Stack(target.stack, on_event=receive, target=target)
    driver.ensure()
    if deployed is not None:
        driver.take_over(deployed)
    for line in driver.recover():
        show.note(line)
    if told := notice(target):
        show.note(told)
    return driver.plan(*options)
