from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from infra.errors import ToolBuildFailed, ToolCorrupt
from infra.toolchain import catalogue, resolve, store
from infra.toolchain.products import Product, Workshop
from infra.toolchain.progress import Progress
from tests.unit.toolchain.conftest import Recorder, Site


def product(make: Callable[[Workshop], None], name: str = "thing") -> Product:
    return Product("tools", name, "1.0.0", "ab" * 32, ("one", "two"), make)


def good(shop: Workshop) -> None:
    (shop.out / "one").write_text("first")
    (shop.out / "two").write_text("second")
    (shop.work / "scrap").write_text("scrap")


def build(made: Product, progress: Progress) -> store.Manifest:
    def make(shop: Workshop) -> float:
        made.make(shop)
        return 1.25

    return store.build(made, progress, make)


def names(site: Site) -> list[str]:
    folder = site.root / "cache" / "tools"
    return sorted(item.name for item in folder.iterdir()) if folder.exists() else []


def test_a_product_and_its_manifest(site: Site, progress: Recorder) -> None:
    made = product(good)
    assert store.read(made) is None
    manifest = build(made, progress)
    assert store.read(made) == manifest
    assert manifest.seconds == 1.2
    assert manifest.files["one"].bytes == 5
    assert names(site) == ["thing-1.0.0-abababababab"]
    store.check(made.folder, manifest)


def test_another_digest_is_not_taken_for_this_one(site: Site, progress: Recorder) -> None:
    made = product(good)
    build(made, progress)
    # The folder's name has only the digest's beginning.
    other = Product("tools", "thing", "1.0.0", "ab" * 31 + "cd", ("one", "two"), good)
    assert other.folder == made.folder
    assert store.read(other) is None


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest"])
def test_what_is_not_whole_is_not_there(site: Site, progress: Recorder, damage: str) -> None:
    made = product(good)
    build(made, progress)
    match damage:
        case "truncate":
            (made.folder / "one").write_text("fir")
        case "remove":
            (made.folder / "two").unlink()
        case "manifest":
            (made.folder / "manifest.json").write_text("{}")
    assert store.read(made) is None
    build(made, progress)
    assert store.read(made) is not None
    assert names(site) == ["thing-1.0.0-abababababab"]


def test_a_flipped_byte_is_found(site: Site, progress: Recorder) -> None:
    made = product(good)
    manifest = build(made, progress)
    (made.folder / "one").write_text("f1rst")
    assert store.read(made) == manifest
    with pytest.raises(ToolCorrupt, match="one has SHA-256") as caught:
        store.check(made.folder, manifest)
    assert "build thing --again" in caught.value.next_step
    (made.folder / "one").unlink()
    with pytest.raises(ToolCorrupt, match="cannot be read"):
        store.check(made.folder, manifest)


def test_a_failed_build_leaves_nothing(site: Site, progress: Recorder) -> None:
    def half(shop: Workshop) -> None:
        (shop.out / "one").write_text("first")
        raise shop.failure("it broke.")

    with pytest.raises(Exception, match="it broke"):
        build(product(half), progress)
    assert names(site) == []


def test_a_cache_that_cannot_be_written_to(site: Site, progress: Recorder) -> None:
    def full(shop: Workshop) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ToolBuildFailed, match="No space left") as caught:
        build(product(full), progress)
    assert "has room" in caught.value.next_step
    assert names(site) == []


def _killed(arrived: object) -> None:
    def half(shop: Workshop) -> None:
        (shop.out / "one").write_text("first")
        os.kill(os.getpid(), signal.SIGKILL)

    made = product(half)
    with store.locked(made.group, made.name):
        build(made, Recorder())


def test_a_killed_build_leaves_nothing_that_counts(site: Site, progress: Recorder) -> None:
    child = multiprocessing.get_context("fork").Process(target=_killed, args=(None,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    (leftover,) = names(site)
    assert leftover.startswith(".new.thing.")
    made = product(good)
    assert store.read(made) is None
    with store.locked(made.group, made.name):
        build(made, progress)
    assert names(site) == ["thing-1.0.0-abababababab"]


def test_leftovers_of_other_products_are_left_alone(site: Site, progress: Recorder) -> None:
    other = site.root / "cache" / "tools" / ".new.thing-two.x"
    other.mkdir(parents=True)
    build(product(good), progress)
    assert other.is_dir()


def test_two_builders_build_once(site: Site, progress: Recorder) -> None:
    inside, go_on, count = Event(), Event(), []

    def slow(shop: Workshop) -> None:
        count.append(1)
        inside.set()
        assert go_on.wait(10)
        good(shop)

    made = product(slow)
    site.monkeypatch.setattr(catalogue, "select", lambda _, with_needs: [made])
    site.monkeypatch.setattr(resolve, "outside", lambda _: None)
    builders = [Thread(target=resolve.ensure, kwargs={"progress": progress}) for _ in range(2)]
    for builder in builders:
        builder.start()
    assert inside.wait(10)
    go_on.set()
    for builder in builders:
        builder.join(10)
    assert count == [1]
    assert progress.ended == [("thing", False)]


def test_sums(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    assert store.sha256(tmp_path / "x").startswith("e3b0c442")
