"""The KMS plugin's own tests, which speak to a real Vault where they can."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter

from infra import paths, toolchain

SOURCES = paths.REPOSITORY / "toolchain" / "vault-kms-plugin"


def _go(*words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VAULT_BINARY": str(toolchain.binary("vault"))}
    return subprocess.run(
        ["go", *words], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
    )


def test_all_pass_and_none_is_skipped() -> None:
    done = _go("test", "-json", "-count=1", "./...")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = Counter(event["Action"] for event in events if "Test" in event)
    said = "".join(event.get("Output", "") for event in events)
    assert done.returncode == 0, said + done.stderr
    assert outcomes["pass"] > 0
    assert not outcomes["skip"], said


def test_nothing_to_vet() -> None:
    done = _go("vet", "./...")
    assert done.returncode == 0, done.stderr
