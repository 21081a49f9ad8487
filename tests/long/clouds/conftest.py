"""An account of moto's with everything in it that the least AWS example declares."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from infra import paths
from tests.harness import aws_lab, judges
from tests.harness.deploy import Deployment

REPLAY = "tests.long.clouds.moto.replay"


@pytest.fixture(scope="session")
def declared() -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return aws_lab.deploy_aws(patch)


@pytest.fixture(scope="session")
def account(declared: Deployment) -> Iterator[dict[str, Any]]:
    """What the account says of itself; it is there until the tests are over."""
    plan = {
        "region": aws_lab.load(aws_lab.LEAST).region,
        "resources": [
            {"type": one.type, "name": one.name, "inputs": one.inputs}
            for one in declared.resources
            if one.type.startswith("aws:")
        ],
    }
    python = judges.environment("moto") / "python"
    with subprocess.Popen(
        [str(python), "-m", REPLAY],
        cwd=paths.REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(plan) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer, "the replay ended before it was done; run it by hand to see why"
        yield json.loads(answer)
        server.stdin.close()
