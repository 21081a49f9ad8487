"""Starts operators that are killed at points chosen by a test, as often as need be.

Run as a program with a folder and the operator's own arguments. It has imported everything and
forks an operator from itself; when that one is killed, it forks the next. Nothing of the operator
knows of this: what changes anything outside of it (API server, Vault, evidence) is wrapped here,
counted for each sandbox, and at its chosen number the process kills itself, before or after.

The folder has `points.json` ({sandbox: [what, how often before that, "before" or "after"]});
`done/SANDBOX` lists what was done for a sandbox, over all processes, each line with its step;
`fired/SANDBOX` is there once it was killed for it.
"""

from __future__ import annotations

import contextvars
import fcntl
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import requests

from infra.evidence.sqlite import SqliteStore
from infra.kubernetes.client import Api
from infra.operator import __main__ as product
from infra.operator.cluster import Cluster
from infra.operator.life import Act
from infra.operator.reconcile import Reconciler
from infra.sandbox.resource import Sandbox

_SANDBOX: contextvars.ContextVar[str] = contextvars.ContextVar("sandbox", default="")
_STEP: contextvars.ContextVar[str] = contextvars.ContextVar("step", default="")
_READING = frozenset({"GET", "LIST", "HEAD"})


class Killer:
    """Counts what is done for each sandbox, over all processes, and kills this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def around(self, what: str, work: Callable[[], Any]) -> Any:
        name = _SANDBOX.get()
        if not name:
            return work()
        told = f"{_STEP.get()}: {_plain(what, name)}"
        number = self._count(name, told)
        if self._chosen(name, told, number, "before"):
            self._kill(name)
        answer = work()
        if self._chosen(name, told, number, "after"):
            self._kill(name)
        return answer

    def _count(self, name: str, told: str) -> int:
        with self._lock, (self._folder / "done" / name).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            number = file.read().splitlines().count(told)
            file.write(f"{told}\n")
            return number

    def _chosen(self, name: str, told: str, number: int, when: str) -> bool:
        points = json.loads((self._folder / "points.json").read_text())
        fired = self._folder / "fired" / name
        return points.get(name) == [told, number, when] and not fired.exists()

    def _kill(self, name: str) -> None:
        (self._folder / "fired" / name).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _plain(what: str, name: str) -> str:
    """Without what is random, so that lives can be compared."""
    what = re.sub(r"sandbox-x-[a-z2-7]{16}", "NAMESPACE", what)
    what = re.sub(r"sweep/[0-9]+", "sweep", what)
    return what.replace(f"sandboxes/{name}", "sandboxes/NAME")


def _wrap(killer: Killer) -> None:
    reconcile, do, request = Reconciler.reconcile, Reconciler._do, Api.request
    side_by_side, session = Cluster.side_by_side, requests.Session.request
    append, keep = SqliteStore.append, SqliteStore.keep

    def reconciling(self: Reconciler, name: str) -> float | None:
        token = _SANDBOX.set(name)
        try:
            return reconcile(self, name)
        finally:
            _SANDBOX.reset(token)

    def doing(self: Reconciler, sandbox: Sandbox, act: Act) -> Any:
        token = _STEP.set(act.step)
        try:
            return do(self, sandbox, act)
        finally:
            _STEP.reset(token)

    def together(self: Cluster, calls: Iterable[Callable[[], Any]]) -> list[Any]:
        def carried(call: Callable[[], Any]) -> Callable[[], Any]:
            context = contextvars.copy_context()
            return lambda: context.run(call)

        return side_by_side(self, [carried(call) for call in calls])

    def asking(self: Api, method: str, path: str, **options: Any) -> Any:
        def work() -> Any:
            return request(self, method, path, **options)

        return work() if method in _READING else killer.around(f"{method} {path}", work)

    def calling(self: requests.Session, method: str, url: str, *rest: Any, **options: Any) -> Any:
        def work() -> Any:
            return session(self, method, url, *rest, **options)

        path = url.partition("/v1/")[2]
        return work() if method.upper() in _READING else killer.around(f"{method} {path}", work)

    def appending(self: SqliteStore, entry: Any) -> Any:
        what = f"record {entry.idempotency_key}"
        return killer.around(what, lambda: append(self, entry))

    def keeping(self: SqliteStore, uid: str, content: bytes) -> Any:
        return killer.around("keep", lambda: keep(self, uid, content))

    for owner, attribute, value in (
        (Reconciler, "reconcile", reconciling),
        (Reconciler, "_do", doing),
        (Api, "request", asking),
        (Cluster, "side_by_side", together),
        (requests.Session, "request", calling),
        (SqliteStore, "append", appending),
        (SqliteStore, "keep", keeping),
    ):
        setattr(owner, attribute, value)


def main(folder: Path, words: list[str]) -> int:
    """Forks operators until one ends by itself, or this is told to stop."""
    child = 0

    def stop(*_: object) -> None:
        if child:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _wrap(Killer(folder))
            os._exit(product.main(words))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
