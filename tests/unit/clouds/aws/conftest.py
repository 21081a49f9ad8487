from __future__ import annotations

import copy

import pytest

from infra.config import AwsLab
from tests.harness import aws_lab
from tests.harness.deploy import Deployment


@pytest.fixture(scope="session", params=["least", "full"])
def any_lab(request: pytest.FixtureRequest) -> AwsLab:
    return aws_lab.load({"least": aws_lab.LEAST, "full": aws_lab.FULL}[request.param])


@pytest.fixture(scope="session")
def any_deployment(any_lab: AwsLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return aws_lab.deploy_aws(patch, any_lab)


@pytest.fixture(scope="session")
def lab() -> AwsLab:
    return aws_lab.load(aws_lab.FULL)


@pytest.fixture(scope="session")
def made(lab: AwsLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return aws_lab.deploy_aws(patch, lab)


@pytest.fixture
def deployment(made: Deployment) -> Deployment:
    """The full example, to be changed by a test."""
    return copy.deepcopy(made)
