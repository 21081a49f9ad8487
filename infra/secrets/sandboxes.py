"""What the operator does in Vault for one sandbox: key, login, secrets, and their end.

Every call may be repeated. Sandboxes are named by their namespace here, as Vault's policies name
them (`requested`).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hvac.exceptions import InvalidPath, InvalidRequest

from infra import naming
from infra.errors import VaultRefused
from infra.secrets import requested
from infra.secrets.client import Vault
from infra.secrets.requested import Mounts

#: What Vault says of a key that it does not have.
KEY_LOST = "encryption key not found"
#: Bytes of the plaintext that is sealed and kept by nobody.
_CANARY = 32


@dataclass(frozen=True, slots=True)
class SandboxVault:
    """The corners of all sandboxes that were asked for, on one ground.

    Every method raises what `Vault.call` raises.
    """

    vault: Vault
    mounts: Mounts

    def make_key(self, namespace: str) -> None:
        """A key of its own, which never leaves Vault; one that is there already stays."""
        self.vault.write(
            self._key(namespace),
            {"type": requested.KEY_TYPE, "auto_rotate_period": requested.KEY_ROTATION},
        )

    def seal(self, namespace: str) -> str:
        """Ciphertext of what nobody knows. Vault can work with it as long as there is the key."""
        plaintext = base64.b64encode(secrets.token_bytes(_CANARY)).decode()
        path = f"{self.mounts.transit}/encrypt/{namespace}"
        answer = self._post(path, {"plaintext": plaintext})
        return str(answer["data"]["ciphertext"])

    def let_in(self, namespace: str) -> None:
        """Workloads of the sandbox can log in from now on."""
        self.vault.write(self._role(namespace), requested.role_parameters(namespace, self.mounts))

    def shut_out(self, namespace: str) -> None:
        """Nobody logs in any more, and whoever did is logged out at once.

        A login's token is worth nothing without its entity.
        """
        self.vault.remove(self._role(namespace))
        entity = self.entity(namespace)
        if entity is not None:
            self.vault.remove(f"identity/entity/id/{entity}")

    def entity(self, namespace: str) -> str | None:
        """Id of the entity as which its workloads are logged in; None if nobody is."""
        answer = self._post(
            "identity/lookup/entity",
            {
                "alias_name": requested.subject(namespace),
                "alias_mount_accessor": self.mounts.accessor,
            },
        )
        return str(answer["data"]["id"]) if answer else None

    def destroy_key(self, namespace: str) -> None:
        """What it encrypted is unreadable for ever after."""
        if self.vault.read(self._key(namespace)) is None:
            return
        self.vault.write(f"{self._key(namespace)}/config", {"deletion_allowed": True})
        self.vault.remove(self._key(namespace))

    def refusal(self, namespace: str, sealed: str) -> str:
        """Vault's own words on why it cannot work with this ciphertext any more.

        Raises:
            VaultRefused: it still can, or refuses for another reason than a lost key.
        """
        # Not through `_post`: the refusal is what is wanted here.
        path = f"{self.mounts.transit}/rewrap/{namespace}"
        words = self.vault.call(lambda client: _words(client, path, {"ciphertext": sealed}))
        if KEY_LOST in words:
            return words
        raise VaultRefused(
            f"the key of {namespace} is not proven to be lost: Vault answered rewrap with "
            f"{words!r}.",
            next_step="destroy the key; if Vault says that there is none, read its audit log.",
        )

    def destroy_secrets(self, namespace: str) -> None:
        """All versions of all its secrets, with their names."""
        for path in list(self._secrets(self._prefix(namespace))):
            self.vault.remove(path)

    def left_keys(self, namespace: str) -> tuple[list[str], int]:
        """API paths of keys that it still has, and how many keys were looked at."""
        keys = self._names(f"{self.mounts.transit}/keys")
        return [self._key(namespace)] if namespace in keys else [], len(keys)

    def left_paths(self, namespace: str) -> tuple[list[str], int]:
        """API paths of logins and secrets that it still has, and how many were looked at."""
        roles = self._names(f"auth/{self.mounts.jwt}/role")
        prefixes = self._names(f"{self.mounts.kv}/metadata/{naming.VAULT_REQUESTED}")
        found = [self._role(namespace)] if namespace in roles else []
        found += [self._prefix(namespace)] if f"{namespace}/" in prefixes else []
        entity = self.entity(namespace)
        found += [f"identity/entity/id/{entity}"] if entity else []
        return found, len(roles) + len(prefixes) + (1 if entity else 0)

    def all_namespaces(self) -> set[str]:
        """Namespaces of all sandboxes of the operator of which there is something."""
        mine = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
        names = [
            *self._names(f"{self.mounts.transit}/keys"),
            *self._names(f"auth/{self.mounts.jwt}/role"),
            *self._names(f"{self.mounts.kv}/metadata/{naming.VAULT_REQUESTED}"),
        ]
        return {name.rstrip("/") for name in names if name.startswith(mine)}

    def key_path(self, namespace: str) -> str:
        """Where its key is, for whoever reads that it is gone."""
        return self._key(namespace)

    def _key(self, namespace: str) -> str:
        return f"{self.mounts.transit}/keys/{namespace}"

    def _role(self, namespace: str) -> str:
        return f"auth/{self.mounts.jwt}/role/{namespace}"

    def _prefix(self, namespace: str) -> str:
        return f"{self.mounts.kv}/metadata/{naming.requested_kv_prefix(namespace)}"

    def _secrets(self, path: str) -> Iterator[str]:
        for name in self._names(path):
            if name.endswith("/"):
                yield from self._secrets(f"{path}/{name.rstrip('/')}")
            else:
                yield f"{path}/{name}"

    def _names(self, path: str) -> list[str]:
        answer: Any = self.vault.find(lambda client: _untyped(client).list(path))
        return [str(name) for name in answer["data"]["keys"]] if answer else []

    def _post(self, path: str, data: dict[str, Any]) -> Any:
        return self.vault.call(lambda client: _plain(client.write_data(path, data=data)))


def _untyped(client: Any) -> Any:
    """Some methods of hvac's client have no types."""
    return client


def _plain(answer: Any) -> Any:
    """None where Vault answered that there is nothing (hvac gives the bare response then)."""
    return answer if isinstance(answer, dict) else None


def _words(client: Any, path: str, data: dict[str, Any]) -> str:
    try:
        client.write_data(path, data=data)
    except (InvalidRequest, InvalidPath) as error:
        return "; ".join(error.errors or [])
    return "success"
