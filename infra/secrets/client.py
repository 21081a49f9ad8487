"""The lab's way into Vault: a short-lived AppRole token, renewed by logging in again.

Vault may be starting, sealed or between leaders when it is asked (a machine reboots, an
operator unseals it): such answers are waited for, within bounds, before they become errors.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import hvac
import requests
from hvac.exceptions import (
    BadGateway,
    Forbidden,
    InternalServerError,
    InvalidPath,
    InvalidRequest,
    RateLimitExceeded,
    VaultDown,
    VaultError,
    VaultNotInitialized,
)
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from infra import naming
from infra.errors import (
    LabError,
    VaultCredentialsMissing,
    VaultRefused,
    VaultSealed,
    VaultUnreachable,
)

T = TypeVar("T")

#: Seconds that one request may take.
REQUEST_TIMEOUT = 15.0
#: Seconds to wait for a Vault that is not ready.
PATIENCE = 60.0

#: Texts of a Vault that is unsealed but not serving yet.
_NOT_SERVING = (
    "local node not active",  # no leader elected yet
    "Upgrading from non-versioned to versioned data",  # kv version 2 right after its mount
    "mount is not ready",
)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A workload of a cluster, which logs in with the token that Kubernetes gives it."""

    #: File with a token for Vault (audience); Kubernetes writes it anew before it ends.
    token: Path
    role: str
    #: Path of the JWT auth method that knows the cluster.
    mount: str = naming.VAULT_JWT


@dataclass(frozen=True, slots=True)
class Connection:
    """Where Vault is and who we are; paths, never secrets."""

    address: str
    ca_certificate: Path
    #: JSON file with role_id and secret_id of an AppRole; or who we are in a cluster.
    credentials: Path | ServiceAccount


class _PinnedTls(HTTPAdapter):
    """Trusts the lab's own CA and nothing else, and speaks TLS 1.2 or newer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)


class Vault:
    """An authenticated client; logs in on first use and again when its token is refused."""

    def __init__(self, connection: Connection, *, patience: float = PATIENCE) -> None:
        """`patience`: seconds to wait for a Vault that is unreachable or sealed."""
        self.connection = connection
        self._patience = patience
        self._client: hvac.Client | None = None
        self._lock = Lock()

    def call(self, operation: Callable[[hvac.Client], T]) -> T:
        """Runs `operation` with a client that is logged in.

        It may run more than once (Vault was not ready, the token had expired), so it must be
        safe to repeat.

        Raises:
            VaultCredentialsMissing: no CA certificate, AppRole or token file, or not readable.
            VaultUnreachable, VaultSealed: still not ready when patience ran out.
            VaultRefused: Vault said no; its own words are in the message.
        """
        try:
            return self._call(operation)
        except VaultError as error:
            raise self._refused(error) from error

    def find(self, operation: Callable[[hvac.Client], T]) -> T | None:
        """Like `call`, for reading: None where Vault says that there is nothing."""
        try:
            return self._call(operation)
        except InvalidPath:
            return None
        except VaultError as error:
            raise self._refused(error) from error

    def read(self, path: str) -> dict[str, Any] | None:
        """The data at an API path; None if nothing is there. Raises as `call` does."""
        answer: dict[str, Any] | None = self.find(lambda client: _plain(client).read(path))
        return answer["data"] if answer else None

    def write(self, path: str, data: dict[str, Any]) -> None:
        """Writes `data` to an API path. Raises as `call` does."""
        self.call(lambda client: client.write_data(path, data=data))

    def remove(self, path: str) -> None:
        """Deletes what is at an API path; nothing there is fine. Raises as `call` does."""
        self.find(lambda client: _plain(client).delete(path))

    def close(self) -> None:
        """Gives the token back (it would end by itself soon) and closes connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            try:
                client.auth.token.revoke_self()
            except (VaultError, requests.RequestException):
                return  # the token's own end is near
            finally:
                client.session.close()

    def _call(self, operation: Callable[[hvac.Client], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_delay(self._patience),
            wait=wait_exponential(multiplier=0.1, max=2),
            reraise=True,
        )
        try:
            answer: T = retrying(self._once, operation)
            return answer
        except requests.RequestException as error:
            raise VaultUnreachable(
                f"Vault at {self.connection.address} does not answer: {_reason(error)}.",
                next_step="`./lab status` says whether its machine is up; "
                "`journalctl -u vault` on that machine says why it is not serving.",
            ) from error
        except (VaultDown, VaultNotInitialized) as error:
            raise VaultSealed(
                f"Vault at {self.connection.address} is sealed or not initialised: "
                f"{_words(error)}.",
                next_step="run `./lab up`: it unseals the local lab's Vault; "
                "elsewhere unseal it as its seal demands.",
            ) from error

    def _once(self, operation: Callable[[hvac.Client], T]) -> T:
        client = self._logged_in()
        try:
            return operation(client)
        except Forbidden:
            # An expired token and a missing right look the same: ask again with a fresh token.
            return operation(self._logged_in(instead_of=client))

    def _logged_in(self, *, instead_of: hvac.Client | None = None) -> hvac.Client:
        with self._lock:
            if self._client is None or self._client is instead_of:
                self._client = self._log_in()
            return self._client

    def _log_in(self) -> hvac.Client:
        client = _stranger(self.connection.address, self.connection.ca_certificate)
        who = self.connection.credentials
        try:
            if isinstance(who, ServiceAccount):
                client.auth.jwt.jwt_login(who.role, _read_token(who.token), path=who.mount)
            else:
                role_id, secret_id = _read_credentials(who)
                client.auth.approle.login(role_id, secret_id, mount_point=naming.VAULT_APPROLE)
        except (Forbidden, InvalidRequest) as error:
            raise self._stranger_refused(error) from error
        return client

    def _stranger_refused(self, error: VaultError) -> LabError:
        who = self.connection.credentials
        if isinstance(who, ServiceAccount):
            what, step = (
                f"the role {who.role} of {who.mount}",
                "see that the token is of the service account that the role is bound to.",
            )
        else:
            what, step = "the lab's AppRole", f"make {who} anew: run `./lab up`."
        return VaultRefused(
            f"Vault at {self.connection.address} refused {what}: {_words(error)}.", next_step=step
        )

    def _refused(self, error: VaultError) -> LabError:
        return VaultRefused(
            f"Vault at {self.connection.address} refused {(error.method or '').upper()} "
            f"{_path(error.url)}: {_words(error)}.",
            next_step="a missing right belongs into the lab's Vault policy; "
            "anything else into the resource's inputs.",
        )


def _plain(client: hvac.Client) -> Any:
    """Two methods of hvac's client have no types."""
    return client


def _may_pass(error: BaseException) -> bool:
    """Whether waiting may help."""
    if isinstance(error, requests.exceptions.SSLError):
        return False
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return True
    if isinstance(error, VaultDown | VaultNotInitialized | BadGateway | RateLimitExceeded):
        return True
    if isinstance(error, InternalServerError | InvalidRequest):
        return any(text in _words(error) for text in _NOT_SERVING)
    return False


def _words(error: VaultError) -> str:
    """Vault's own words; its answers name paths and rules, never secrets."""
    return "; ".join(" ".join(part.split()) for part in error.errors or [str(error.args[0])])


def _reason(error: requests.RequestException) -> str:
    """The innermost cause: requests wraps it several times."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause)


def _path(url: str | None) -> str:
    return (url or "").partition("/v1/")[2]


def _read_credentials(file: Path) -> tuple[str, str]:
    try:
        document = json.loads(file.read_text())
        return str(document["role_id"]), str(document["secret_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        # The content is secret: the error names its kind and nothing of it.
        raise VaultCredentialsMissing(
            f"{file} does not hold an AppRole ({type(error).__name__}).",
            next_step="run `./lab up`: the playbook `vault` writes it.",
        ) from None


def _read_token(file: Path) -> str:
    try:
        token = file.read_text().strip()
    except OSError as error:
        raise _no_token(file, error.strerror or type(error).__name__) from error
    if not token:
        raise _no_token(file, "is empty")
    return token


def _no_token(file: Path, why: str) -> VaultCredentialsMissing:
    return VaultCredentialsMissing(
        f"the service account's token {file} cannot be used: {why}.",
        next_step="mount a projected token with the audience of Vault.",
    )


def _stranger(
    address: str, ca_certificate: Path, *, timeout: float = REQUEST_TIMEOUT
) -> hvac.Client:
    """A client that is not logged in; raises as `_session` does."""
    make: Callable[..., hvac.Client] = hvac.Client
    return make(
        url=address,
        token="",  # never one from the environment or ~/.vault-token
        session=_session(ca_certificate),
        timeout=timeout,
    )


def _session(ca_certificate: Path) -> requests.Session:
    try:
        context = ssl.create_default_context(cafile=ca_certificate)
    except (OSError, ssl.SSLError) as error:
        raise VaultCredentialsMissing(
            f"the lab's CA certificate {ca_certificate} cannot be read: {error}.",
            next_step="run `./lab up`: the playbook `vault` makes it.",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    session = requests.Session()
    session.trust_env = False  # no proxy, no other CA bundle, no netrc
    session.verify = str(ca_certificate)
    session.mount("https://", _PinnedTls(context))
    return session


def is_sealed(address: str, ca_certificate: Path) -> bool:
    """Whether a Vault answers that it is sealed; one that does not answer says nothing.

    Raises:
        VaultCredentialsMissing: the CA certificate cannot be read.
    """
    client = _stranger(address, ca_certificate, timeout=3)
    try:
        return bool(client.sys.is_sealed())
    except (VaultError, requests.RequestException):
        return False
    finally:
        client.session.close()
