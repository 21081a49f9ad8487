"""Who asks for what `lab sandbox` does, and where: options that its commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from infra.cli.options import errors
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.config import SandboxService
    from infra.kubernetes.connection import Connection
    from infra.sandbox.client import SandboxClient
    from infra.sandbox.resource import Phase, Sandbox

Name = Annotated[str, typer.Argument(help="A sandbox of `lab sandbox list`.")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig", help="Log in with this file; default: the lab's own.", dir_okay=False
    ),
]
As = Annotated[
    str | None,
    typer.Option("--as", help="In the name of this user, if one may impersonate."),
]
AsGroup = Annotated[list[str] | None, typer.Option("--as-group", help="Of --as; may be repeated.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is done, or cannot be.")]
Timeout = Annotated[str, typer.Option("--timeout", help="For --wait: 90s, 10m, 2h.")]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why, in a sentence; it stays on record.")
]


@dataclass(frozen=True, slots=True)
class Session:
    """A person at an API server."""

    client: SandboxClient
    connection: Connection
    #: Options with which kubectl is the same person at the same API server.
    kubectl: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.api.close()

    def waited(
        self, sandbox: Sandbox, until: Callable[[Sandbox | None], bool], timeout: str
    ) -> Sandbox | None:
        """The sandbox once it is as it should be; people are told of its phases meanwhile."""
        phases: list[Phase] = []

        def seen(now: Sandbox) -> None:
            if now.status.phase not in phases[-1:]:
                phases.append(now.status.phase)
                errors.print(f"{now.name}: {now.status.phase}", markup=False)

        return self.client.wait(sandbox.name, until, seconds=seconds_of(timeout), seen=seen)


def session_of(
    stack: str, kubeconfig: Path | None, user: str | None, groups: list[str] | None
) -> Session:
    """What the options say.

    Raises:
        LabNotUp, StackNotFound, ConfigError, KubernetesUnreachable, BadUsage
    """
    from infra.kubernetes import kubeconfig as kubeconfigs
    from infra.kubernetes.client import Api
    from infra.sandbox.client import SandboxClient

    if groups and user is None:
        raise BadUsage("--as-group is of nobody.", next_step="add --as USER.")
    service, own = _lab(stack, required=kubeconfig is None)
    connection = kubeconfigs.load(str(kubeconfig or own))
    if kubeconfig is not None and (
        own is None or not own.is_file() or kubeconfigs.load(str(own)).server != connection.server
    ):
        # What this stack's configuration says is not about that cluster.
        service = None
    headers = [("Impersonate-User", user)] if user else []
    headers += [("Impersonate-Group", group) for group in groups or []]
    api = Api(connection, headers=headers, agent="lab-sandbox", patience=20)
    kubectl = ["--kubeconfig", str(kubeconfig or own)]
    kubectl += ["--as", user] if user else []
    kubectl += [f"--as-group={group}" for group in groups or []]
    return Session(SandboxClient(api, service), connection, tuple(kubectl))


def _lab(stack: str, *, required: bool) -> tuple[SandboxService | None, Path | None]:
    """What a stack says of its service, and its own kubeconfig."""
    from infra import config
    from infra.errors import LabNotUp, StackNotFound
    from infra.paths import Home

    try:
        lab = config.load(stack)
    except StackNotFound:
        if required:
            raise
        return None, None
    own = Home(lab.name).kubeconfig
    if required and not own.is_file():
        raise LabNotUp(f"{own} is not there.", next_step="`./lab up`, or name a --kubeconfig.")
    return lab.sandbox_service, own


def seconds_of(text: str) -> float:
    """What --timeout says.

    Raises:
        BadUsage: it is no duration.
    """
    from infra.sandbox.resource import duration

    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise BadUsage(f"--timeout: {error}.", next_step="write 90s, 10m or 2h.") from error
