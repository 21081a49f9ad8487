"""The way into a sandbox for programs of its person: a token that ends within the hour.

The token is of the account `principal` in the sandbox's namespace, which its operator makes last
and removes first; no pod may use it. It is written to files of mode 0600 only.
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import naming
from infra.errors import FileInTheWay, NoPodToEnter, SandboxNotReady
from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection, trusting
from infra.sandbox.client import SandboxClient
from infra.sandbox.resource import Phase, Sandbox

#: Seconds; no token of a sandbox's account is given for longer (no-unlimited-token-requests).
LONGEST = 3600


@dataclass(frozen=True, slots=True)
class Login:
    """A token for one sandbox. Never printed."""

    sandbox: str
    namespace: str
    #: ISO 8601, as the API server says.
    ends: str
    server: str
    authority: bytes | None
    token: str

    def kubeconfig(self) -> str:
        """https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/"""
        cluster: dict[str, Any] = {"server": self.server}
        if self.authority is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self.authority).decode()
        name = context_of(self.sandbox)
        context = {"cluster": name, "user": name, "namespace": self.namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": context}],
            "current-context": name,
        }
        return yaml.safe_dump(document, sort_keys=False)

    def connection(self) -> Connection:
        """The same for a client of ours."""
        return Connection(
            self.server,
            trusting(self.authority),
            lambda: self.token,
            self.namespace,
            self.authority,
        )


def context_of(sandbox: str) -> str:
    """Name of the context in a kubeconfig of a sandbox."""
    return f"sandbox-{sandbox}"


def log_in(client: SandboxClient, connection: Connection, name: str) -> Login:
    """Asks for a token.

    Args:
        client: of who asks.
        connection: to the same API server.
        name: of the sandbox.

    Raises:
        SandboxNotReady, SandboxOver, SandboxNotFound, NotTheRequester, KubernetesUnreachable
    """
    sandbox = client.get(name)
    if not client.is_ready(sandbox) or sandbox.status.namespace is None:
        raise _not_ready(sandbox)
    namespace = sandbox.status.namespace
    account = naming.PRINCIPAL_SERVICE_ACCOUNT
    answer = client.api.request(
        "POST",
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        body={
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": LONGEST},
        },
    )
    if answer.status == 403:
        raise client.refusals.not_the_requester(sandbox, client.me, "logs in to it")
    if not answer.ok:
        raise answer.refused(f"a token for sandbox {name}")
    status = answer.body["status"]
    return Login(
        name,
        namespace,
        str(status["expirationTimestamp"]),
        connection.server,
        connection.authority,
        str(status["token"]),
    )


def _not_ready(sandbox: Sandbox) -> SandboxNotReady:
    name, spec = sandbox.name, sandbox.spec
    if spec.suspension is not None:
        return SandboxNotReady(
            f"{name} was suspended by {spec.suspension.by}: {spec.suspension.reason}.",
            next_step=f"ask {spec.suspension.by}; nothing in it is lost.",
        )
    if sandbox.status.phase is Phase.REQUESTED:
        return SandboxNotReady(
            f"{name} waits for approval.",
            next_step=f"`./lab sandbox show {name}` says by how many; `--wait` waits for it.",
        )
    return SandboxNotReady(
        f"{name} is being made ({sandbox.status.phase}).",
        next_step=f"`./lab sandbox show {name} --wait`, then try again.",
    )


def write(login: Login, file: Path) -> None:
    """Writes the kubeconfig with mode 0600; one of the same sandbox is replaced.

    Raises:
        FileInTheWay: there is another file.
        OSError: it cannot be written.
    """
    if file.exists() and not _is_of(file, login.sandbox):
        raise FileInTheWay(
            f"{file} is there and is no kubeconfig of sandbox {login.sandbox}.",
            next_step="name another file with --output.",
        )
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(login.kubeconfig())
    new.replace(file)


def _is_of(file: Path, sandbox: str) -> bool:
    try:
        document = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(document, dict) and document.get("current-context") == context_of(sandbox)


def pod_to_enter(api: Api, login: Login, pod: str | None) -> str:
    """The pod of this name, or the only one that runs.

    Raises:
        NoPodToEnter: there is none, or more than one.
    """
    answer = api.request(
        "GET",
        f"/api/v1/namespaces/{login.namespace}/pods",
        params={"fieldSelector": "status.phase=Running"},
    )
    if not answer.ok:
        raise answer.refused(f"pods of sandbox {login.sandbox}")
    running = sorted(one["metadata"]["name"] for one in answer.body["items"])
    if pod in running or (pod is None and len(running) == 1):
        return pod or str(running[0])
    names = ", ".join(running) or "none"
    wanted = f"pod {pod} does not run" if pod else f"{len(running)} pods run"
    raise NoPodToEnter(
        f"{wanted} in sandbox {login.sandbox}.",
        next_step=f"start one with `./lab sandbox kubeconfig` and kubectl, or name one with --pod; "
        f"running: {names}.",
    )


def run(
    kubectl: Path,
    login: Login,
    pod: str,
    command: Sequence[str],
    *,
    container: str | None = None,
    terminal: bool = False,
) -> int:
    """Runs a command in a pod, and returns its exit status.

    The token lies in a folder of its own of mode 0700 for as long as the command runs.
    """
    with tempfile.TemporaryDirectory(prefix="lab-sandbox-") as folder:
        # One binary is all of Kubernetes; the name that it is started under chooses.
        program = Path(folder, "kubectl")
        program.symlink_to(kubectl)
        config = Path(folder, "kubeconfig")
        write(login, config)
        words = [str(program), "--kubeconfig", str(config), "exec", "-i"]
        words += ["-t"] if terminal else []
        words += [pod] + (["-c", container] if container else []) + ["--", *command]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder}
        if "TERM" in os.environ:
            environment["TERM"] = os.environ["TERM"]
        return subprocess.run(words, env=environment, check=False).returncode
