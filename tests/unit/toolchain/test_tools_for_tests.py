"""Tools that only tests need, and what a tool reads when it runs."""

from __future__ import annotations

import tarfile

import pytest

from infra import toolchain
from infra.errors import ToolBuildFailed
from infra.toolchain import catalogue, gobuild, recipes
from infra.toolchain.products import Workshop
from tests.unit.toolchain.conftest import Recorder, Site, catalogue_text

JUDGE = """
[tools.judge]
version = "1.2.3"
packages = { judge = "example.org/judge" }
for_tests = true
[tools.judge.data]
module = "example.org/judge"
version = "v1.2.3"
folder = "cfg"
keep = ["config.yaml", "cis"]
"""


@pytest.fixture
def judge(site: Site) -> Site:
    folder = site.fake / "modules" / "example.org" / "judge" / "cfg"
    (folder / "cis" / "deep").mkdir(parents=True)
    (folder / "cisco").mkdir()
    for name in ("config.yaml", "cis/a.yaml", "cis/deep/b.yaml", "cisco/c.yaml", "d.yaml"):
        (folder / name).write_text(name)
        (folder / name).chmod(0o400)
    site.tools(catalogue_text() + JUDGE)
    recipe = site.recipes / "judge"
    recipe.mkdir()
    (recipe / "go.mod").write_text("module ai-lab.eu/toolchain/judge\n")
    (recipe / "go.sum").write_text("example.org/judge v1.2.3 h1:good=\n")
    return site


def test_a_lab_needs_none_of_them(judge: Site, progress: Recorder) -> None:
    assert "judge" in catalogue.products()
    assert "judge" not in catalogue.named(None)
    assert "judge" not in toolchain.missing()
    toolchain.ensure(progress=progress)
    assert not [one for one in progress.begun if one.startswith("judge:")]
    toolchain.ensure(["judge"], progress=progress)
    assert "judge: building 1.2.3" in progress.begun
    assert toolchain.binary("judge").with_name("judge-data.tgz").is_file()


def test_its_data_is_what_it_says(judge: Site, shop: Workshop) -> None:
    tool = recipes.load().tools["judge"]
    gobuild.build(tool, shop)
    assert {file.name for file in shop.out.iterdir()} == {"judge", "judge-data.tgz"}
    with tarfile.open(shop.out / "judge-data.tgz") as packed:
        modes = {one.name: one.mode for one in packed.getmembers()}
    assert modes == {
        "cis": 0o755,
        "cis/a.yaml": 0o644,
        "cis/deep": 0o755,
        "cis/deep/b.yaml": 0o644,
        "config.yaml": 0o644,
    }


def test_data_that_is_not_there(judge: Site, shop: Workshop) -> None:
    text = catalogue_text() + JUDGE.replace('"cis"', '"cis-2"')
    tool = recipes.parse(text).tools["judge"]
    with pytest.raises(ToolBuildFailed, match="has no cfg/cis-2"):
        gobuild.build(tool, shop)


def test_data_changes_a_tools_digest_and_no_others(judge: Site) -> None:
    plain = recipes.parse(catalogue_text() + JUDGE.partition("[tools.judge.data]")[0])
    full, other = recipes.load(), recipes.parse(catalogue_text() + JUDGE.replace("cis", "all"))
    digests = {found.tools["judge"].digest("1.26.8") for found in (plain, full, other)}
    assert len(digests) == 3
    assert plain.tools["etcd"].digest("1.26.8") == full.tools["etcd"].digest("1.26.8")


def test_the_labs_own_judge() -> None:
    tool = recipes.load().tools["kube-bench"]
    assert tool.for_tests
    assert tool.data is not None
    assert tool.data.version == f"v{tool.version}"
