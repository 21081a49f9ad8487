"""SSH to a machine: how to call it, and waiting until it answers."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from infra import paths
from infra.errors import MachineUnreachable

PORT = 22


def command(home: paths.Home, address: IPv4Address | str) -> list[str]:
    """The ssh command line for a machine of this lab, host key checked strictly."""
    return [
        "ssh",
        *("-i", str(home.ssh_key)),
        *("-o", f"UserKnownHostsFile={home.known_hosts}"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", "BatchMode=yes"),
        *("-o", "ConnectTimeout=5"),
        f"root@{address}",
    ]


def wait_for(address: IPv4Address | str, *, timeout: float = 60) -> None:
    """Waits until the machine's SSH server greets.

    Raises:
        MachineUnreachable: it did not within `timeout` seconds.
    """

    def greet() -> None:
        with socket.create_connection((str(address), PORT), timeout=2) as connection:
            if not connection.recv(4).startswith(b"SSH-"):
                raise ConnectionError("no SSH greeting")

    try:
        Retrying(
            retry=retry_if_exception_type(OSError),
            stop=stop_after_delay(timeout),
            wait=wait_fixed(0.1),
        )(greet)
    except RetryError as error:
        raise MachineUnreachable(
            f"{address} did not answer over SSH within {timeout:.0f} s.",
            next_step="read the machine's console: `./lab machines console-log NAME`.",
        ) from error
