"""From a kubeconfig to a TLS connection.

The format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from infra.errors import KubernetesUnreachable
from infra.kubernetes.connection import Connection, TokenFile, trusting

_NEXT = "give the path or the content of a kubeconfig that works with kubectl."


def load(
    given: str | None = None, *, context: str | None = None, cluster: str | None = None
) -> Connection:
    """Reads a kubeconfig.

    Args:
        given: its path or its content; None means $KUBECONFIG, then the user's own file.
        context: other than the current one.
        cluster: other than the context's own.

    Raises:
        KubernetesUnreachable: there is none, or it cannot be used.
    """
    text, called, folder = _text(given)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        # The parser quotes the text, which holds keys.
        raise KubernetesUnreachable(f"{called} is not YAML.", next_step=_NEXT) from error
    if not isinstance(document, Mapping):
        raise KubernetesUnreachable(f"{called} is not a kubeconfig.", next_step=_NEXT)
    name = context or document.get("current-context")
    chosen = _named(document, "contexts", name, called).get("context") or {}
    there = _named(document, "clusters", cluster or chosen.get("cluster"), called)
    user = _named(document, "users", chosen.get("user"), called).get("user") or {}
    try:
        return _connection(there.get("cluster") or {}, user, chosen, called, folder)
    except (OSError, ssl.SSLError, binascii.Error, UnicodeDecodeError) as error:
        raise KubernetesUnreachable(
            f"{called} has credentials that cannot be read: {error}.", next_step=_NEXT
        ) from error


def source(given: str | None) -> Path | str:
    """The kubeconfig's path; or its content, where that was given."""
    if given and "\n" in given:
        return given
    return Path(given or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")


def _text(given: str | None) -> tuple[str, str, Path]:
    """The content, how to call it in an error, and the folder its paths are relative to."""
    found = source(given)
    if isinstance(found, str):
        return found, "the given kubeconfig", Path.cwd()
    try:
        return found.read_text(), f"the kubeconfig {found}", found.parent
    except OSError as error:
        raise KubernetesUnreachable(
            f"the kubeconfig {found} cannot be read: {error.strerror}.",
            next_step="bring the cluster up first, or correct the kubeconfig's path.",
        ) from error


def _named(document: Mapping[str, Any], group: str, name: Any, called: str) -> Mapping[str, Any]:
    for entry in document.get(group) or []:
        if isinstance(entry, Mapping) and entry.get("name") == name:
            return entry
    raise KubernetesUnreachable(f"{called} has no entry {name!r} in {group}.", next_step=_NEXT)


def _connection(
    cluster: Mapping[str, Any],
    user: Mapping[str, Any],
    context: Mapping[str, Any],
    called: str,
    folder: Path,
) -> Connection:
    if cluster.get("insecure-skip-tls-verify"):
        raise KubernetesUnreachable(
            f"{called} turns off the check of the server's certificate.",
            next_step="name the cluster's certificate authority instead.",
        )
    host = urlsplit(str(cluster.get("server") or "")).hostname or ""
    if host.endswith(".invalid"):
        # No resolver may know such a name (RFC 6761), and asking one may take long.
        raise KubernetesUnreachable(
            f"{called} names a server that a preview made up.",
            next_step="deploy with Pulumi's own provider for the cloud that the cluster lies on.",
        )
    unsupported = sorted(set(user) & {"exec", "auth-provider", "username", "password"})
    if unsupported:
        raise KubernetesUnreachable(
            f"{called} logs in by {', '.join(unsupported)}, which this client cannot do.",
            next_step="use a client certificate or a token, or install Pulumi's own provider.",
        )
    authority = _material(cluster, "certificate-authority", folder)
    tls = trusting(authority)
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        _load_client_certificate(tls, certificate + b"\n" + key)
    return Connection(
        server=str(cluster.get("server") or "").rstrip("/"),
        tls=tls,
        token=_token(user, folder),
        namespace=str(context.get("namespace") or "default"),
        authority=authority,
    )


def _token(user: Mapping[str, Any], folder: Path) -> Callable[[], str] | None:
    """A token that is written down wins over one in a file, as with kubectl."""
    written = user.get("token")
    if written is not None:
        return lambda: str(written)
    if not user.get("tokenFile"):
        return None
    found = TokenFile(folder / user["tokenFile"])
    found()  # what cannot be read is said now rather than at the first request
    return found


def _material(section: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if section.get(f"{name}-data"):
        return base64.b64decode(section[f"{name}-data"], validate=True)
    if section.get(name):
        return Path(folder, section[name]).read_bytes()
    return None


def _load_client_certificate(tls: ssl.SSLContext, pem: bytes) -> None:
    # Python's ssl takes a key from a file only; this one has mode 0600 and lives for this call.
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        tls.load_cert_chain(file.name)
