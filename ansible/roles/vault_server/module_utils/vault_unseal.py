#!/usr/bin/python3
"""A small Vault client and the unsealing that every start of Vault needs.

Only the standard library, because it runs on the machine: as a module utility of
`vault_bootstrap` and, installed as a program, as what vault-unseal.service starts.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Seconds between two looks at something that Vault gives no event for.
PAUSE = 0.2
#: What a member says that has to pass a request on and knows nobody to pass it to.
_LEADERLESS = "active cluster node not found"


class VaultError(Exception):
    """Vault refused a request. Never carries what was sent, which may be secret."""

    def __init__(self, status: int, path: str, errors: list[str]) -> None:
        super().__init__(f"{path}: status {status}: {'; '.join(errors) or 'no reason given'}")
        self.status = status
        #: Members choose who leads; nothing was done, and the same request will find one.
        self.leaderless = any(_LEADERLESS in error for error in errors)


class SetupError(Exception):
    """Vault cannot be set up; the message says why and what to do."""


class Vault:
    """Requests to one Vault server over TLS."""

    def __init__(self, address: str, ca_file: str, *, timeout: float = 15.0) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._address = address.rstrip("/")
        self._timeout = timeout
        # An empty ProxyHandler: a proxy from the environment must never see unseal keys.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def request(
        self, method: str, path: str, body: object = None, *, token: str | None = None
    ) -> dict[str, Any]:
        """Sends one request and returns its JSON object ({} where there is none).

        Raises:
            VaultError: Vault answered with an error status; without a leader, until the timeout.
            OSError: there was no answer.
        """
        end = time.monotonic() + self._timeout
        while True:
            try:
                return self._once(method, path, body, token)
            except VaultError as error:
                if not error.leaderless or time.monotonic() >= end:
                    raise
            time.sleep(PAUSE)

    def _once(self, method: str, path: str, body: object, token: str | None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 the address is the machine's own
            f"{self._address}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {}),
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _object(response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = _object(error.read())
            reasons = [str(reason) for reason in answer.get("errors") or []]
            raise VaultError(error.code, path, reasons) from None


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file, or None where there is no file.

    Raises:
        SetupError: the file holds something else; it is only ever replaced whole, so somebody
            else wrote it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    value = _object(content)
    if not value:
        raise SetupError(f"{path} is not a JSON object; restore it from a backup.")
    return value


def read_keys(path: Path) -> list[str]:
    """The unseal keys in a file.

    Raises:
        SetupError: there is no such file, or no keys in it.
    """
    stored = read_json(path)
    if stored is None or not stored.get("keys"):
        raise SetupError(f"{path} holds no keys; Vault has to be initialised first.")
    return list(stored["keys"])


def await_condition(
    condition: Callable[[], bool], what: str, *, limit: float, clock: Any = time
) -> None:
    """Asks until the condition holds; a server that does not answer yet counts as no.

    Raises:
        SetupError: it did not hold within `limit` seconds.
    """
    end = clock.monotonic() + limit
    last = "it was not so"
    while True:
        try:
            if condition():
                return
        except OSError as error:
            last = str(error)
        if clock.monotonic() >= end:
            raise SetupError(
                f"waited {limit:.0f} s in vain until {what} ({last}); see journalctl -u vault."
            )
        clock.sleep(PAUSE)


def is_sealed(vault: Vault) -> bool:
    """Whether Vault needs its keys before it serves anything."""
    return bool(vault.request("GET", "sys/seal-status")["sealed"])


def unseal(vault: Vault, keys: list[str]) -> bool:
    """Gives Vault its keys until it is open; returns whether that was needed."""
    if not is_sealed(vault):
        return False
    for key in keys:
        if not vault.request("PUT", "sys/unseal", {"key": key})["sealed"]:
            return True
    raise SetupError(
        "Vault stays sealed after all known keys; it needs the keys it was initialised with."
    )


def main(arguments: list[str]) -> int:
    """Unseals once, waiting for the listener. Exit status 1 with the reason on failure."""
    parser = argparse.ArgumentParser(description="Unseals the Vault server of this machine.")
    parser.add_argument("--address", required=True)
    parser.add_argument("--ca-file", required=True)
    parser.add_argument("--keys", required=True, type=Path, help="JSON file with the list `keys`")
    parser.add_argument("--limit", default=60.0, type=float, help="longest wait in seconds")
    options = parser.parse_args(arguments)
    try:
        keys = read_keys(options.keys)
        vault = Vault(options.address, options.ca_file)
        await_condition(
            lambda: bool(vault.request("GET", "sys/seal-status")),
            "Vault listens",
            limit=options.limit,
        )
        print("unsealed" if unseal(vault, keys) else "already open")
    except (SetupError, VaultError, OSError) as error:
        print(f"vault-unseal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
