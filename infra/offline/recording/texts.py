"""Texts that look alike in every cloud, decided by the name of the property.

Nothing made up can reach anybody: hosts end in `.invalid`, which no resolver may know (RFC 6761),
and addresses lie in TEST-NET-1, which nobody may route (RFC 5737).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final

from infra.offline.recording.made import Made
from infra.plugins.diffing import Path

#: Ends every made-up host name; what ends so needs no asking.
NOWHERE: Final = "invalid"
_MOMENT: Final = "1970-01-01T00:00:00Z"


def host(made: Made, *what: object) -> str:
    """A host name of its own for each resource; no resolver knows it."""
    return f"{made.hex(12, *what)}.{made.module}.{NOWHERE}"


def _url(made: Made, path: Path) -> str:
    return f"https://{host(made, *path)}/"


def _address(made: Made, path: Path) -> str:
    return f"192.0.2.{1 + made.number(254, *path)}"


def _pem(_made: Made, _path: Path) -> str:
    return base64.b64encode(b"A preview made this up.").decode()


#: (pattern of the property's name, what it becomes); the first that fits wins.
_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[Made, Path], str]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (r"(ur[il]|endpoint|issuer)s?$", _url),
        (
            r"(fqdn|host(name)?|dns(name)?|domain(name)?|address(es)?fqdn)$",
            lambda m, p: host(m, *p),
        ),
        (r"cidr(block)?s?$|addressprefix(es)?$", lambda _m, _p: "192.0.2.0/24"),
        (r"ip(address(es)?|v4)?s?$|^address$", _address),
        (r"(certificate(authority)?(data)?|^data|publickey|cert)$", _pem),
        (r"(date|time|_at|edat|timestamp)$", lambda _m, _p: _MOMENT),
        (
            r"(principal|client|object|tenant|subscription|resource)(gu)?id$",
            lambda m, p: m.uuid(*p),
        ),
        (r"version$", lambda _m, _p: "1"),
    )
)


def by_name(made: Made, path: Path) -> str | None:
    """A text for the output at `path`, if its name tells what kind of text it is."""
    word = next((str(part) for part in reversed(path) if isinstance(part, str)), "value")
    for pattern, make in _RULES:
        if pattern.search(word):
            return make(made, path)
    return None
