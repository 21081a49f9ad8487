from __future__ import annotations

import pytest

from infra.offline.kubernetes import settings
from infra.plugins import UNKNOWN


def test_what_is_honoured() -> None:
    options = {
        "kubeconfig": "/path",
        "namespace": "demo",
        "enablePatchForce": "true",
        "upsertExistingObjects": "false",
        "enableServerSideApply": "true",
        "suppressHelmHookWarnings": "true",
        "version": "4.34.2",
        "__internal": {},
    }
    assert settings.check(options).failures == []
    assert settings.parse(options) == settings.Settings(
        kubeconfig="/path", namespace="demo", patch_force=True
    )


def test_nothing_given_means_the_environments_kubeconfig() -> None:
    assert settings.parse({}) == settings.Settings()
    assert settings.check({"kubeconfig": UNKNOWN}).failures == []


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("renderYamlToDirectory", "x", "not supported"),
        ("alwaysRender", "true", "not supported"),
        ("deleteUnreachable", "true", "not supported"),
        ("enableServerSideApply", "false", "cannot be turned off"),
        ("upsertExistingObjects", "perhaps", "true or false"),
        ("enablePatchForce", ["true"], "true or false"),
        ("namespace", 3, "must be a text"),
    ],
)
def test_what_is_not_honoured_is_refused(option: str, value: object, reason: str) -> None:
    (failure,) = settings.check({option: value}).failures
    assert failure.property == option
    assert reason in failure.reason
