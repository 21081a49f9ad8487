"""A real PostgreSQL server for tests of the evidence store: Debian's, in a folder of its own.

Plain, quick to start, and killed at will; `postgresql` beside it is the lab's own, with its
certificates and rules. It listens on a socket in its folder and nowhere else, and runs as the user
`postgres` where the test is root, because PostgreSQL refuses to be.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

#: Every version that Debian has beside each other.
PROGRAMS = Path("/usr/lib/postgresql")
USER = "postgres"
_AS_POSTGRES: dict[str, Any] = (
    {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
)


def programs() -> Path:
    """Where the newest version's programs are."""
    found = sorted(PROGRAMS.glob("*/bin/postgres"), key=lambda file: float(file.parts[-3]))
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    return found[-1].parent


@dataclass
class Server:
    """One server; `kill` and `start` keep its data."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = None

    def conninfo(self, database: str = "postgres", user: str = USER) -> str:
        return f"host={self.folder} dbname={database} user={user}"

    def make(self) -> None:
        initdb = [str(programs() / "initdb"), "-D", str(self.folder / "data"), "-U", USER]
        initdb += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            initdb, check=True, capture_output=True, env={}, cwd=self.folder, **_AS_POSTGRES
        )

    def start(self, **settings: str) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder)} | settings
        command = [str(programs() / "postgres"), "-D", str(self.folder / "data")]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={}, cwd=self.folder, **_AS_POSTGRES
            )
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": it does not wait for clients
            self._process.wait(timeout=60)
            self._process = None

    def kill(self) -> None:
        """All its processes at once, in the middle of whatever they do."""
        if self._process is not None:
            main = self._process.pid
            # Each is a process group of its own.
            children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
            for process in (main, *map(int, children)):
                os.kill(process, signal.SIGKILL)
            self._process.wait(timeout=60)
            self._process = None
            _await_end(children)

    def execute(self, statement: str, database: str = "postgres", user: str = USER) -> list[Any]:
        """What somebody does behind the lab's back."""
        with psycopg.connect(self.conninfo(database, user), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    @retry(
        retry=retry_if_exception_type(psycopg.OperationalError),
        stop=stop_after_delay(120),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    def _wait(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        self.execute("SELECT 1")


@retry(
    retry=retry_if_exception_type(AssertionError),
    stop=stop_after_delay(60),
    wait=wait_fixed(0.05),
    reraise=True,
)
def _await_end(processes: list[str]) -> None:
    """Until none of them holds the server's memory any more; nobody may have reaped them yet."""
    for process in processes:
        try:
            text = Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state = text.rpartition(")")[2].split()[0]
        assert state == "Z", f"{process} is in state {state}"


@contextmanager
def running() -> Iterator[Server]:
    """Runs a server with all its files in a folder that goes with the block."""
    # Not below pytest's folders: those are closed to the user `postgres`.
    folder = Path(tempfile.mkdtemp(prefix="lab-evidence-"))
    if _AS_POSTGRES:
        shutil.chown(folder, USER, USER)
    server = Server(folder)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
