"""A small repository of recipes, and stand-ins for the programs that build from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra import paths
from infra.toolchain import gobuild, python_image, recipes, resolve
from infra.toolchain.products import Workshop

_GO = r"""#!/bin/sh
echo "$*" >> "$FAKE/go.log"
case $1 in
env) echo "go${FAKE_GO_VERSION:-1.26.8}" ;;
mod)
    echo 'go: downloading something' >&2
    if [ -e "$FAKE/no-module" ]; then echo 'not found' >&2; exit 1; fi
    if [ -e "$FAKE/odd-module" ]; then exit 0; fi
    module=${4%@*}
    printf '{"Dir": "%s", "Sum": "h1:good="}\n' "$FAKE/modules/$module"
    ;;
build)
    while [ "$1" != -o ]; do shift; done
    if [ -e "$FAKE/fail" ]; then
        for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "line $n"; done
        exit 3
    fi
    echo "compiled $3"
    { echo "binary of $3"; cat go.mod; cat src/*.go 2>/dev/null
      if [ -e "$FAKE/random" ]; then echo "$$"; fi; } > "$2"
    ;;
esac
"""
_MMDEBSTRAP = r"""#!/bin/sh
for target; do :; done
case $target in *.tar) echo "root file system" > "$target"; exit ;; esac
mkdir -p "$target/usr/bin" "$target/usr/share/doc" "$target/var/cache" "$target/tmp"
libraries="$target/usr/lib/x86_64-linux-gnu"
mkdir -p "$libraries/gconv" "$target/usr/lib64" "$target/usr/lib/python3.13/test"
mkdir -p "$target/usr/share/ca-certificates/mozilla"
if [ ! -e "$FAKE/other-python" ]; then echo python > "$target/usr/bin/python3.13"; fi
ln -s python3.13 "$target/usr/bin/python3"
cp "$FAKE/loader" "$libraries/ld-linux-x86-64.so.2"
echo so > "$libraries/libc.so.6"
echo so > "$libraries/gconv/X.so"
echo py | tee "$target/usr/lib/python3.13/os.py" > "$target/usr/lib/python3.13/test/t.py"
echo "first" > "$target/usr/share/ca-certificates/mozilla/a.crt"
echo "second" > "$target/usr/share/ca-certificates/mozilla/b.crt"
printf '#!/bin/sh\necho sh\necho wget\necho busybox\n' > "$target/usr/bin/busybox"
chmod 755 "$target/usr/bin/busybox"
echo "$$" > "$target/usr/share/doc/differs"
echo "$$" > "$target/var/cache/differs"
ln -s usr/bin "$target/bin"
"""
#: The image's own loader of programs, which starts its own Python to compile.
_LOADER = r"""#!/bin/sh
echo "$PYTHONHASHSEED $PYTHONDONTWRITEBYTECODE $*" >> "@LOG@"
while [ "$1" != -s ]; do shift; done
root=${2:?}
for folder; do
    # Nothing but what lies in the root: among the words is the prefix, which is /.
    case $folder in "$root"/?*) ;; *) continue ;; esac
    find "$folder" -name '*.py' | while read -r source; do
        cache="$(dirname "$source")/__pycache__"
        mkdir -p "$cache"
        echo code > "$cache/$(basename "$source" .py).cpython-313.pyc"
    done
done
"""
_UV = r"""#!/bin/sh
echo "$*" >> "$FAKE/uv.log"
if [ -e "$FAKE/no-package" ]; then echo 'no such package' >&2; exit 1; fi
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/bin" "$2/thing/tests" "$2/thing-1.0.dist-info"
echo "$$" | tee "$2/bin/script" "$2/thing-1.0.dist-info/RECORD" > "$2/thing/tests/test.py"
echo name > "$2/thing-1.0.dist-info/METADATA"
echo code > "$2/thing/__init__.py"
echo types > "$2/thing/__init__.pyi"
chmod 700 "$2/thing/__init__.py"
"""
#: Our own files: in the image, and not.
SOURCES = ("infra/naming.py", "infra/auditor/a.py", "policies/rule.py")
OTHERS = ("infra/cli/main.py", "policies/pack.py", "policies/rules/aws/a.py", "stacks/local.py")
_SIMPLE = ("kubernetes", "etcd", "coredns", "pause", "helm", "vault-kms-plugin", "pulumi")
_SEVERAL = {
    "etcd": ("etcd", "etcdctl", "etcdutl"),
    "containerd": ("containerd", "ctr", "containerd-shim-runc-v2"),
    "runc": ("runc",),
    "cni-plugins": ("cni-loopback",),
    "cilium": (
        "cilium-agent",
        "cilium-cni",
        "cilium-dbg",
        "cilium-health-responder",
        "cilium-mount",
        "cilium-sysctlfix",
        "hubble",
    ),
    "cilium-operator": ("cilium-operator-generic",),
}
_VAULT = """
[tools.vault]
version = "1.2.3"
packages = { vault = "." }
[tools.vault.source]
module = "example.org/vault"
version = "v1.2.3"
folder = "src"
leave_out = ["ui"]
[[tools.vault.source.edits]]
file = "a.go"
reason = "it must"
find = "old"
replace = "new"
"""


@dataclass
class Recorder:
    """A Progress that remembers."""

    begun: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ended: list[tuple[str, bool]] = field(default_factory=list)

    def begin(self, name: str, action: str, log: Path) -> None:
        self.begun.append(f"{name}: {action}")

    def line(self, name: str, text: str) -> None:
        self.lines.append(text)

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.ended.append((name, failed))


@dataclass
class Site:
    """The repository, the cache and the stand-ins of one test."""

    root: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def fake(self) -> Path:
        return self.root / "fake"

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def recipes(self) -> Path:
        return self.root / "repository" / "toolchain"

    def source(self, path: str, text: str) -> None:
        """A file of the repository."""
        file = self.root / "repository" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        forget()

    def program(self, name: str, text: str) -> Path:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)
        return file

    def calls(self) -> list[str]:
        log = self.fake / "go.log"
        return log.read_text().splitlines() if log.exists() else []

    def builds(self) -> int:
        return sum(call.startswith("build") for call in self.calls())

    def flag(self, name: str) -> None:
        (self.fake / name).touch()

    def without(self, name: str) -> None:
        (self.bin / name).unlink()
        forget()

    def tools(self, text: str) -> None:
        (self.recipes / "tools.toml").write_text(text)
        forget()


def forget() -> None:
    """Empties what is remembered for the life of a process."""
    recipes.load.cache_clear()
    gobuild.version_of.cache_clear()
    python_image.digest.cache_clear()
    resolve.answer.cache_clear()


def catalogue_text() -> str:
    text = 'go = "1.26.8"\n'
    for tool in dict.fromkeys([*_SIMPLE, *_SEVERAL]):
        binaries = _SEVERAL.get(tool, (tool,))
        packages = ", ".join(f'{name} = "example.org/{name}"' for name in binaries)
        text += f'[tools.{tool}]\nversion = "1.2.3"\npackages = {{ {packages} }}\n'
        if tool == "pulumi":
            text += 'path = ["pulumi", "version"]\n'
        if tool == "cilium-operator":
            text += 'folder = "cilium"\n'
    return text + _VAULT


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site(tmp_path, monkeypatch)
    for folder in (made.fake, made.bin, made.recipes):
        folder.mkdir(parents=True)
    made.program("go", _GO)
    made.program("mmdebstrap", _MMDEBSTRAP)
    made.program("uv", _UV)
    # It is started with an environment of its own.
    log = str(made.fake / "compiled.log")
    (made.fake / "loader").write_text(_LOADER.replace("@LOG@", log))
    (made.fake / "loader").chmod(0o755)
    for path in (*SOURCES, *OTHERS):
        made.source(path, "x = 1\n")
    made.source("toolchain/ai-lab/requirements.txt", "thing==1.0\n")
    for tool in (*_SIMPLE, *_SEVERAL, "vault"):
        (made.recipes / tool).mkdir(exist_ok=True)
        (made.recipes / tool / "go.mod").write_text(f"module example.org/{tool}\n")
        (made.recipes / tool / "go.sum").write_text(
            "example.org/vault v1.2.3 h1:good=\ngithub.com/cilium/cilium v1.2.3 h1:good=\n"
        )
    (made.recipes / "images" / "cilium").mkdir(parents=True)
    (made.recipes / "images" / "cilium" / "install-plugin.sh").write_text("#!/bin/sh\n")
    vault = made.fake / "modules" / "example.org" / "vault"
    (vault / "ui").mkdir(parents=True)
    (vault / "ui" / "big.js").write_text("big")
    (vault / "deep").mkdir()
    (vault / "deep" / "b.go").write_text("b")
    (vault / "a.go").write_text("the old text")
    cilium = made.fake / "modules" / "github.com" / "cilium" / "cilium"
    (cilium / "bpf" / "tests").mkdir(parents=True)
    (cilium / "bpf" / "bpf_lxc.c").write_text("int x;")
    (cilium / "bpf" / "tests" / "t.c").write_text("int t;")
    chart = cilium / "install" / "kubernetes" / "cilium"
    (chart / "templates").mkdir(parents=True)
    for name in ("Chart.yaml", "values.yaml.tmpl", ".helmignore", "templates/a.yaml"):
        (chart / name).write_text(name)
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path / "repository")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE", str(made.fake))
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.delenv("LAB_MIRROR", raising=False)
    made.tools(catalogue_text())
    yield made
    forget()


@pytest.fixture
def progress() -> Recorder:
    return Recorder()


@pytest.fixture
def shop(tmp_path: Path, progress: Recorder) -> Iterator[Workshop]:
    out, work = tmp_path / "shop" / "out", tmp_path / "shop" / "work"
    out.mkdir(parents=True)
    work.mkdir()
    with (tmp_path / "shop" / "log").open("w") as log:
        yield Workshop("thing", out, work, log, progress)
