from __future__ import annotations

import pytest

from infra.errors import ToolBuildFailed
from infra.toolchain import gobuild, recipes
from infra.toolchain.products import Workshop
from infra.toolchain.recipes import Edit
from tests.unit.toolchain.conftest import Recorder, Site, forget


def test_each_package_is_built_with_the_same_flags(site: Site, shop: Workshop) -> None:
    gobuild.build(recipes.load().tools["etcd"], shop)
    assert {file.name for file in shop.out.iterdir()} == {"etcd", "etcdctl", "etcdutl"}
    assert (shop.out / "etcd").read_text().startswith("binary of example.org/etcd")
    assert (shop.out / "etcd").stat().st_mode & 0o777 == 0o755
    assert all("-trimpath -buildvcs=false" in x for x in site.calls() if x.startswith("build"))


def test_the_users_settings_do_not_count(site: Site, shop: Workshop) -> None:
    site.monkeypatch.setenv("GOFLAGS", "-race")
    site.monkeypatch.setenv("GOWORK", "/somewhere")
    site.program("go", '#!/bin/sh\n[ "$1" = env ] && echo go1.26.8 || env > "$FAKE/env"; exit 1\n')
    with pytest.raises(ToolBuildFailed):
        gobuild.build(recipes.load().tools["runc"], shop)
    seen = (site.fake / "env").read_text().splitlines()
    for line in ("GOFLAGS=-buildvcs=false", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0"):
        assert line in seen


def test_a_cold_build_compiles_everything(site: Site, shop: Workshop) -> None:
    site.program("go", '#!/bin/sh\n[ "$1" = env ] && echo go1.26.8 || env > "$FAKE/env"; exit 1\n')
    shop.cold = True
    with pytest.raises(ToolBuildFailed):
        gobuild.build(recipes.load().tools["runc"], shop)
    assert f"GOCACHE={shop.work}/compiled" in (site.fake / "env").read_text()


def test_a_failed_build_shows_its_last_lines(
    site: Site, shop: Workshop, progress: Recorder
) -> None:
    site.flag("fail")
    with pytest.raises(ToolBuildFailed) as caught:
        gobuild.build(recipes.load().tools["runc"], shop)
    assert "ended with 3" in caught.value.message
    assert "line 20" in caught.value.message
    assert "line 5\n" not in caught.value.message
    assert shop.log.name in caught.value.next_step
    assert "line 1" in progress.lines


def test_without_go(site: Site, shop: Workshop) -> None:
    site.without("go")
    assert gobuild.go_version() is None
    with pytest.raises(ToolBuildFailed, match="no Go on PATH"):
        gobuild.build(recipes.load().tools["runc"], shop)


def test_a_go_that_does_not_say_its_version(site: Site) -> None:
    site.program("go", "#!/bin/sh\necho devel\n")
    forget()
    assert gobuild.go_version() is None


def test_a_program_that_does_not_exist(shop: Workshop) -> None:
    with pytest.raises(ToolBuildFailed, match="ended with 127"):
        shop.run(["no-such-program"])
    with pytest.raises(ToolBuildFailed, match="could not be started"):
        shop.run(["true"], environment={"PATH": "/nonexistent"})


def test_sources_are_copied_and_edited(site: Site, shop: Workshop) -> None:
    gobuild.build(recipes.load().tools["vault"], shop)
    source = shop.work / "recipe" / "src"
    assert (source / "a.go").read_text() == "the new text"
    assert (source / "deep" / "b.go").is_file()
    assert not (source / "ui").exists()
    assert "the new text" in (shop.out / "vault").read_text()


@pytest.mark.parametrize(("text", "count"), [("nothing", 0), ("old and old", 2), (None, 0)])
def test_an_edit_must_match_exactly_once(shop: Workshop, text: str | None, count: int) -> None:
    if text is not None:
        (shop.work / "a.go").write_text(text)
    edit = Edit(file="a.go", reason="it must", find="old", replace="new")
    with pytest.raises(ToolBuildFailed, match=f"matches {count} times, not 1"):
        gobuild.apply_edit(edit, shop.work, shop)


def test_a_module_that_go_sum_does_not_name(site: Site, shop: Workshop) -> None:
    (site.recipes / "vault" / "go.sum").write_text("example.org/vault v1.2.3 h1:other=\n")
    with pytest.raises(ToolBuildFailed, match="does not name"):
        gobuild.build(recipes.load().tools["vault"], shop)


@pytest.mark.parametrize(
    ("flag", "message"), [("no-module", "ended with 1"), ("odd-module", "gave no folder")]
)
def test_a_module_that_cannot_be_had(site: Site, shop: Workshop, flag: str, message: str) -> None:
    site.flag(flag)
    with pytest.raises(ToolBuildFailed, match=message):
        gobuild.build(recipes.load().tools["vault"], shop)
