from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from infra.cli.screen import Screen
from infra.engine.events import Diagnostic, ResourceEvent, Summary

URN = "urn:pulumi:local::ai-lab::ailab:ansible:Playbook::vault"


def event(state: str, operation: str, type_: str = "ailab:ansible:Playbook") -> ResourceEvent:
    return ResourceEvent(state, operation, URN, type_)  # type: ignore[arg-type]


@pytest.fixture(params=[True, False])
def terminal(request: pytest.FixtureRequest) -> Console:
    return Console(file=io.StringIO(), force_terminal=request.param, width=100)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_happens_is_shown(terminal: Console) -> None:
    with Screen(terminal) as screen:
        screen.step("Deploying")
        screen.note("something odd")
        screen.event(event("started", "create"))
        screen.event(Diagnostic("info", "TASK unseal", URN, ephemeral=True))
        terminal.print(screen._render())
        screen.event(event("done", "create"))
        screen.event(event("started", "update"))
        screen.event(event("failed", "update"))
        screen.event(Diagnostic("warning", "slow disk"))
        screen.event(Summary({}, "failed"))
    shown = text(terminal)
    for part in ("Deploying", "something odd", "TASK unseal", "created", "FAILED", "slow disk"):
        assert part in shown


def test_what_is_not_worth_a_line(terminal: Console) -> None:
    with Screen(terminal) as screen:
        screen.event(event("started", "same"))
        terminal.print(screen._render())
        screen.event(event("done", "same"))
        screen.event(event("done", "create", "pulumi:pulumi:Stack"))
        screen.event(Diagnostic("warning", "using pulumi-language-python from $PATH at /x"))
        screen.event(Diagnostic("info", "TASK of nobody", "urn:other", ephemeral=True))
        screen.line("nobody", "text")
    assert "Playbook" not in text(terminal)
    assert "PATH" not in text(terminal)


def test_an_end_without_a_beginning(terminal: Console) -> None:
    with Screen(terminal) as screen:
        screen.event(event("done", "discard"))
    assert "discard" in text(terminal)


def test_the_toolchains_work(terminal: Console) -> None:
    with Screen(terminal) as screen:
        screen.begin("etcd", "building", Path("/log"))
        screen.line("etcd", "compiling server")
        terminal.print(screen._render())
        screen.end("etcd", 61.0, failed=False)
        screen.begin("vault", "building", Path("/log"))
        screen.end("vault", 1.0, failed=True)
    shown = text(terminal)
    for part in ("etcd: building", "compiling server", "61.0 s", "FAILED"):
        assert part in shown
