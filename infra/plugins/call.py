"""What a resource type may know of the request that it serves, besides its properties.

The server sets it for each request; a type asks `current()`. So no signature carries a logger.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["debug", "info", "warning", "error"]


def to_logging(severity: Severity, message: str, _urn: str, _ephemeral: bool) -> None:
    """Where messages go when no engine listens: a unit test, or a plugin started by hand."""
    levels = {
        "debug": logging.DEBUG,
        "info": logging.INFO,
        "warning": logging.WARNING,
        "error": logging.ERROR,
    }
    logging.getLogger("infra.plugins").log(levels[severity], "%s", message)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the engine."""

    urn: str = ""
    #: The resource's name in the program.
    name: str = ""
    #: Stable between preview and update of one resource: what random parts of names grow from.
    random_seed: bytes = b""
    #: Set when the user interrupts or the engine is gone; long work must end soon after.
    cancelled: threading.Event = field(default_factory=threading.Event)
    send: Callable[[Severity, str, str, bool], None] = to_logging

    def log(self, message: str, *, severity: Severity = "info") -> None:
        """A message that stays in the output of the operation, under this resource."""
        self.send(severity, message, self.urn, False)

    def progress(self, message: str) -> None:
        """What is going on right now; the display shows it until the next one comes."""
        self.send("info", message, self.urn, True)


_NO_REQUEST = Call()
_CURRENT: ContextVar[Call] = ContextVar("call", default=_NO_REQUEST)


def current() -> Call:
    """The request that this thread serves; outside of one, a call that logs locally."""
    return _CURRENT.get()


def enter(call: Call) -> None:
    """Makes `call` the current one of this thread, until the next."""
    _CURRENT.set(call)
