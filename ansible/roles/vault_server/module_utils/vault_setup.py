"""Brings a new Vault to the state in which the lab can use it, from any point of the way.

The steps, each of which may be the last one before a kill:

1. a marker file, then `sys/init`, then the keys file (written whole), then the marker goes;
2. unseal;
3. with the root token: audit device, AppRole auth, policy, role, credentials file;
4. the root token is revoked, then removed from the keys file.

Later runs log in with the lab's own AppRole and compare. Only where something differs they make
a root token from the unseal (or recovery) keys, put it right, and revoke the token again.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .vault_unseal import SetupError, Vault, VaultError, await_condition, read_json, unseal


@dataclass(frozen=True)
class Settings:
    """What the bootstrap makes; see the module's documentation for each."""

    state: Path
    storage: Path
    service: str
    shares: int
    threshold: int
    #: True where a key service opens Vault; `sys/init` then gives recovery keys.
    auto_unseal: bool
    audit_file: str
    policy: str
    role: dict[str, Any]
    #: Longest wait for Vault, in seconds.
    limit: float = 60.0
    name: str = "lab"
    audit_device: str = "file"

    @property
    def keys(self) -> Path:
        return self.state / "init.json"

    @property
    def marker(self) -> Path:
        return self.state / "init.pending"

    @property
    def credentials(self) -> Path:
        return self.state / "approle.json"

    @property
    def audit(self) -> dict[str, Any]:
        return {"type": "file", "options": {"file_path": self.audit_file, "mode": "0600"}}


def systemctl(*arguments: str) -> None:
    """Runs systemctl.

    Raises:
        SetupError: it failed.
    """
    done = subprocess.run(
        ["/usr/bin/systemctl", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replaces a file of mode 0600 whole: after a crash there is the old or the new content."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Bootstrap:
    """One run. `actions` says what was done, in words without secrets."""

    def __init__(
        self,
        vault: Vault,
        settings: Settings,
        control: Callable[..., None] = systemctl,
        *,
        peers: Sequence[Vault] = (),
    ) -> None:
        self._vault = vault
        self._peers = peers
        self._settings = settings
        self._control = control
        self.actions: list[str] = []

    def run(self) -> list[str]:
        """Does what is missing.

        Raises:
            SetupError: something needs a person; the message says what.
            VaultError: Vault refused a step.
            OSError: Vault does not answer, or a file cannot be written.
        """
        self._await(lambda: bool(self._vault.request("GET", "sys/seal-status")), "Vault listens")
        keys = self._initialise()
        if self._settings.auto_unseal:
            self._await(lambda: not self._status()["sealed"], "Vault's key service unseals it")
        elif unseal(self._vault, keys):
            self.actions.append("unsealed")
        self._await(self._active, "Vault is active")
        self._configure(keys)
        return self.actions

    def follow(self) -> list[str]:
        """Waits until this member has joined the Vault of the others and is open.

        Raises:
            SetupError: it does not join, or its key service does not open it.
            OSError: Vault does not answer.
        """
        self._await(lambda: bool(self._vault.request("GET", "sys/seal-status")), "Vault listens")
        self._await(lambda: bool(self._status()["initialized"]), "this member joins the others")
        self._await(lambda: not self._status()["sealed"], "Vault's key service unseals it")
        self._await(self._active, "Vault has a leader")
        return self.actions

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        await_condition(condition, what, limit=self._settings.limit)

    def _status(self) -> dict[str, Any]:
        return self._vault.request("GET", "sys/seal-status")

    def _active(self) -> bool:
        # One of several may wait while another one is active; it passes requests on.
        path = "sys/health?standbyok=true" if self._peers else "sys/health"
        try:
            self._vault.request("GET", path)
        except VaultError:  # standby, sealed, no leader yet: another status than 200
            return False
        return True

    def _peers_have_one(self) -> bool:
        """Whether another member belongs to a Vault already. One that is away says nothing."""
        for peer in self._peers:
            try:
                if peer.request("GET", "sys/seal-status")["initialized"]:
                    return True
            except (OSError, VaultError):
                continue
        return False

    # Initialisation

    def _initialise(self) -> list[str]:
        settings = self._settings
        stored = read_json(settings.keys)
        if self._peers_have_one():
            # It may be this machine that was lost: it joins, it does not begin anew.
            self._await(lambda: bool(self._status()["initialized"]), "this member joins the others")
        initialised = self._status()["initialized"]
        if stored is not None:
            if not initialised:
                raise SetupError(
                    f"Vault is empty, but {settings.keys} holds keys: its storage "
                    f"({settings.storage}) was lost. Restore a snapshot, or remove that file to "
                    "start with an empty Vault."
                )
            settings.marker.unlink(missing_ok=True)
            return list(stored["keys"])
        if initialised:
            self._start_anew()
        settings.marker.touch(mode=0o600)
        _sync(settings.state)
        kind = "recovery" if settings.auto_unseal else "secret"
        answer = self._vault.request(
            "PUT",
            "sys/init",
            {f"{kind}_shares": settings.shares, f"{kind}_threshold": settings.threshold},
        )
        keys = list(answer["recovery_keys_base64" if settings.auto_unseal else "keys_base64"])
        write_json(settings.keys, {"keys": keys, "root_token": answer["root_token"]})
        settings.marker.unlink()
        self.actions.append("initialised")
        return keys

    def _start_anew(self) -> None:
        """Empties a Vault whose keys never reached the disk; nobody can have stored a thing."""
        settings = self._settings
        if not settings.marker.exists():
            raise SetupError(
                f"Vault is initialised, but its keys are not in {settings.keys}, and no "
                "initialisation of ours was cut short. Put the keys file back; or, if nothing in "
                f"this Vault is needed, stop {settings.service} and empty {settings.storage}."
            )
        self._control("stop", settings.service)
        for entry in settings.storage.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._control("start", settings.service)
        self._await(lambda: not self._status()["initialized"], "Vault is empty")
        self.actions.append("emptied after an initialisation that was cut short")

    # What the lab needs in Vault

    def _configure(self, keys: list[str]) -> None:
        root = self._stored_root()
        if root is None:
            differences = self._differences()
            if not differences:
                return
            self.actions.append(f"root token made, because of: {', '.join(differences)}")
            root = self._generate_root(keys)
            self._store(keys, root)
        self._enable_audit(root)
        self._enable_approle(root)
        self._put(
            "policy",
            f"sys/policies/acl/{self._settings.name}",
            {"policy": self._settings.policy},
            root,
        )
        self._put("role", self._role_path, self._settings.role, root)
        self._make_credentials(root)
        self._revoke_other_roots(root)
        self._vault.request("POST", "auth/token/revoke-self", token=root)
        self._store(keys, None)
        self.actions.append("root token revoked")

    @property
    def _role_path(self) -> str:
        return f"auth/approle/role/{self._settings.name}"

    def _store(self, keys: list[str], root: str | None) -> None:
        write_json(self._settings.keys, {"keys": keys} | ({"root_token": root} if root else {}))

    def _stored_root(self) -> str | None:
        """The root token of a run that did not come to its end, if it still is one."""
        stored = read_json(self._settings.keys) or {}
        token = stored.get("root_token")
        if token is None:
            return None
        try:
            self._vault.request("GET", "auth/token/lookup-self", token=token)
        except VaultError as error:
            if error.status != 403:
                raise
            self._store(stored["keys"], None)
            self.actions.append("revoked root token removed")
            return None
        return str(token)

    def _generate_root(self, keys: list[str]) -> str:
        """https://developer.hashicorp.com/vault/api-docs/system/generate-root"""
        path = "sys/generate-root/attempt"
        if self._vault.request("GET", path).get("started"):
            self._vault.request("DELETE", path)  # of a run that was killed
        attempt = self._vault.request("PUT", path, {})
        for key in keys:
            answer = self._vault.request(
                "PUT", "sys/generate-root/update", {"key": key, "nonce": attempt["nonce"]}
            )
            if answer["complete"]:
                encoded = answer["encoded_token"]
                masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
                pad = attempt["otp"].encode()
                return bytes(a ^ b for a, b in zip(masked, pad, strict=True)).decode()
        raise SetupError(f"the keys in {self._settings.keys} are too few to make a root token.")

    def _revoke_other_roots(self, root: str) -> None:
        """Of a run that was killed between making one and storing it, or of whoever made one."""
        accessors = self._vault.request("LIST", "auth/token/accessors", token=root)["data"]["keys"]
        own = self._vault.request("GET", "auth/token/lookup-self", token=root)["data"]["accessor"]
        for accessor in accessors:
            body = {"accessor": accessor}
            try:
                token = self._vault.request("POST", "auth/token/lookup-accessor", body, token=root)
            except VaultError as error:
                if error.status not in {403, 404}:  # it has just ended
                    raise
                continue
            if accessor != own and "root" in token["data"]["policies"]:
                self._vault.request("POST", "auth/token/revoke-accessor", body, token=root)
                self.actions.append("another root token revoked")

    def _differences(self) -> list[str]:
        """What is not as it should be, as far as the lab's own login can see."""
        token = self._login()
        if token is None:
            return ["credentials"]
        checks: dict[str, Callable[[], bool]] = {
            "audit device": lambda: self._audit_is_on(token),
            "policy": lambda: self._holds(
                f"sys/policies/acl/{self._settings.name}", {"policy": self._settings.policy}, token
            ),
            "role": lambda: self._holds(self._role_path, self._settings.role, token),
        }
        try:
            return [name for name, holds in checks.items() if not _allowed(holds)]
        finally:
            self._vault.request("POST", "auth/token/revoke-self", token=token)

    def _login(self) -> str | None:
        """A token of the lab, or None where its credentials are missing or not accepted."""
        credentials = read_json(self._settings.credentials)
        if credentials is None:
            return None
        try:
            answer = self._vault.request("POST", "auth/approle/login", credentials)
        except VaultError as error:
            if error.status >= 500:
                raise
            return None
        return str(answer["auth"]["client_token"])

    def _audit_is_on(self, token: str) -> bool:
        devices = self._vault.request("GET", "sys/audit", token=token)["data"]
        return f"{self._settings.audit_device}/" in devices

    def _enable_audit(self, token: str) -> None:
        # First of all, so that everything that follows is in the audit log.
        if not self._audit_is_on(token):
            path = f"sys/audit/{self._settings.audit_device}"
            self._vault.request("PUT", path, self._settings.audit, token=token)
            self.actions.append("audit device enabled")

    def _enable_approle(self, token: str) -> None:
        if "approle/" not in self._vault.request("GET", "sys/auth", token=token)["data"]:
            self._vault.request("POST", "sys/auth/approle", {"type": "approle"}, token=token)
            self.actions.append("AppRole enabled")

    def _holds(self, path: str, wanted: dict[str, Any], token: str) -> bool:
        try:
            data = self._vault.request("GET", path, token=token)["data"]
        except VaultError as error:
            if error.status != 404:
                raise
            return False
        return all(data.get(key) == value for key, value in wanted.items())

    def _put(self, what: str, path: str, wanted: dict[str, Any], token: str) -> None:
        if not self._holds(path, wanted, token):
            self._vault.request("PUT", path, wanted, token=token)
            self.actions.append(f"{what} written")

    def _make_credentials(self, root: str) -> None:
        """A new secret ID, unless the stored one works; older ones are destroyed."""
        token = self._login()
        if token is not None:
            self._vault.request("POST", "auth/token/revoke-self", token=token)
            return
        for accessor in self._accessors(root):
            path = f"{self._role_path}/secret-id-accessor/destroy"
            self._vault.request("POST", path, {"secret_id_accessor": accessor}, token=root)
        role = self._vault.request("GET", f"{self._role_path}/role-id", token=root)["data"]
        secret = self._vault.request("POST", f"{self._role_path}/secret-id", {}, token=root)["data"]
        write_json(
            self._settings.credentials,
            {"role_id": role["role_id"], "secret_id": secret["secret_id"]},
        )
        token = self._login()
        if token is None:
            raise SetupError(
                "the lab's new AppRole is refused; its address ranges must hold 127.0.0.1."
            )
        self._vault.request("POST", "auth/token/revoke-self", token=token)
        self.actions.append("credentials made")

    def _accessors(self, root: str) -> list[str]:
        try:
            answer = self._vault.request("LIST", f"{self._role_path}/secret-id", token=root)
        except VaultError as error:
            if error.status != 404:
                raise
            return []
        return list(answer["data"]["keys"])


def _allowed(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except VaultError as error:
        if error.status != 403:
            raise
        return False
