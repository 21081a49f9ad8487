"""kubeadm: what a killed run left is reset, what succeeded is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.ansible_library import kubeadm, system
from tests.unit.ansible.conftest import Programs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kubeadm, "STATE", tmp_path / "state")
    monkeypatch.setattr(kubeadm, "_KUBERNETES", tmp_path / "kubernetes")
    monkeypatch.setattr(kubeadm, "_CONFIG", tmp_path / "run" / "kubeadm.yaml")
    monkeypatch.setattr(kubeadm, "_DISCOVERY", tmp_path / "run" / "discovery.conf")
    monkeypatch.setattr(kubeadm, "_CGROUP_V2", tmp_path / "none")
    monkeypatch.setattr(kubeadm, "_LEFTOVERS", (f"{tmp_path}/kubernetes/*.conf",))
    monkeypatch.setattr(kubeadm, "_KUBELET_CONFIG", tmp_path / "kubelet.yaml")
    (tmp_path / "kubelet.yaml").write_text("one")
    (tmp_path / "kubernetes").mkdir()
    return tmp_path


def succeed(folder: Path, programs: Programs) -> None:
    conf = folder / "kubernetes"
    programs.add("kubeadm", f"touch {conf}/admin.conf {conf}/kubelet.conf")


def test_initialised_once(folder: Path, programs: Programs) -> None:
    succeed(folder, programs)
    control_plane = kubeadm.Kubeadm("initialised", "kind: One", "")
    assert control_plane.bring()
    assert not kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert [call.split()[1] for call in programs.calls] == ["init", "upgrade"]
    assert list((folder / "run").iterdir()) == []


def test_no_identity_above_the_rules_stays(folder: Path, programs: Programs) -> None:
    conf = folder / "kubernetes"
    programs.add("kubeadm", f"touch {conf}/admin.conf {conf}/super-admin.conf")
    assert kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert [file.name for file in conf.iterdir()] == ["admin.conf"]
    # Nor in a cluster that was made before it was taken away, or when somebody made it again.
    (conf / "super-admin.conf").touch()
    assert kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert [file.name for file in conf.iterdir()] == ["admin.conf"]


def test_the_kubelets_configuration_is_roots_alone(folder: Path, programs: Programs) -> None:
    file = folder / "kubelet.yaml"
    file.chmod(0o644)
    succeed(folder, programs)
    assert kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    # Also of a machine that was made before, or when somebody opened it.
    file.chmod(0o644)
    assert kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert file.stat().st_mode & 0o777 == 0o600


def test_half_done_is_reset_first(folder: Path, programs: Programs) -> None:
    (folder / "kubernetes" / "admin.conf").touch()
    succeed(folder, programs)
    assert kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert [call.split()[1] for call in programs.calls] == ["reset", "init"]


def test_a_marker_without_the_proof_is_not_believed(folder: Path, programs: Programs) -> None:
    succeed(folder, programs)
    kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    (folder / "kubernetes" / "admin.conf").unlink()
    assert not kubeadm.Kubeadm("initialised", "kind: One", "").done()


@pytest.mark.parametrize("state", ["initialised", "joined"])
def test_a_kubelet_follows_the_clusters_configuration(
    state: str, folder: Path, programs: Programs
) -> None:
    succeed(folder, programs)
    programs.add("systemctl")
    kubeadm.Kubeadm(state, "kind: One", "").bring()
    copies = folder / "kubernetes" / "tmp"
    programs.add("kubeadm", f"mkdir {copies}; echo two >{folder}/kubelet.yaml")
    assert kubeadm.Kubeadm(state, "kind: One", "").bring()
    assert programs.calls[-1].endswith("restart kubelet.service")
    assert not copies.exists()
    assert not kubeadm.Kubeadm(state, "kind: One", "").bring()
    assert "restart" not in programs.calls[-1]


def test_a_failure_leaves_no_marker_and_no_configuration(folder: Path, programs: Programs) -> None:
    programs.add("kubeadm", "echo no room >&2; exit 1")
    with pytest.raises(system.CommandError, match="no room"):
        kubeadm.Kubeadm("joined", "kind: One", "token").bring()
    assert not (folder / "state").exists()
    assert list((folder / "run").iterdir()) == []


@pytest.fixture
def changed(folder: Path, programs: Programs) -> Path:
    """An initialised control plane; kubeadm writes another manifest when it is asked to."""
    succeed(folder, programs)
    kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    manifests = folder / "kubernetes" / "manifests"
    manifests.mkdir()
    (manifests / "kube-apiserver.yaml").write_text("one")
    programs.add("kubeadm", f"echo two >{manifests}/kube-apiserver.yaml")
    return folder


def test_a_changed_configuration_rewrites_the_static_pods(
    changed: Path, programs: Programs
) -> None:
    programs.add("pgrep", f"echo x >>{changed}/asked; wc -l <{changed}/asked")
    programs.add("kubectl")
    assert kubeadm.Kubeadm("initialised", "kind: Two", "").bring()
    phases = [call.split(" --")[0] for call in programs.calls if "phase" in call]
    assert phases == [
        "kubeadm init phase upload-config all",
        "kubeadm init phase control-plane all",
        "kubeadm upgrade node phase kubelet-config",
    ]
    assert any(call.endswith("get --raw=/readyz") for call in programs.calls)


def test_a_manifest_that_stays_is_not_waited_for(changed: Path, programs: Programs) -> None:
    programs.add("kubeadm")
    programs.add("pgrep", "echo 7")
    assert kubeadm.Kubeadm("initialised", "kind: Two", "").bring()


def test_an_api_server_that_does_not_come_back_is_an_error(programs: Programs) -> None:
    programs.add("pgrep", "echo 7")
    with pytest.raises(system.CommandError, match="did not come back"):
        kubeadm.wait_for_another("7", timeout=0)


def test_a_worker_does_not_care_about_another_token(folder: Path, programs: Programs) -> None:
    succeed(folder, programs)
    assert kubeadm.Kubeadm("joined", "kind: One", "token one").bring()
    assert not kubeadm.Kubeadm("joined", "kind: One", "token two").bring()


def test_only_cgroup_v1_excuses_a_check(
    folder: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(folder, programs)
    kubeadm.Kubeadm("joined", "", "").bring()
    assert programs.calls[-1].endswith("--ignore-preflight-errors=SystemVerification")
    monkeypatch.setattr(kubeadm, "_CGROUP_V2", folder)
    (folder / "state" / "kubeadm-joined.json").unlink()
    kubeadm.Kubeadm("joined", "", "").bring()
    assert "ignore" not in programs.calls[-1]


def test_the_token_is_private_while_it_is_there(folder: Path, programs: Programs) -> None:
    programs.add("kubeadm", f"stat -c %a {folder}/run/discovery.conf >{folder}/mode")
    kubeadm.Kubeadm("joined", "", "token").bring()
    assert (folder / "mode").read_text() == "600\n"


def test_a_further_control_plane_joins_and_then_follows_the_common_configuration(
    changed: Path, programs: Programs
) -> None:
    """`changed` was initialised; another machine joins, with the same marker afterwards."""
    (changed / "state" / "kubeadm-initialised.json").unlink()
    programs.add("kubeadm", f"cat {changed}/run/kubeadm.yaml >>{changed}/told || true")
    assert kubeadm.Kubeadm("initialised", "kind: One", "token", "kind: Join").bring()
    assert (changed / "told").read_text() == "kind: Join"
    assert programs.calls[-1].split()[1] == "join"
    programs.add("pgrep", "echo 7")
    assert not kubeadm.Kubeadm("initialised", "kind: One", "").bring()
    assert kubeadm.Kubeadm("initialised", "kind: Two", "").bring()
    assert (changed / "told").read_text().endswith("kind: Twokind: Two")
    assert list((changed / "run").iterdir()) == []


def test_readiness_is_asked_of_this_machine(programs: Programs) -> None:
    programs.add("pgrep", "echo 8")
    programs.add("kubectl")
    kubeadm.wait_for_another("7")
    assert "--server=https://127.0.0.1:6443" in programs.calls[-1]
