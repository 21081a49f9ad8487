"""A real API server and real Pulumi. What is missing fails the test: these are run on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import toolchain
from tests.harness.api_server import ApiServer, running
from tests.harness.pulumi_project import Project


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("api")
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(folder, kubernetes=kubernetes, etcd=etcd) as server:
        yield server


@pytest.fixture
def project(api: ApiServer, tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    variables = {"KUBECONFIG": str(api.kubeconfig)}
    return Project(folder, pulumi=toolchain.binary("pulumi"), variables=variables)


@pytest.fixture
def offline_project(tmp_path: Path) -> Project:
    """A project that needs no cluster."""
    folder = tmp_path / "bare"
    folder.mkdir()
    return Project(folder, pulumi=toolchain.binary("pulumi"), variables={})
