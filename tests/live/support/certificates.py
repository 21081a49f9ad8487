"""Certificates: who signed them, for whom, and for how long."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

#: A certificate that ends sooner than this is reported while there is time to renew it.
MARGIN = timedelta(days=7)


def served(address: tuple[str, int], *, timeout: float = 5) -> x509.Certificate:
    """The certificate that a TLS server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(address, timeout=timeout) as connection,
        context.wrap_socket(connection) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown, f"{address[0]}:{address[1]} shows no certificate"
    return x509.load_der_x509_certificate(shown)


def faults(
    certificate: x509.Certificate,
    authority: x509.Certificate,
    *,
    names: set[str],
    now: datetime | None = None,
) -> list[str]:
    """What is wrong with a certificate; `names` are host names and addresses it must be for."""
    found = []
    now = now or datetime.now(UTC)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        found.append(f"it was signed by {certificate.issuer.rfc4514_string()}, not by the lab's CA")
    if certificate.not_valid_before_utc > now:
        found.append(f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}")
    if certificate.not_valid_after_utc < now + MARGIN:
        found.append(f"it ends on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M}")
    missing = names - _names(certificate)
    if missing:
        found.append(f"it is not for {', '.join(sorted(missing))}")
    return found


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    values = extension.value
    return {
        *values.get_values_for_type(x509.DNSName),
        *(str(address) for address in values.get_values_for_type(x509.IPAddress)),
    }
