"""Vault over plain HTTPS, as callers with and without a token meet it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from tests.live.support.api import trusting
from tests.live.support.lab import Lab


class Caller:
    """One caller of Vault; without a token a stranger."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """One request; `path` is without /v1. LIST is a method of Vault's own."""
        return self._client.request(method, f"/v1/{path}", json=body)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A request that must succeed; returns its document (empty for 204)."""
        answer = self.call(method, path, body)
        assert answer.is_success, f"Vault answered {say(answer)} to {method} {path}"
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document


def say(answer: httpx.Response) -> str:
    """Status and Vault's own words (they name paths and rules, never secrets)."""
    try:
        errors = answer.json().get("errors") or []
    except ValueError:
        errors = [answer.text[:200]]
    return f"{answer.status_code} {'; '.join(str(error).strip() for error in errors)}".strip()


@contextmanager
def caller(lab: Lab, token: str = "") -> Iterator[Caller]:
    """Opens a connection that trusts the lab's own CA and nothing else."""
    host, port = lab.vault_address
    with httpx.Client(
        base_url=f"https://{host}:{port}",
        verify=trusting(lab.home.ca_certificate.read_text()),
        timeout=10,
        trust_env=False,
        headers={"X-Vault-Token": token} if token else {},
    ) as client:
        yield Caller(client)


def login(stranger: Caller, mount: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Logs in at an auth mount and returns Vault's `auth` block."""
    auth: dict[str, Any] = stranger.ask("POST", f"auth/{mount}/login", body)["auth"]
    return auth
