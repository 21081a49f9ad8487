"""From a pod's service account to a connection.

What every pod finds: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.errors import KubernetesUnreachable
from infra.kubernetes.connection import Connection, TokenFile, trusting

#: Where Kubernetes mounts the credentials of a pod's service account.
FOLDER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
#: Files in it.
TOKEN: Final = "token"  # noqa: S105 - a file's name
AUTHORITY: Final = "ca.crt"
NAMESPACE: Final = "namespace"
_HOST: Final = "KUBERNETES_SERVICE_HOST"
_PORT: Final = "KUBERNETES_SERVICE_PORT"


def connection(folder: Path = FOLDER, environment: Mapping[str, str] = os.environ) -> Connection:
    """The way to the API server of the cluster that this process runs in.

    Args:
        folder: with the files `token`, `ca.crt` and, if it is of use, `namespace`.
        environment: with the API server's address.

    Raises:
        KubernetesUnreachable: this is no pod, or its account has no credentials here.
    """
    host, port = environment.get(_HOST), environment.get(_PORT)
    if not host or not port:
        raise _no_pod(f"{_HOST} and {_PORT} are not set")
    token = TokenFile(folder / TOKEN)
    token()  # what cannot be read is said now rather than at the first request
    try:
        tls = trusting((folder / AUTHORITY).read_bytes())
    except (OSError, ssl.SSLError, UnicodeDecodeError) as error:
        raise _no_pod(f"{folder / AUTHORITY} is no certificate authority: {error}") from error
    named = folder / NAMESPACE
    address = f"[{host}]" if ":" in host else host
    return Connection(
        server=f"https://{address}:{port}",
        tls=tls,
        token=token,
        namespace=named.read_text().strip() if named.exists() else "default",
    )


def _no_pod(why: str) -> KubernetesUnreachable:
    return KubernetesUnreachable(
        f"this process has no way to the API server of a cluster: {why}.",
        next_step="run it in a pod whose service account's token is mounted.",
    )
