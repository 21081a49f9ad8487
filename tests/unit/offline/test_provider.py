from __future__ import annotations

from typing import Any

import pytest

from infra.offline.kubernetes import provider
from infra.offline.kubernetes.resource import KubernetesObject


def test_serves_every_object_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, ...]] = []
    monkeypatch.setattr(provider, "serve", lambda *given, **_more: served.append(given))
    provider.main()
    ((name, version, find, configure),) = served
    assert name == "kubernetes"
    assert version.startswith("4.")
    assert isinstance(find("kubernetes:core/v1:Namespace"), KubernetesObject)
    assert find("kubernetes:core/v1:Namespace") is find("kubernetes:core/v1:Namespace")
    assert find("kubernetes:helm.sh/v3:Chart") is None
    configure({"namespace": "demo"})
