from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from infra.engine.lock import exclusive
from infra.errors import LabBusy
from infra.paths import Home


def test_the_second_is_told_who_is_first(home: Home) -> None:
    with exclusive(home, purpose="lab up"):
        with pytest.raises(LabBusy) as caught, exclusive(home, purpose="lab destroy"):
            pytest.fail("two commands hold the lock")
        assert str(os.getpid()) in caught.value.message
        assert "lab up" in caught.value.message
    with exclusive(home, purpose="lab destroy"):
        pass


def test_a_killed_holder_leaves_no_lock(home: Home) -> None:
    code = (
        "import os,signal\n"
        "from infra.engine.lock import exclusive\n"
        "from infra.paths import Home\n"
        "with exclusive(Home('local'), purpose='lab up'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert "lab up" in home.lock.read_text()
    with exclusive(home, purpose="lab up"):
        pass


def test_the_lock_may_be_removed_by_its_holder(home: Home) -> None:
    with exclusive(home, purpose="lab destroy"):
        shutil.rmtree(home.root)
        with exclusive(home, purpose="lab up"):  # a new lab under the old name
            pass


def test_the_folder_is_private(home: Home) -> None:
    with exclusive(home, purpose="lab up"):
        assert home.root.stat().st_mode & 0o777 == 0o700
        assert home.lock.stat().st_mode & 0o777 == 0o600
