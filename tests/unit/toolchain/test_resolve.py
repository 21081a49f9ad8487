from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import paths, toolchain
from infra.errors import ToolBuildFailed, ToolCorrupt, ToolMissing, ToolUnknown
from infra.toolchain import catalogue, images
from infra.toolchain import mirror as mirrors
from infra.toolchain.products import Workshop
from tests.unit.toolchain.conftest import Recorder, Site, forget


def found(name: str) -> str:
    (entry,) = toolchain.status([name])
    return entry.found


def test_everything_is_made_once(site: Site, progress: Recorder) -> None:
    assert "runc" in toolchain.missing()
    toolchain.ensure(progress=progress)
    assert toolchain.missing() == []
    assert {name for name, failed in progress.ended if not failed} == set(catalogue.products())
    count = site.builds()
    toolchain.ensure(progress=progress)
    assert site.builds() == count
    assert [check.error for check in toolchain.verify()] == [None] * len(catalogue.products())


def test_artifacts(site: Site, progress: Recorder) -> None:
    with pytest.raises(ToolMissing, match="not there yet"):
        toolchain.artifacts()
    toolchain.ensure(progress=progress)
    listed = toolchain.artifacts()
    assert set(listed) == {
        *("kubernetes", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "cni-loopback"),
        *("etcdctl", "etcdutl", "vault", "vault-kms-plugin", "helm", "cilium-chart"),
        *("image-control-plane", "image-node", "image-cilium", "image-probe", "image-ai-lab"),
    }
    for artifact in listed.values():
        assert paths.cache() / artifact.relative == artifact.path
        assert artifact.path.is_file()
        assert artifact.sha256 is not None
        assert len(artifact.sha256) == 64


def test_what_is_not_made_yet_is_planned_without_a_digest(site: Site) -> None:
    with pytest.raises(ToolMissing):
        toolchain.artifacts()
    assert {artifact.sha256 for artifact in toolchain.artifacts(planned=True).values()} == {None}


def test_only_what_is_asked_for_is_made(site: Site, progress: Recorder) -> None:
    toolchain.ensure(["image-node"], progress=progress)
    assert [name for name, _ in progress.ended] == ["coredns", "pause", "image-node"]


def test_a_binary_stands_for_its_tool(site: Site, progress: Recorder) -> None:
    with pytest.raises(ToolMissing, match=r"etcd 1\.2\.3"):
        toolchain.binary("etcdctl")
    toolchain.ensure(["etcdctl"], progress=progress)
    assert toolchain.binary("etcdctl").name == "etcdctl"
    assert toolchain.binary("etcdctl").is_file()
    assert toolchain.version("etcdctl") == toolchain.version("etcd") == "1.2.3"
    assert toolchain.binary("etcd").parent == toolchain.binary("etcdutl").parent


@pytest.mark.parametrize("call", [toolchain.binary, toolchain.version, found])
def test_an_unknown_tool(site: Site, call: object) -> None:
    assert callable(call)
    with pytest.raises(ToolUnknown, match="'nosuch'") as caught:
        call("nosuch")
    assert "runc" in caught.value.next_step


def test_made_again_when_asked(site: Site, progress: Recorder) -> None:
    toolchain.ensure(["image-node"], progress=progress)
    count = site.builds()
    toolchain.ensure(["image-node"], progress=progress, again=True)
    assert site.builds() == count
    assert progress.ended[-1] == ("image-node", False)
    assert len(progress.ended) == 4
    toolchain.ensure(["pause"], progress=progress, again=True)
    assert site.builds() == count + 1


def test_a_changed_recipe_is_built_anew(site: Site, progress: Recorder) -> None:
    toolchain.ensure(["runc"], progress=progress)
    first = toolchain.binary("runc")
    (site.recipes / "runc" / "go.sum").write_text("other")
    assert found("runc") == "to build"
    toolchain.ensure(["runc"], progress=progress)
    assert toolchain.binary("runc") != first
    assert first.is_file()


def test_a_failure_is_told_and_what_was_made_is_kept(site: Site, progress: Recorder) -> None:
    toolchain.ensure(["runc"], progress=progress)
    site.flag("fail")
    with pytest.raises(ToolBuildFailed):
        toolchain.ensure(["pause"], progress=progress)
    assert progress.ended[-1] == ("pause", True)
    assert (found("runc"), found("pause")) == ("cache", "to build")


@pytest.mark.parametrize(
    ("shown", "taken"),
    [
        ("v1.2.3", True),
        ("1.2.9", True),
        ("v1.2.2", False),
        ("v1.3.3", False),
        ("v2.2.3", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_program_on_path_serves_if_its_version_fits(
    site: Site, progress: Recorder, shown: str, taken: bool
) -> None:
    program = site.program("pulumi", f"#!/bin/sh\necho {shown}\n")
    toolchain.ensure(["pulumi"], progress=progress)
    assert (toolchain.binary("pulumi") == program) == taken
    assert found("pulumi") == ("path" if taken else "cache")
    assert bool(progress.ended) != taken
    assert len(toolchain.verify(["pulumi"])) == (0 if taken else 1)


def test_a_program_on_path_that_does_not_run(site: Site) -> None:
    site.program("pulumi", "#!/nonexistent\n")
    assert found("pulumi") == "to build"


def test_our_own_cache_on_path_is_not_taken_for_an_installed_program(
    site: Site, progress: Recorder
) -> None:
    toolchain.ensure(["pulumi"], progress=progress)
    own = toolchain.binary("pulumi")
    own.write_text("#!/bin/sh\necho v1.2.3\n")
    site.monkeypatch.setenv("PATH", f"{own.parent}:{site.bin}:/usr/bin:/bin")
    forget()
    assert found("pulumi") != "path"


def test_other_tools_are_never_taken_from_path(site: Site) -> None:
    site.program("runc", "#!/bin/sh\necho v1.2.3\n")
    assert found("runc") == "to build"


def test_verify_names_what_is_wrong(site: Site, progress: Recorder) -> None:
    toolchain.ensure(["runc"], progress=progress)
    program = toolchain.binary("runc")
    program.write_bytes(program.read_bytes()[::-1])
    faults = {check.name: check.error for check in toolchain.verify(["runc", "pause"])}
    assert isinstance(faults["runc"], ToolCorrupt)
    assert isinstance(faults["pause"], ToolMissing)


def test_a_rebuild_gives_the_same_bytes(site: Site, progress: Recorder) -> None:
    with pytest.raises(ToolMissing):
        toolchain.rebuild_check("image-node", progress=progress)
    made = ("image-node", "image-cilium", "image-probe", "image-ai-lab")
    toolchain.ensure(made, progress=progress)
    for name in ("runc", *made, "cilium-chart"):
        toolchain.ensure([name], progress=progress)
        assert toolchain.rebuild_check(name, progress=progress) == [], name
    assert toolchain.verify(["image-cilium"])[0].error is None


def test_a_rebuild_that_differs_is_seen(site: Site, progress: Recorder) -> None:
    site.flag("random")
    toolchain.ensure(["etcd"], progress=progress)
    assert toolchain.rebuild_check("etcdctl", progress=progress) == ["etcd", "etcdctl", "etcdutl"]
    site.flag("fail")
    with pytest.raises(ToolBuildFailed):
        toolchain.rebuild_check("etcd", progress=progress)
    assert progress.ended[-1] == ("etcd", True)


def mirror(site: Site, progress: Recorder) -> Path:
    """A mirror of everything, and an empty cache on a machine without Go."""
    toolchain.ensure(progress=progress)
    folder = site.root / "mirror"
    assert set(toolchain.export(folder)) == set(catalogue.products())
    site.monkeypatch.setenv("LAB_CACHE", str(site.root / "elsewhere"))
    site.monkeypatch.setenv("LAB_MIRROR", str(folder))
    for program in ("go", "mmdebstrap", "uv"):
        site.without(program)
    progress.begun.clear()
    return folder


def test_a_mirror_serves_a_machine_that_cannot_build(site: Site, progress: Recorder) -> None:
    site.monkeypatch.setenv("FAKE_GO_VERSION", "1.26.11")
    forget()
    mirror(site, progress)
    assert {entry.found for entry in toolchain.status()} == {"mirror"}
    assert toolchain.missing() == []
    toolchain.ensure(progress=progress)
    assert "runc: fetching 1.2.3" in progress.begun
    assert {entry.found for entry in toolchain.status()} == {"cache"}
    assert all(check.error is None for check in toolchain.verify())


def test_a_mirror_is_brought_up_to_date(site: Site, progress: Recorder) -> None:
    toolchain.ensure(progress=progress)
    folder = site.root / "mirror"
    toolchain.export(folder)
    copy = folder / Path(toolchain.artifacts()["runc"].relative)
    inode = copy.stat().st_ino
    toolchain.export(folder)
    assert copy.stat().st_ino == inode
    copy.write_text("damaged")
    toolchain.export(folder)
    assert copy.read_bytes() == toolchain.binary("runc").read_bytes()


@pytest.mark.parametrize("damaged", ["runc", "manifest.json"])
def test_a_damaged_mirror(site: Site, progress: Recorder, damaged: str) -> None:
    folder = mirror(site, progress)
    file = folder / catalogue.products()["runc"].relative / damaged
    file.write_text(file.read_text() + " ")
    with pytest.raises(ToolCorrupt, match="mirror's copy of runc is damaged"):
        toolchain.ensure(["runc"], progress=progress)
    assert progress.ended[-1] == ("runc", True)
    assert found("runc") == "mirror"


def test_a_mirror_that_lacks_a_file(site: Site, progress: Recorder) -> None:
    folder = mirror(site, progress)
    (folder / catalogue.products()["runc"].relative / "runc").unlink()
    with pytest.raises(ToolCorrupt, match="runc is missing"):
        toolchain.ensure(["runc"], progress=progress)


def test_a_mirror_that_changes_meanwhile(site: Site, progress: Recorder, shop: Workshop) -> None:
    product = catalogue.products()["runc"]
    with pytest.raises(ToolCorrupt, match="no longer lists it"):
        mirrors.fetch(product, shop)


def test_what_the_mirror_has_not_is_built(site: Site, progress: Recorder) -> None:
    folder = mirror(site, progress)
    index = json.loads((folder / "index.json").read_text())
    del index["manifests"][catalogue.products()["runc"].relative]
    (folder / "index.json").write_text(json.dumps(index))
    assert toolchain.missing() == ["runc"]


def test_a_mirror_that_is_none(site: Site) -> None:
    site.monkeypatch.setenv("LAB_MIRROR", str(site.root / "nothing"))
    with pytest.raises(ToolMissing, match="which is no mirror"):
        toolchain.missing()
    (site.root / "nothing").mkdir()
    (site.root / "nothing" / "index.json").write_text("[]")
    with pytest.raises(ToolCorrupt, match="cannot be read"):
        toolchain.missing()


def test_only_what_is_whole_is_exported(site: Site, progress: Recorder) -> None:
    with pytest.raises(ToolMissing):
        toolchain.export(site.root / "mirror")
    toolchain.ensure(progress=progress)
    program = toolchain.binary("runc")
    program.write_bytes(program.read_bytes()[::-1])
    with pytest.raises(ToolCorrupt):
        toolchain.export(site.root / "mirror")
    assert not (site.root / "mirror" / "index.json").exists()


def test_names_of_images(site: Site) -> None:
    assert images.reference("coredns") == "registry.k8s.io/coredns/coredns:v1.2.3"
    assert images.tag("etcd") == "1.2.3"
    with pytest.raises(ToolUnknown, match="no image 'nosuch'"):
        images.reference("nosuch")


def test_kubeadm_finds_its_own_names() -> None:
    assert images.reference("kube-apiserver") == "registry.k8s.io/kube-apiserver:v1.36.3"
    assert images.reference("pause") == "registry.k8s.io/pause:3.10.2"
    assert images.reference("cilium-operator") == "lab.local/operator-generic:v1.19.3"
