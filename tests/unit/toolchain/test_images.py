from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from infra import toolchain
from infra.toolchain import archive
from infra.toolchain.archive import Image, Reader
from infra.toolchain.tarball import Entry
from tests.unit.toolchain.conftest import Recorder, Site


def files(path: Path, reference: str) -> dict[str, tarfile.TarInfo]:
    """What an image of an archive holds, all layers together."""
    found: dict[str, tarfile.TarInfo] = {}
    with Reader(path) as reader:
        (descriptor,) = [d for name, d in reader.images() if name == reference]
        for layer in json.loads(reader.blob(descriptor["digest"]))["layers"]:
            with tarfile.open(fileobj=io.BytesIO(reader.blob(layer["digest"]))) as content:
                found |= {member.name: member for member in content.getmembers()}
    return found


def config(path: Path, reference: str) -> dict[str, object]:
    with Reader(path) as reader:
        (descriptor,) = [d for name, d in reader.images() if name == reference]
        manifest = json.loads(reader.blob(descriptor["digest"]))
        found = json.loads(reader.blob(manifest["config"]["digest"]))
    assert found["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    return dict(found["config"])


@pytest.fixture
def built(site: Site, progress: Recorder) -> dict[str, Path]:
    toolchain.ensure(progress=progress)
    return {name: artifact.path for name, artifact in toolchain.artifacts().items()}


def test_programs_of_kubernetes_share_one_layer(built: dict[str, Path]) -> None:
    path = built["image-control-plane"]
    with Reader(path) as reader:
        layers = {
            name: json.loads(reader.blob(entry["digest"]))["layers"]
            for name, entry in reader.images()
        }
    kubernetes = [layers[f"registry.k8s.io/kube-{x}:v1.2.3"] for x in ("apiserver", "scheduler")]
    assert kubernetes[0] == kubernetes[1]
    inside = files(path, "registry.k8s.io/kube-scheduler:v1.2.3")
    assert inside["usr/local/bin/kube-scheduler"].linkname == "kubernetes"
    assert inside["usr/local/bin/kubernetes"].mode == 0o755
    assert config(path, "registry.k8s.io/kube-scheduler:v1.2.3")["Entrypoint"] == [
        "/usr/local/bin/kube-scheduler"
    ]


def test_a_node_needs_pause_and_name_service(built: dict[str, Path]) -> None:
    with Reader(built["image-node"]) as reader:
        assert [name for name, _ in reader.images()] == [
            "registry.k8s.io/pause:1.2.3",
            "registry.k8s.io/coredns/coredns:v1.2.3",
        ]
    for reference in ("registry.k8s.io/pause:1.2.3", "registry.k8s.io/coredns/coredns:v1.2.3"):
        assert config(built["image-node"], reference)["User"] == "65532:65532"


def test_the_agents_image_is_laid_out_as_the_chart_expects(built: dict[str, Path]) -> None:
    inside = files(built["image-cilium"], "lab.local/cilium:v1.2.3")
    for path in (
        "usr/bin/cilium-agent",
        "usr/bin/cilium-dbg",
        "usr/bin/cilium-health-responder",
        "usr/bin/cilium-mount",
        "usr/bin/cilium-sysctlfix",
        "opt/cni/bin/cilium-cni",
        "cni/loopback",
        "install-plugin.sh",
    ):
        assert inside[path].mode == 0o755, path
    assert inside["var/lib/cilium/bpf/bpf_lxc.c"].mode == 0o644
    assert inside["usr/bin/clang"].issym()
    assert inside["usr/sbin/iptables"].linkname == "xtables-nft-multi"
    assert not [path for path in inside if path.startswith(("var/lib/cilium/bpf/tests", "var/c"))]
    assert "usr/share/doc/differs" not in inside


def test_the_probe_runs_as_nobody(built: dict[str, Path]) -> None:
    inside = files(built["image-probe"], "lab.local/probe:1")
    assert inside["bin/wget"].linkname == "busybox"
    assert inside["bin/busybox"].isreg()
    assert "etc/nsswitch.conf" in inside
    assert config(built["image-probe"], "lab.local/probe:1")["User"] == "65532:65532"


def test_the_chart(built: dict[str, Path]) -> None:
    assert built["cilium-chart"].name == "cilium-1.2.3.tgz"
    with tarfile.open(built["cilium-chart"]) as chart:
        assert chart.getnames() == ["cilium/Chart.yaml", "cilium/templates/a.yaml"]
        assert {member.mode for member in chart.getmembers()} == {0o644}


def test_digests_of_an_archive_are_those_of_its_blobs(built: dict[str, Path]) -> None:
    with tarfile.open(built["image-control-plane"]) as content:
        blobs = [m for m in content.getmembers() if m.isreg() and "/" in m.name]
        for member in blobs:
            stream = content.extractfile(member)
            assert stream is not None
            assert hashlib.sha256(stream.read()).hexdigest() == member.name.rpartition("/")[2]
        docker = content.extractfile("manifest.json")
        assert docker is not None
        names = {member.name for member in blobs}
        for image in json.load(docker):
            assert {image["Config"], *image["Layers"]} <= names


def test_the_same_images_give_the_same_archive(tmp_path: Path) -> None:
    sums = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        layer = archive.write_layer(folder, "layer", [Entry("b/c", content=b"x"), Entry("a")])
        archive.write_archive(folder / "a.tar", [Image("r/x:1", [layer], {"User": "1"})])
        sums.append(hashlib.sha256((folder / "a.tar").read_bytes()).hexdigest())
    assert sums[0] == sums[1]


def test_what_is_not_a_file_cannot_be_read(tmp_path: Path) -> None:
    archive.write_archive(tmp_path / "a.tar", [])
    with Reader(tmp_path / "a.tar") as reader, pytest.raises(KeyError):
        reader.open("nothing")
