"""A copy of etcd is put back on all control planes, with the snapshot named by its path alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.config import OnPremLab
from infra.errors import BackupUnreadable
from infra.hosts import playbooks, restoring
from tests.harness.onprem_lab import document


def test_every_control_plane_gets_the_same_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = document()["machines"]
    machines[1]["ssh"] = {"port": 2222, "private_key": "/keys/two", "known_hosts": "/keys/known"}
    lab = OnPremLab.model_validate(document(machines=machines))
    asked: list[playbooks.Run] = []
    monkeypatch.setattr(playbooks, "run", asked.append)
    (tmp_path / "etcd.db").touch()
    restoring.restore_etcd(lab, tmp_path)
    [run] = asked
    assert run.playbook == "restore_etcd"
    assert [host.name for host in run.hosts] == [f"site-control-plane-{n}" for n in (1, 2, 3)]
    assert run.variables == {"restore_snapshot": str(tmp_path / "etcd.db")}
    ports: list[Any] = [host.variables.get("ansible_port") for host in run.hosts]
    assert ports == [None, 2222, None]


def test_a_copy_of_something_else_is_refused_before_anything_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbooks, "run", lambda _: pytest.fail("the playbook ran"))
    (tmp_path / "vault.snap").touch()
    with pytest.raises(BackupUnreadable, match=r"holds vault\.snap, and no snapshot of etcd"):
        restoring.restore_etcd(OnPremLab.model_validate(document()), tmp_path)
