"""`lab bench sandbox` at a lab of this machine: who asks, who approves, what is measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from infra import config, lifecycle
from infra.benchmarks.observer import Observer
from infra.benchmarks.sandboxes import Bench, Plan, profiles, within_limits
from infra.config.requests import People
from infra.errors import BenchmarkInvalid, LabNotUp, SandboxServiceMissing
from infra.kubernetes import kubeconfig
from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection
from infra.paths import Home
from infra.sandbox.client import SandboxClient

#: Of a group's members, one that nobody is.
_NOBODY = "{}@bench.invalid"


def measure(
    stack: str,
    *,
    runs: int,
    concurrent: int,
    steps: tuple[int, ...],
    report: Callable[[str], None],
) -> dict[str, Any]:
    """The document of `lab bench sandbox --json`.

    Raises:
        LabNotUp, SandboxServiceMissing, BenchmarkInvalid, KubernetesUnreachable
    """
    lab = config.load(stack)
    service = lab.sandbox_service
    if service is None:
        raise SandboxServiceMissing(
            f"lab {lab.name} has no sandbox_service.",
            next_step="add it to the configuration (docs/sandboxes.md), and `./lab up`.",
        )
    file = Home(lab.name).kubeconfig
    if not file.is_file():
        raise LabNotUp(f"{file} is not there.", next_step="`./lab up`")
    connection = kubeconfig.load(str(file))
    warm, cold = profiles(dict(service.pool), service.profiles)
    with ExitStack() as cleanup:
        user, requester = _as(connection, service.requesters)
        cleanup.enter_context(requester)
        _, approver = _as(connection, service.approvers, other_than=user)
        cleanup.enter_context(approver)
        administrator = cleanup.enter_context(Api(connection))
        observer = cleanup.enter_context(Observer(administrator))
        bench = Bench(
            SandboxClient(requester, service),
            SandboxClient(approver, service),
            administrator,
            observer,
            memory=lambda: _memory(stack),
            report=report,
        )
        document = bench.run(Plan(warm, cold, runs, concurrent, steps))
    return {**document, "within_limits": within_limits(document)}


def _as(connection: Connection, people: People, other_than: str = "") -> tuple[str, Api]:
    """In the name of one of them; a member of a group is called like nobody real."""
    named = next((user for user in people.users if user != other_than), None)
    if named is None and not people.groups:
        raise BenchmarkInvalid(
            f"nobody but {other_than} may approve.",
            next_step="name another approver in sandbox_service, and `./lab up`.",
        )
    user = named or _NOBODY.format(people.groups[0].replace(":", "-"))
    headers = [("Impersonate-User", user)]
    if named is None:
        headers += [("Impersonate-Group", people.groups[0])]
        headers += [("Impersonate-Group", "system:authenticated")]
    return user, Api(connection, headers=headers, agent="lab-bench")


def _memory(stack: str) -> int:
    """Bytes that all machines of the lab take now."""
    machines = lifecycle.status(stack)["machines"]
    return sum(int(machine["memory_bytes"]) for machine in machines)
