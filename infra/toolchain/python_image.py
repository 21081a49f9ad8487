"""The image `ai-lab`: Debian's Python, the lab's pinned packages, and our own sources.

What runs in clusters runs from it (`python3 -m infra.auditor`). Byte code is in it, valid whatever
the time of the sources: with it the auditor starts in a quarter of the time and in less memory,
and nothing has to be written at run time. What differs from one build to the next (records of
installation, scripts with the path of a host's Python) is left out.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from infra import paths
from infra.toolchain import archive, debian, python_packages, tarball
from infra.toolchain.archive import Image, Layer
from infra.toolchain.products import Workshop
from infra.toolchain.python_packages import PYTHON
from infra.toolchain.tarball import Entry, folder_entries

_DEBIAN: Final = ("ca-certificates", "python3")
#: Where Debian's Python looks for packages that are not Debian's.
_PACKAGES: Final = f"usr/local/lib/python{PYTHON}/dist-packages"
_OWN: Final = "opt/ai-lab"
_BUNDLE: Final = "etc/ssl/certs/ca-certificates.crt"
#: What the image takes of Debian's root; the rest is for compiling, for people, or not for Python.
_KEPT: Final = (
    "etc/ssl/openssl.cnf",
    f"usr/bin/python{PYTHON}",
    "usr/bin/python3",
    f"usr/lib/python{PYTHON}/*",
    "usr/lib/ssl/*",
    "usr/lib/*-linux-gnu/*.so*",
    "usr/lib/*-linux-gnu/ossl-modules/*",
    "usr/lib/ld-linux-*",
    "usr/lib64/*",
)
_LEFT_OUT: Final = (
    f"usr/lib/python{PYTHON}/config-*",
    f"usr/lib/python{PYTHON}/ensurepip/*",
    f"usr/lib/python{PYTHON}/idlelib/*",
    f"usr/lib/python{PYTHON}/pydoc_data/*",
    f"usr/lib/python{PYTHON}/sitecustomize.py",
    f"usr/lib/python{PYTHON}/test/*",
    f"usr/lib/python{PYTHON}/turtle*",
    f"usr/lib/python{PYTHON}/venv/*",
    "usr/lib/*-linux-gnu/engines-3/*",
    "usr/lib/*-linux-gnu/gconv/*",
    "usr/lib/*-linux-gnu/libdb-*",
    # Of packages: what differs by host, and what is for compiling or checking types.
    f"{_PACKAGES}/bin/*",
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_*",
    "*/tests/*",
    "*.c",
    "*.h",
    "*.pxd",
    "*.pyi",
    "*.pyx",
)
#: Our own sources: no more than what runs in clusters, so that a change elsewhere makes no new
#: image. tests/unit/toolchain/test_python_image.py imports all of it from an empty environment.
_SOURCES: Final = (
    "infra/__init__.py",
    "infra/auditor/*.py",
    "infra/cluster/__init__.py",
    "infra/cluster/manifests.py",
    "infra/config/*.py",
    "infra/config/grounds/*.py",
    "infra/errors.py",
    "infra/evidence/*.py",
    "infra/evidence/*.sql",
    "infra/evidence/*.txt",
    "infra/kubernetes/*.py",
    "infra/marks.py",
    "infra/naming.py",
    "infra/operator/*.py",
    "infra/paths.py",
    "infra/regions.py",
    *(
        f"infra/sandbox/{name}.py"
        for name in (
            *("__init__", "access", "blueprint", "identity"),
            *("limits", "network", "quantity", "resource", "transfer"),
        )
    ),
    *(
        f"infra/secrets/{name}.py"
        for name in ("__init__", "certificates", "client", "requested", "sandboxes", "signing")
    ),
    "policies/*.py",
    "policies/rules/__init__.py",
    "policies/rules/kubernetes/*.py",
)
#: What declares the operator; the policy pack, the command's reports, and helpers of rules that no
#: cluster enforces.
_NOT_SOURCES: Final = (
    "infra/operator/component.py",
    "infra/operator/objects.py",
    "infra/operator/rights.py",
    "infra/operator/targets.py",
    "policies/__main__.py",
    "policies/clouds.py",
    "policies/documents.py",
    "policies/explain.py",
    "policies/lean.py",
    "policies/pack.py",
    "policies/reference.py",
    "policies/remediation.py",
)
_USER: Final = "65532:65532"
_CONFIG: Final[dict[str, Any]] = {
    "Env": [
        "LANG=C.UTF-8",
        "PATH=/usr/bin",
        "PYTHONDONTWRITEBYTECODE=1",
        f"PYTHONPATH=/{_OWN}",
        "PYTHONSAFEPATH=1",
        "PYTHONUNBUFFERED=1",
        f"SSL_CERT_FILE=/{_BUNDLE}",
    ],
    "Cmd": ["python3"],
    "User": _USER,
    "WorkingDir": "/",
}


def sources() -> list[str]:
    """Paths of our own files that are in the image, below the repository."""
    found = (file for pattern in _SOURCES for file in paths.REPOSITORY.glob(pattern))
    names = sorted(str(file.relative_to(paths.REPOSITORY)) for file in found)
    return [name for name in names if name not in _NOT_SOURCES]


@cache
def digest() -> str:
    """Hex digest of everything that the image is made from, but the state of Debian's archive."""
    packing = tarball.source_digest(
        archive.__file__, debian.__file__, python_packages.__file__, __file__
    )
    found = hashlib.sha256(f"{platform.machine()} {packing}\n".encode())
    packages = str(python_packages.file().relative_to(paths.REPOSITORY))
    for path in (packages, *sources()):
        content = hashlib.sha256((paths.REPOSITORY / path).read_bytes()).hexdigest()
        found.update(f"{path} {content}\n".encode())
    return found.hexdigest()


def image(reference: str, shop: Workshop, accounts: Sequence[Entry]) -> Image:
    """Makes the image in a workshop.

    Args:
        reference: its full name.
        shop: where it is made.
        accounts: the files by which users and hosts are looked up.

    Raises:
        ToolBuildFailed: a package cannot be had.
    """
    root = shop.work / "root"
    debian.unpack(_DEBIAN, root, shop)
    if not (root / "usr" / "bin" / f"python{PYTHON}").exists():
        raise shop.failure(f"{debian.SUITE} has no Python {PYTHON}.")
    python_packages.install(root / _PACKAGES, shop)
    for path in sources():
        target = root / _OWN / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.REPOSITORY / path, target)
    _compile(root, shop)
    return Image(reference, list(_layers(root, shop, accounts)), _CONFIG)


def _compile(root: Path, shop: Workshop) -> None:
    """Byte code by the image's own Python, which this host need not have: started by its own
    loader, with its own libraries. `unchecked-hash`: nothing looks at the time of a source.
    """
    loaders = sorted(root.glob("usr/lib/*-linux-gnu/ld-linux-*"))
    if not loaders:
        raise shop.failure(f"{debian.SUITE} has no loader of programs.")
    command = [str(loaders[0]), "--library-path", str(loaders[0].parent)]
    command += [str(root / "usr" / "bin" / f"python{PYTHON}"), "-P", "-m", "compileall", "-q"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    shop.run(
        [*command, *(str(root / path) for path in (f"usr/lib/python{PYTHON}", _PACKAGES, _OWN))],
        environment={
            # What this Python itself imports must not be cached with the time of its source.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Sets of constants lie in the order of their hashes.
            "PYTHONHASHSEED": "0",
            "PYTHONHOME": str(root / "usr"),
        },
    )


def _layers(root: Path, shop: Workshop, accounts: Sequence[Entry]) -> Iterator[Layer]:
    """What changes least comes first: a node that has a layer does not get it again."""
    everything = list(folder_entries(root))
    python = [one for one in everything if _any(one.path, _KEPT) and _is_content(one)]
    python += [*accounts, *_links(root), Entry("tmp", "folder", mode=0o1777)]
    python.append(Entry(_BUNDLE, content=_authorities(root)))
    yield archive.write_layer(shop.work, "python", python)
    for name, prefix in (("packages", _PACKAGES), ("own", _OWN)):
        below = [
            one for one in everything if one.path.startswith(f"{prefix}/") and _is_content(one)
        ]
        yield archive.write_layer(shop.work, name, map(_readable, below))


def _is_content(entry: Entry) -> bool:
    """Folders come with what is in them; one that is left empty would tell what was left out."""
    return entry.kind != "folder" and not _any(_source_of(entry.path), _LEFT_OUT)


def _source_of(path: str) -> str:
    """The source of byte code; other paths as they are."""
    file = PurePosixPath(path)
    if file.suffix != ".pyc":
        return path
    return str(file.parent.parent / f"{file.name.split('.', 1)[0]}.py")


def _readable(entry: Entry) -> Entry:
    """Modes of a checkout and of wheels say nothing."""
    return Entry(entry.path, entry.kind, entry.content, entry.target, mode=0o644)


def _links(root: Path) -> Iterator[Entry]:
    """What Debian's `base-files` has: programs name their loader by it."""
    for name in ("lib", "lib64"):
        if (root / "usr" / name).is_dir():
            yield Entry(name, "link", target=f"usr/{name}")


def _authorities(root: Path) -> bytes:
    """Debian's certificate authorities in one file, as `update-ca-certificates` writes it."""
    folder = root / "usr" / "share" / "ca-certificates" / "mozilla"
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.crt")))


def _any(path: str, patterns: Sequence[str]) -> bool:
    # fnmatch's star crosses slashes, which is meant here.
    return any(fnmatch(path, pattern) for pattern in patterns)
