"""Events of sandboxes and of reviews of files, by kopf. Each says only that something is new;
nothing else is kept.

kopf's own way of working (handlers that are remembered in annotations of the object) is not used:
what was done is in the status, and two memories could disagree (ADR 18).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kopf

from infra.kubernetes.connection import Connection
from infra.sandbox import transfer
from infra.sandbox.resource import GROUP, PLURAL, VERSION

#: How long kopf uses a token before it asks for the one that is there then.
_TOKEN_LIFE = timedelta(minutes=5)
#: Seconds after which everything is listed again, whatever was seen: nothing is missed for longer.
_AGAIN = 300


def watch(
    connection: Connection,
    authority: Path,
    changed: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Tells `changed` the name of every sandbox, and of each that changes or goes, until `stop`.

    Those of reviews of files have a slash in them: NAMESPACE/NAME.
    `authority` is the file of the API server's certificate authority.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_path=authority,
            token=connection.token() if connection.token else None,
            expiration=datetime.now(UTC) + _TOKEN_LIFE,
        )

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def event(name: str, **_: Any) -> None:
        changed(name)

    @kopf.on.event(GROUP, VERSION, transfer.PLURAL, registry=registry)
    async def review(namespace: str | None, name: str, **_: Any) -> None:
        changed(f"{namespace}/{name}")

    asyncio.run(_operate(registry, stop))


async def _operate(registry: kopf.OperatorRegistry, stop: threading.Event) -> None:
    """Runs kopf until `stop`; raises what breaks it.

    Not with `stop` itself as its flag: kopf would wait for that in a thread of its own, and could
    not end before it is set.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def pass_on() -> None:
        stop.wait()
        # The loop may have ended before.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(over.set)

    threading.Thread(target=pass_on, name="stop", daemon=True).start()
    await kopf.operator(
        registry=registry,
        settings=_settings(),
        clusterwide=True,
        standalone=True,
        stop_flag=over,
    )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    # Which kinds and namespaces there are does not concern it, and needs rights.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = _AGAIN
    settings.watching.reconnect_backoff = 0.1
    return settings
