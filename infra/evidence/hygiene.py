"""A net for secrets that are about to be recorded by mistake.

It knows common names and shapes only: that nothing secret is recorded is the duty of whoever
calls. It judges what is about to be written, never what was: a better net must not turn an old,
signed record into a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_NAMES = re.compile(
    r"(^|[_.-])(pass(word|wd|phrase)|token|secret|secret[_-]?id|secret[_-]?key|private[_-]?key|"
    r"api[_-]?key|access[_-]?key|unseal[_-]?keys?|recovery[_-]?keys?|credentials?|authorization|"
    r"cookie)$",
    re.IGNORECASE,
)
#: What a value says that is a secret by its form.
_SHAPES = {
    "a private key": re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
    "a token of Vault": re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{16,}"),
    "a JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a password in an address": re.compile(r"://[^/\s:@]+:[^/\s:@]+@"),
}


def secrets(value: object, where: str = "details") -> Iterator[str]:
    """What looks like a secret: its place and why, never the value."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, str) and item and _NAMES.search(str(name)):
                yield f"{where}.{name} is named like a secret"
            yield from secrets(item, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from secrets(item, f"{where}[{number}]")
    elif isinstance(value, str):
        for kind, shape in _SHAPES.items():
            if shape.search(value):
                yield f"{where} looks like {kind}"
