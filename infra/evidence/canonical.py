"""JSON in one form only, so that a document has one hash: RFC 8785 (JCS).

Only values whose form no two programs disagree about may be used: no fractions, whole numbers
that every reader of JSON keeps exactly, names of printable ASCII. For those, Python's own encoder
with sorted names writes what RFC 8785 says; a test holds it to an implementation of the RFC.
An auditor's machine then needs one package less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

#: The largest whole number that every reader keeps, also one with doubles (RFC 8785, 3.2.2.3).
LARGEST = 2**53 - 1
#: How far values may be nested; deeper ones exhaust the stack of some reader.
DEEPEST = 16

_NAME = re.compile(r"[\x20-\x7e]{1,128}")


def dumps(value: object) -> bytes:
    """The one form of `value`.

    Raises:
        ValueError: it has a value that is not allowed; the message says where.
    """
    _check(value, "$", DEEPEST)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # Half of a surrogate pair is no text: UnicodeEncodeError is a ValueError.
    return text.encode()


def _check(value: object, where: str, depth: int) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"{where} is beyond ±(2^53-1)")
        return
    if depth == 0:
        raise ValueError(f"{where} is nested too deep")
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _check(item, f"{where}[{number}]", depth - 1)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ValueError(f"{where} has a name that is not 1 to 128 characters of ASCII")
            _check(item, f"{where}.{name}", depth - 1)
    else:
        kind = type(value).__name__
        raise ValueError(f"{where} is a {kind}, which evidence does not have")  # noqa: TRY004
