from __future__ import annotations

import copy

import pytest

from infra.config import AzureLab
from tests.harness.azure_lab import deploy_azure, load
from tests.harness.deploy import Deployment


@pytest.fixture(scope="session", params=["azure-least", "azure-full"])
def any_lab(request: pytest.FixtureRequest) -> AzureLab:
    return load(request.param)


@pytest.fixture(scope="session")
def any_deployment(any_lab: AzureLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return deploy_azure(patch, any_lab)


@pytest.fixture(scope="session")
def lab() -> AzureLab:
    return load("azure-full")


@pytest.fixture(scope="session")
def made(lab: AzureLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return deploy_azure(patch, lab)


@pytest.fixture
def deployment(made: Deployment) -> Deployment:
    """The full example, to be changed by a test."""
    return copy.deepcopy(made)
