"""Vault's bootstrap API in memory: seal, init, tokens, audit, policies, AppRole, generate-root.

Every answer has the shape of the real one (tests/integration/vault_server runs the same code
against a real Vault). It can be killed at any request, before or after the request takes effect.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.vault_role import unseal

OTP = "0123456789012345678901234567"


class Killed(BaseException):
    """The process that talks to Vault is gone."""


class FakeVault:
    """One server; `storage` is a folder that is empty exactly while it is not initialised."""

    def __init__(self, storage: Path, *, auto_unseal: bool = False) -> None:
        self.storage = storage
        self.auto_unseal = auto_unseal
        self.requests: list[str] = []
        #: Number of the request at which the client dies, and whether Vault still does it.
        self.kill_at: int | None = None
        self.kill_after = False
        self.silent = 0  # so many requests get no answer
        self.standby = 0  # so many health checks say "standby"
        self.refuse: dict[str, int] = {}  # path -> status
        self.empty()

    def empty(self) -> None:
        self.initialised = False
        self.sealed = True
        self.keys: list[str] = []
        self.given: set[str] = set()
        self.threshold = 0
        self.tokens: dict[str, list[str]] = {}
        self.audit: dict[str, Any] = {}
        self.auth: set[str] = {"token/"}
        self.policies: dict[str, str] = {}
        self.role: dict[str, Any] | None = None
        self.secret_ids: set[str] = set()
        self.attempt: set[str] | None = None
        self.serial = 0

    def control(self, action: str, _service: str) -> None:
        """What systemctl does to it."""
        if action == "start" and not any(self.storage.iterdir()):
            self.empty()

    def restart(self) -> None:
        self.sealed, self.given = not self.auto_unseal, set()

    def root_tokens(self) -> list[str]:
        return [token for token, policies in self.tokens.items() if "root" in policies]

    def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> dict[str, Any]:
        self.requests.append(f"{method} {path}")
        killed = self.kill_at == len(self.requests)
        if killed and not self.kill_after:
            raise Killed
        if self.silent:
            self.silent -= 1
            raise ConnectionRefusedError("nobody listens")
        if path in self.refuse:
            raise unseal.VaultError(self.refuse[path], path, ["asked to refuse"])
        try:
            return self._route(method, path, body or {}, token)
        finally:
            if killed:
                raise Killed

    def _new(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}-{self.serial}"

    def _token(self, *policies: str) -> str:
        token = self._new("token")
        self.tokens[token] = list(policies)
        return token

    def _deny(self, path: str, status: int = 403) -> unseal.VaultError:
        return unseal.VaultError(status, path, ["permission denied"] if status == 403 else [])

    def _route(self, method: str, path: str, body: Any, token: str | None) -> dict[str, Any]:
        open_routes: dict[str, Callable[[str, Any], dict[str, Any]]] = {
            "sys/seal-status": lambda *_: {"initialized": self.initialised, "sealed": self.sealed},
            "sys/health": self._health,
            "sys/health?standbyok=true": self._health,
            "sys/init": self._init,
            "sys/unseal": self._unseal,
        }
        if path in open_routes:
            return open_routes[path](path, body)
        if self.sealed:
            raise unseal.VaultError(503, path, ["Vault is sealed"])
        if path.startswith("sys/generate-root/"):
            return self._generate_root(method, path, body)
        if path == "auth/approle/login":
            return self._login(path, body)
        if token not in self.tokens:
            raise self._deny(path)
        if path == "auth/token/revoke-self":
            del self.tokens[token]
            return {}
        if path == "auth/token/lookup-self":
            return {"data": {"accessor": f"accessor-of-{token}", "policies": self.tokens[token]}}
        if method != "GET" and "root" not in self.tokens[token]:
            raise self._deny(path)
        return self._root_route(method, path, body)

    def _health(self, path: str, _body: Any) -> dict[str, Any]:
        if not self.sealed and path.endswith("standbyok=true"):
            return {"initialized": True, "standby": bool(self.standby)}
        if self.sealed or self.standby:
            self.standby = max(0, self.standby - 1)
            raise unseal.VaultError(429, path, [])
        return {"initialized": True}

    def _init(self, path: str, body: Any) -> dict[str, Any]:
        kind = "recovery" if self.auto_unseal else "secret"
        if self.initialised:
            raise unseal.VaultError(400, path, ["Vault is already initialized"])
        self.initialised = True
        (self.storage / "vault.db").touch()
        self.keys = [self._new("key") for _ in range(body[f"{kind}_shares"])]
        self.threshold = body[f"{kind}_threshold"]
        self.sealed = not self.auto_unseal
        name = "recovery_keys_base64" if self.auto_unseal else "keys_base64"
        return {name: self.keys, "root_token": self._token("root")}

    def _unseal(self, path: str, body: Any) -> dict[str, Any]:
        if body["key"] not in self.keys:
            raise unseal.VaultError(400, path, ["invalid key"])
        self.given.add(body["key"])
        self.sealed = len(self.given) < self.threshold
        return {"sealed": self.sealed}

    def _generate_root(self, method: str, path: str, body: Any) -> dict[str, Any]:
        if path.endswith("update"):
            assert self.attempt is not None
            self.attempt.add(body["key"])
            if len(self.attempt) < self.threshold:
                return {"complete": False}
            self.attempt = None
            token = self._token("root").ljust(len(OTP))
            self.tokens[token] = self.tokens.pop(token.rstrip())
            masked = bytes(a ^ b for a, b in zip(token.encode(), OTP.encode(), strict=True))
            encoded = base64.b64encode(masked).decode().rstrip("=")
            return {"complete": True, "encoded_token": encoded}
        if method == "GET":
            return {"started": self.attempt is not None}
        if method == "DELETE":
            self.attempt = None
            return {}
        if self.attempt is not None:
            raise unseal.VaultError(400, path, ["root generation already in progress"])
        self.attempt = set()
        return {"nonce": "nonce", "otp": OTP}

    def _login(self, path: str, body: Any) -> dict[str, Any]:
        if self.role is None or body["secret_id"] not in self.secret_ids:
            raise unseal.VaultError(400, path, ["invalid role or secret ID"])
        return {"auth": {"client_token": self._token("default", *self.role["token_policies"])}}

    def _root_route(  # noqa: PLR0911 one return a route
        self, method: str, path: str, body: Any
    ) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        match method, path.removesuffix(name):
            case "GET", "sys/":
                return {"data": self.audit if name == "audit" else dict.fromkeys(self.auth)}
            case "PUT", "sys/audit/":
                self.audit[f"{name}/"] = body
                return {}
            case "POST", "sys/auth/":
                self.auth.add(f"{name}/")
                return {}
            case "GET", "sys/policies/acl/" if name in self.policies:
                return {"data": {"policy": self.policies[name]}}
            case "PUT", "sys/policies/acl/":
                self.policies[name] = body["policy"]
                return {}
            case _, "auth/token/":
                return self._accessor(name, body)
            case _, _ if path.startswith("auth/approle/role/lab"):
                return self._approle(method, path.removeprefix("auth/approle/role/lab"), body)
        raise self._deny(path, 404)

    def _accessor(self, name: str, body: Any) -> dict[str, Any]:
        if name == "accessors":
            return {"data": {"keys": [f"accessor-of-{token}" for token in self.tokens]}}
        token = body["accessor"].removeprefix("accessor-of-")
        if name == "revoke-accessor":
            del self.tokens[token]
            return {}
        if "vanished" in self.tokens[token]:
            raise self._deny(name)
        return {"data": {"policies": self.tokens[token]}}

    def _approle(self, method: str, rest: str, body: Any) -> dict[str, Any]:
        match method, rest:
            case "PUT", "":
                self.role = dict(body)
            case "GET", "" if self.role is not None:
                return {"data": self.role | {"token_num_uses": 0}}
            case "GET", "/role-id":
                return {"data": {"role_id": "role"}}
            case "POST", "/secret-id":
                self.secret_ids.add(self._new("secret"))
                return {"data": {"secret_id": f"secret-{self.serial}"}}
            case "LIST", "/secret-id" if self.secret_ids:
                return {"data": {"keys": sorted(self.secret_ids)}}
            case "POST", "/secret-id-accessor/destroy":
                self.secret_ids.remove(body["secret_id_accessor"])
            case _:
                raise self._deny(rest, 404)
        return {}
