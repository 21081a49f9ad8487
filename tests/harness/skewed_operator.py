"""An operator on a node whose clock is wrong by SKEW seconds; everything else is as it is.

What a program of Python asks the time of is changed before anything has asked; TLS, which is C,
keeps the right one, so that what is seen is the operator's doing and not an expired certificate's.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from typing import Any

SKEW = float(os.environ["SKEW"])
_time = time.time
_NOW, _UTCNOW = datetime.datetime.now, datetime.datetime.utcnow


class _Kind(type):
    """What is a datetime stays one."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) is cls.__mro__[1] or type(instance) is cls


class _Skewed(datetime.datetime, metaclass=_Kind):
    __slots__ = ()  # of the size that C programs expect

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _NOW(tz) + datetime.timedelta(seconds=SKEW)

    @classmethod
    def utcnow(cls) -> Any:
        return _UTCNOW() + datetime.timedelta(seconds=SKEW)


time.time = lambda: _time() + SKEW
datetime.datetime = _Skewed  # type: ignore[misc]

from infra.operator.__main__ import main  # noqa: E402

if __name__ == "__main__":
    skewed = abs(datetime.datetime.now(datetime.UTC).timestamp() - _time())
    assert abs(skewed - abs(SKEW)) < 5, "the clock is not wrong"
    sys.exit(main())
