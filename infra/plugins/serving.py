"""Life of a plugin process: port on stdout, then requests until the engine lets go or is gone.

The engine puts a plugin into its own process group, asks it by `Cancel` to abandon its work, and
ends it by SIGINT; it waits five seconds for that, so a plugin must leave at once and quietly.
A plugin whose engine was killed must leave too: two operations at once would disturb each other.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from infra.plugins.engine import CHANNEL_OPTIONS, parent_watch, wait_for_either

#: Seconds for requests under way to notice `cancelled` before the process ends anyway.
GRACE = 2.0


def run_server(
    register: Callable[[grpc.Server], Any],
    *,
    cancelled: threading.Event,
    at_end: Callable[[], None] | None = None,
    workers: int = 64,
) -> None:
    """Serves until SIGINT, SIGTERM or the end of the parent; then ends the process.

    `at_end` runs once `cancelled` is set, before requests under way are waited for.
    """
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    # A Python handler must exist for the wake-up byte to be written; it has nothing else to do.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=workers), options=CHANNEL_OPTIONS)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    wait_for_either(ended, parent_watch())
    cancelled.set()
    if at_end is not None:
        at_end()
    server.stop(GRACE).wait()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread may still sit in a system call; what it does can no longer be told to anybody.
    os._exit(0)
