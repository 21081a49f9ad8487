"""A real PostgreSQL for tests, set up as the Ansible role postgresql sets up that of a lab.

The role's own variables and templates are rendered by Ansible, its own modules make the data folder
and the databases; only what systemd does is done here. Needs the Debian package `postgresql`.
"""

from __future__ import annotations

import getpass
import importlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

import ansible.module_utils
from infra.paths import REPOSITORY
from tests.harness import ansible_library  # noqa: F401 - puts ailab_system where modules find it
from tests.harness.vault_server import free_port, make_pki

ROLE = REPOSITORY / "ansible" / "roles" / "postgresql"
_FOLDER = str(ROLE / "module_utils")
if _FOLDER not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_FOLDER)

if TYPE_CHECKING:
    from ansible.roles.postgresql.module_utils import postgresql_server as server
else:
    server = importlib.import_module("ansible.module_utils.postgresql_server")

__all__ = ["ROLE", "USER", "LabDatabase", "render", "running", "server"]

#: PostgreSQL never runs as root.
USER = "postgres" if os.geteuid() == 0 else getpass.getuser()
#: Seconds.
START = 60


@dataclass
class LabDatabase:
    """One server below one folder; `stop` and `start` keep its data."""

    folder: Path
    port: int
    programs: Path
    #: Rendered by the role, path to content.
    files: Mapping[str, str]
    databases: Sequence[Any]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def configuration(self) -> Path:
        return self.folder / "etc"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def ca(self) -> Path:
        """Of the server's own certificate."""
        return self.folder / "pki" / "ca.crt"

    @property
    def pki(self) -> Path:
        """An authority that is not the clients' (as the lab's own is not), and what it signed."""
        return self.folder / "pki"

    @property
    def admin(self) -> Any:
        """What root of the machine can do through the socket."""
        return server.Server(self.programs, self.folder / "socket", self.port)

    @property
    def memory(self) -> int:
        """KiB of the server and all that it started; what they share counts once (PSS)."""
        assert self._process is not None
        own = Path(f"/proc/{self._process.pid}")
        children = (own / "task" / own.name / "children").read_text().split()
        total = 0
        for pid in (own.name, *children):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue  # a connection that has just ended
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total

    def write(self, name: str, content: str) -> None:
        """A file of the configuration."""
        file = self.configuration / name
        file.write_text(content)
        file.chmod(0o644)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self.programs / "postgres"), "-D", str(self.data),
                    "-c", f"config_file={self.configuration / 'postgresql.conf'}",
                ],
                stdout=log, stderr=log,
                # Nobody else's rights come with it; who is not root starts it as himself.
                user=USER if os.geteuid() == 0 else None,
                group=_group() if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
            )  # fmt: skip
        for attempt in Retrying(
            stop=stop_after_delay(START), wait=wait_fixed(0.05), reraise=True,
            retry=retry_if_exception_type(server.CommandError),
        ):  # fmt: skip
            with attempt:
                assert self._process.poll() is None, self.log
                self.admin.run("SELECT 1;")

    def reload(self) -> None:
        """Reads rules and certificates anew, and waits until that is done."""
        before = self.admin.run("SELECT pg_conf_load_time();")
        self.admin.run("SELECT pg_reload_conf();")
        for attempt in Retrying(stop=stop_after_delay(START), wait=wait_fixed(0.05), reraise=True):
            with attempt:
                assert self.admin.run("SELECT pg_conf_load_time();") != before

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=START)
            self._process = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def _group() -> int:
    return pwd.getpwnam(USER).pw_gid


@contextmanager
def running(authority: str, databases: Sequence[Mapping[str, Any]]) -> Iterator[LabDatabase]:
    """A server on 127.0.0.1 that trusts certificates of `authority` (PEM), set up and started."""
    # Not below pytest's folder: that is root's alone, and the server does not run as root.
    folder = Path(tempfile.mkdtemp(prefix="lab-postgresql-"))
    folder.chmod(0o755)
    made = None
    try:
        made = _made(folder, authority, databases)
        made.start()
        made.admin.set_up(server.parse(made.databases))
        yield made
    finally:
        if made is not None:
            made.stop()
        shutil.rmtree(folder)


def _made(folder: Path, authority: str, databases: Sequence[Mapping[str, Any]]) -> LabDatabase:
    port = free_port()
    owner = pwd.getpwnam(USER)
    for name in ("etc", "etc/tls", "socket", "pki", "rendering"):
        (folder / name).mkdir()
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    make_pki(folder / "pki")
    for source, target in (("server.crt", "server.crt"), ("server.key", "server.key")):
        file = folder / "etc" / "tls" / target
        shutil.copyfile(folder / "pki" / source, file)
        file.chmod(0o600)
        os.chown(file, owner.pw_uid, owner.pw_gid)
    rendered = render(
        folder / "rendering",
        lab_address="127.0.0.1",
        postgresql_port=port,
        postgresql_folder=str(folder / "etc"),
        postgresql_socket=str(folder / "socket"),
        postgresql_data=str(folder / "data"),
        postgresql_user=USER,
        postgresql_authority=authority,
        postgresql_clients=["127.0.0.1"],
        postgresql_databases=list(databases),
    )
    for file in rendered["files"]:
        Path(file["path"]).write_text(file["content"])
        Path(file["path"]).chmod(0o644)
    data = folder / "data"
    programs = server.binaries(data)
    # `make` renames a folder beside the data's.
    assert server.make(data, USER, programs)
    return LabDatabase(
        folder,
        port,
        programs,
        {file["path"]: file["content"] for file in rendered["files"]},
        rendered["databases"],
    )


_PLAY: list[dict[str, Any]] = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_vars": str(ROLE / "defaults" / "main.yml")},
            {"ansible.builtin.include_vars": str(ROLE / "vars" / "main.yml")},
            {
                "ansible.builtin.copy": {
                    "dest": "{{ playbook_dir }}/rendered.json",
                    "content": "{{ {'files': postgresql_files, 'databases': postgresql_declared,"
                    " 'unit': lookup('ansible.builtin.template', 'ai-lab-database.service.j2')}"
                    " | to_json }}",
                }
            },
        ],
    }
]


def render(folder: Path, **variables: Any) -> dict[str, Any]:
    """The role's `files`, `databases` and systemd `unit` for these variables, as Ansible sees."""
    for name in ("files", "templates"):
        (folder / name).symlink_to(ROLE / name)
    (folder / "playbook.yml").write_text(yaml.safe_dump(_PLAY))
    given = {
        "ansible_python_interpreter": sys.executable,
        "postgresql_cluster": {"binaries": "/usr/lib/postgresql/17/bin"},
        **variables,
    }
    (folder / "variables.json").write_text(json.dumps(given))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(folder / "playbook.yml"), "--extra-vars", f"@{folder / 'variables.json'}",
        ],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / "ansible"),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "rendered.json").read_text())
    return found
