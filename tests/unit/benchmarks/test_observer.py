"""What is seen of sandboxes, and that a fault of who looks is told to who waits."""

from __future__ import annotations

from typing import Any

import pytest

from infra.benchmarks.observer import Observer
from infra.errors import KubernetesRefused
from infra.kubernetes.client import Answer


class Refusing:
    """An API server that lets nobody look."""

    def request(self, method: str, path: str, **_: Any) -> Answer:
        return Answer(403, {"message": f"{method} {path} is forbidden"})


def test_who_may_not_look_is_told_so_at_once() -> None:
    observer = Observer(Refusing())  # type: ignore[arg-type] # of which it uses one method
    with observer, pytest.raises(KubernetesRefused, match="forbidden"):
        observer.until(["any"], "Ready", within=60)
