"""The image `ai-lab`: what is in it, what its name depends on, and that nothing of it differs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from infra import paths, toolchain
from infra.errors import ToolBuildFailed, ToolMissing
from infra.toolchain import images, python_image, python_packages
from infra.toolchain.archive import Reader
from policies.admission import Admission
from policies.registry import all_rules
from tests.unit.toolchain.conftest import OTHERS, SOURCES, Recorder, Site, forget

PACKAGES = "usr/local/lib/python3.13/dist-packages"
#: What the image has not: what makes labs, what only tests use, terminals.
BLOCKED = (
    *("ansible", "ansible_runner", "google", "grpc", "kubernetes", "mitogen", "pulumi"),
    *("pulumi_aws", "pulumi_azure_native", "pulumi_kubernetes", "pulumi_policy"),
    *("pytest", "rich", "testinfra", "typer"),
)
#: What the auditor does without, for its memory's sake.
SPARED = ("aiohttp", "cryptography", "hvac", "kopf", "psycopg", "pydantic", "requests")


def layers(path: Path) -> list[dict[str, tarfile.TarInfo]]:
    with Reader(path) as reader:
        ((_, descriptor),) = reader.images()
        found = []
        for layer in json.loads(reader.blob(descriptor["digest"]))["layers"]:
            with tarfile.open(fileobj=io.BytesIO(reader.blob(layer["digest"]))) as content:
                found.append({member.name: member for member in content.getmembers()})
    return found


def built(progress: Recorder) -> Path:
    toolchain.ensure(["image-ai-lab"], progress=progress)
    return toolchain.artifacts(planned=True)["image-ai-lab"].path


def test_python_packages_and_sources_are_layers_of_their_own(
    site: Site, progress: Recorder
) -> None:
    python, packages, own = layers(built(progress))
    assert python["usr/bin/python3"].linkname == "python3.13"
    assert python["lib64"].linkname == "usr/lib64"
    assert python["etc/ssl/certs/ca-certificates.crt"].size == len("first\nsecond\n")
    assert {"etc/passwd", "usr/lib/x86_64-linux-gnu/libc.so.6"} <= set(python)
    assert f"{PACKAGES}/thing-1.0.dist-info/METADATA" in packages
    assert packages[f"{PACKAGES}/thing/__init__.py"].mode == 0o644
    files = {name for name, member in own.items() if member.isreg()}
    assert {name for name in files if name.endswith(".py")} == {f"opt/ai-lab/{x}" for x in SOURCES}
    assert not {name for name in files for other in OTHERS if name.endswith(other)}


def test_byte_code_comes_with_sources_and_nothing_comes_that_differs(
    site: Site, progress: Recorder
) -> None:
    everything = {name for layer in layers(built(progress)) for name in layer}
    assert "usr/lib/python3.13/__pycache__/os.cpython-313.pyc" in everything
    assert "opt/ai-lab/infra/__pycache__/naming.cpython-313.pyc" in everything
    for left_out in ("RECORD", "bin/script", "/tests/", "/test/", ".pyi", "gconv", "usr/share"):
        assert not [name for name in everything if left_out in name], left_out
    compiled = (site.fake / "compiled.log").read_text()
    assert compiled.startswith("0 1 ")
    assert "--invalidation-mode unchecked-hash" in compiled


def test_packages_are_those_of_the_list_with_their_checksums(
    site: Site, progress: Recorder
) -> None:
    built(progress)
    (call,) = (site.fake / "uv.log").read_text().splitlines()
    for words in (
        "--require-hashes",
        "--no-deps",
        "--only-binary :all:",
        "--python-version 3.13",
        "--python-platform",
        f"--requirement {python_packages.file()}",
    ):
        assert words in call, words


@pytest.mark.parametrize("path", [*SOURCES, "toolchain/ai-lab/requirements.txt"])
def test_what_is_in_it_is_in_its_name(site: Site, path: str) -> None:
    before = images.reference("ai-lab")
    assert before.startswith("lab.local/ai-lab:")
    site.source(path, "x = 2\n")
    assert images.reference("ai-lab") != before
    assert images.name_in("r.example.org/lab", "ai-lab").startswith("r.example.org/lab/ai-lab:")


@pytest.mark.parametrize("path", OTHERS)
def test_what_is_not_in_it_makes_no_other_image(site: Site, path: str) -> None:
    before = images.reference("ai-lab")
    site.source(path, "x = 2\n")
    assert images.reference("ai-lab") == before


@pytest.mark.parametrize("flag", ["no-package", "other-python"])
def test_a_build_that_cannot_be(site: Site, progress: Recorder, flag: str) -> None:
    site.flag(flag)
    with pytest.raises(ToolBuildFailed):
        built(progress)


def test_without_a_loader_nothing_is_compiled(site: Site, progress: Recorder) -> None:
    site.program("cp", "#!/bin/sh\n")
    with pytest.raises(ToolBuildFailed, match="no loader"):
        built(progress)


def test_the_uv_of_the_cache_serves(site: Site) -> None:
    site.without("uv")
    site.monkeypatch.setenv("PATH", str(site.bin))
    with pytest.raises(ToolMissing, match="uv is neither"):
        python_packages.uv()
    own = paths.cache() / "uv" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.touch()
    assert python_packages.uv() == str(own)


# Of this checkout.


def test_the_list_is_that_of_the_lock() -> None:
    told = "`python -m infra.toolchain.python_packages` writes it"
    assert python_packages.file().read_text() == python_packages.locked(), told


def test_the_sources_suffice(tmp_path: Path) -> None:
    """Every module of the image can be imported from its own files alone, and without what it has
    not; and so can the auditor.
    """
    forget()
    names = []
    for source in python_image.sources():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((paths.REPOSITORY / source).read_bytes())
        if source.endswith(".py"):
            names.append(source.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    program = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({BLOCKED!r}))\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "import infra\n"
        f"assert infra.__file__.startswith({str(tmp_path)!r})\n"
    )
    alone = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({BLOCKED + SPARED!r}))\n"
        "import infra.auditor.__main__\n"
        "from policies.registry import all_rules\n"
        "assert all_rules()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    for text in (program, alone):
        subprocess.run([sys.executable, "-c", text], env=environment, cwd=tmp_path, check=True)
    assert {"infra.auditor.__main__", "infra.operator.__main__"} <= set(names)
    # What modules read when they are used, and not when they are imported.
    there = {name for name in python_image.sources() if not name.endswith(".py")}
    assert there == {"infra/evidence/README-bundle.txt", "infra/evidence/postgresql.sql"}


def test_every_rule_of_a_cluster_is_in_it() -> None:
    """The auditor judges the rules that it has: none that an API server enforces may lack."""
    there = {Path(source).stem.replace("_", "-") for source in python_image.sources()}
    enforced = {id_ for id_, rule in all_rules().items() if isinstance(rule.admission, Admission)}
    assert enforced <= there
