"""From a kubeconfig to a TLS connection.

The format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from infra.errors import KubernetesUnreachable
from infra.offline.kubernetes.settings import Settings

_NEXT = "give the provider the path or the content of a kubeconfig that works with kubectl."


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that a client needs. Never printed: `token` is secret."""

    server: str
    tls: ssl.SSLContext
    token: str | None
    #: The context's own default namespace.
    namespace: str


def load(settings: Settings) -> Connection:
    """Reads the kubeconfig that the settings name.

    Raises:
        KubernetesUnreachable: there is none, or it cannot be used.
    """
    text, called, folder = _text(settings)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        # The parser quotes the text, which holds keys.
        raise KubernetesUnreachable(f"{called} is not YAML.", next_step=_NEXT) from error
    if not isinstance(document, Mapping):
        raise KubernetesUnreachable(f"{called} is not a kubeconfig.", next_step=_NEXT)
    name = settings.context or document.get("current-context")
    context = _named(document, "contexts", name, called).get("context") or {}
    cluster_name = settings.cluster or context.get("cluster")
    cluster = _named(document, "clusters", cluster_name, called).get("cluster") or {}
    user = _named(document, "users", context.get("user"), called).get("user") or {}
    try:
        return _connection(cluster, user, context, called, folder)
    except (OSError, ssl.SSLError, binascii.Error, UnicodeDecodeError) as error:
        raise KubernetesUnreachable(
            f"{called} has credentials that cannot be read: {error}.", next_step=_NEXT
        ) from error


def source(settings: Settings) -> Path | str:
    """The kubeconfig's path; or its content, where the provider was given that."""
    given = settings.kubeconfig
    if given and "\n" in given:
        return given
    return Path(given or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")


def _text(settings: Settings) -> tuple[str, str, Path]:
    """The content, how to call it in an error, and the folder its paths are relative to."""
    found = source(settings)
    if isinstance(found, str):
        return found, "the provider's kubeconfig", Path.cwd()
    try:
        return found.read_text(), f"the kubeconfig {found}", found.parent
    except OSError as error:
        raise KubernetesUnreachable(
            f"the kubeconfig {found} cannot be read: {error.strerror}.",
            next_step="bring the cluster up first, or correct the provider's kubeconfig.",
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
            f"{called} logs in by {', '.join(unsupported)}, which the offline provider cannot do.",
            next_step="use a client certificate or a token, or install Pulumi's own provider.",
        )
    authority = _material(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        _load_client_certificate(tls, certificate + b"\n" + key)
    token = user.get("token")
    if token is None and user.get("tokenFile"):
        token = (folder / user["tokenFile"]).read_text().strip()
    return Connection(
        server=str(cluster.get("server") or "").rstrip("/"),
        tls=tls,
        token=token,
        namespace=str(context.get("namespace") or "default"),
    )


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
