"""How machines are reached over SSH."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from infra.config.model import Model

#: Path of a file on the engineer's host; what is in it never enters a configuration.
LocalPath = Annotated[str, Field(pattern=r"^(/|~/)[^\s:]+$")]


class SshAccess(Model):
    """The way in: paths of files on the engineer's host, never what is in them.

    Host keys are checked against `known_hosts`; nothing is trusted on first use. A user other
    than root needs sudo without a password.
    """

    user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    port: int = Field(default=22, ge=1, le=65535)
    private_key: LocalPath
    known_hosts: LocalPath


def expanded(path: str) -> str:
    """The path with `~` as the home folder of whoever runs this."""
    return str(Path(path).expanduser())
