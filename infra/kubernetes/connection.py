"""What a client must know to reach an API server and to prove who it is."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import KubernetesUnreachable


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A bearer token in a file, read anew for each request: who wrote it replaces it before it
    ends (the kubelet at four fifths of its life).
    """

    path: Path

    def __call__(self) -> str:
        """The token.

        Raises:
            KubernetesUnreachable: the file cannot be read, or is empty.
        """
        try:
            token = self.path.read_text().strip()
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        if not token:
            raise self._unusable("is empty")
        return token

    def _unusable(self, what: str) -> KubernetesUnreachable:
        return KubernetesUnreachable(
            f"the token {self.path} {what}.",
            next_step="name a file with a token of an account of the cluster.",
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that a client needs. Never printed: a token is secret."""

    #: URL without a slash at its end.
    server: str
    tls: ssl.SSLContext
    #: Gives the bearer token of one request; None where a certificate says who asks.
    token: Callable[[], str] | None
    #: The caller's own default namespace.
    namespace: str
    #: The server's certificate authority (PEM), where it is not the system's own.
    authority: bytes | None = None


def trusting(authority: bytes | None) -> ssl.SSLContext:
    """TLS as a client, 1.2 at least, with this authority (PEM; None: the system's own).

    Raises:
        ssl.SSLError, UnicodeDecodeError: it is no PEM certificate.
    """
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 wants extensions of RFC 5280 that the authorities of older EKS clusters lack
    # (https://github.com/kubernetes-client/python/issues/2394); Go's clients, kubectl among them,
    # do not. Who signed what, for which name and until when, is verified all the same.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return tls
