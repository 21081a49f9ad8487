"""What is in each image: its files, its user and how it starts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.toolchain import archive, debian, gobuild, python_image, recipes
from infra.toolchain.archive import Image, Layer
from infra.toolchain.products import Workshop
from infra.toolchain.tarball import Entry, folder_entries

#: User and group of images that need no rights, the number that distroless images use.
_NOBODY = 65532
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
#: Debian packages of the agent's image: the datapath's compiler, and what the agent, its chart and
#: whoever looks for a fault in it start.
_CILIUM_PACKAGES = (
    "base-files",
    "bash",
    "clang-19",
    "coreutils",
    "dash",
    "ethtool",
    "findutils",
    "grep",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "mount",
    "util-linux",
)
_CILIUM_MODULE = "github.com/cilium/cilium"
#: Parts of the datapath's sources that only its own tests need.
_BPF_LEFT_OUT = ("complexity-tests", "tests", "Makefile", "Makefile.bpf")


@dataclass
class Contents:
    """Makes images in a workshop; layers that several images share are made once."""

    shop: Workshop
    #: Every binary that the images may need, by name.
    binaries: Mapping[str, Path]
    _layers: dict[str, Layer] = field(default_factory=dict)

    def image(self, name: str, reference: str) -> Image:
        """One image.

        Raises:
            ToolBuildFailed: something that it is made from cannot be had.
        """
        if name in _KUBERNETES:
            return self._kubernetes(name, reference)
        made = {
            "etcd": self._etcd,
            "coredns": self._coredns,
            "pause": self._pause,
            "cilium": self._cilium,
            "cilium-operator": self._operator,
            "probe": self._probe,
            "ai-lab": self._ai_lab,
        }
        return made[name](reference)

    def _ai_lab(self, reference: str) -> Image:
        return python_image.image(reference, self.shop, _accounts())

    def _layer(self, name: str, entries: Iterable[Entry]) -> Layer:
        if name not in self._layers:
            self._layers[name] = archive.write_layer(self.shop.work, name, entries)
        return self._layers[name]

    def _binary(self, name: str, path: str) -> Entry:
        return Entry(path, content=self.binaries[name], mode=0o755)

    def _kubernetes(self, name: str, reference: str) -> Image:
        links = [Entry(f"usr/local/bin/{x}", "link", target="kubernetes") for x in _KUBERNETES]
        layer = self._layer(
            "kubernetes", [self._binary("kubernetes", "usr/local/bin/kubernetes"), *links]
        )
        return Image(reference, [layer], {"Env": [_PATH], "Entrypoint": [f"/usr/local/bin/{name}"]})

    def _etcd(self, reference: str) -> Image:
        entries = [self._binary(x, f"usr/local/bin/{x}") for x in ("etcd", "etcdctl", "etcdutl")]
        return Image(
            reference,
            [self._layer("etcd", entries)],
            {"Env": [_PATH], "Cmd": ["/usr/local/bin/etcd"]},
        )

    def _coredns(self, reference: str) -> Image:
        layer = self._layer("coredns", [*_accounts(), self._binary("coredns", "coredns")])
        config = {"Env": [_PATH], "Entrypoint": ["/coredns"], "User": f"{_NOBODY}:{_NOBODY}"}
        return Image(reference, [layer], {**config, "WorkingDir": "/"})

    def _pause(self, reference: str) -> Image:
        layer = self._layer("pause", [self._binary("pause", "pause")])
        config = {"Env": [_PATH], "Entrypoint": ["/pause"], "User": f"{_NOBODY}:{_NOBODY}"}
        return Image(reference, [layer], {**config, "WorkingDir": "/"})

    def _operator(self, reference: str) -> Image:
        entries = [
            *_accounts(),
            Entry("tmp", "folder", mode=0o1777),
            self._binary("cilium-operator-generic", "usr/bin/cilium-operator-generic"),
        ]
        config = {"Env": [_PATH], "Cmd": ["/usr/bin/cilium-operator-generic"]}
        return Image(reference, [self._layer("operator", entries)], {**config, "WorkingDir": "/"})

    def _cilium(self, reference: str) -> Image:
        root = self.shop.work / "cilium-root"
        debian.unpack(_CILIUM_PACKAGES, root, self.shop)
        layers = [
            self._layer("cilium-debian", [*debian.entries(root), *_accounts(), *_alternatives()]),
            self._layer("cilium", self._cilium_files()),
        ]
        config = {
            "Env": [_PATH, "HUBBLE_SERVER=unix:///var/run/cilium/hubble.sock"],
            "Cmd": ["/usr/bin/cilium-dbg"],
            "WorkingDir": "/",
        }
        return Image(reference, layers, config)

    def _cilium_files(self) -> Iterator[Entry]:
        for name in (
            "cilium-agent",
            "cilium-dbg",
            "cilium-health-responder",
            "cilium-mount",
            "cilium-sysctlfix",
            "hubble",
        ):
            yield self._binary(name, f"usr/bin/{name}")
        yield Entry("usr/bin/cilium", "link", target="cilium-dbg")
        yield self._binary("cilium-cni", "opt/cni/bin/cilium-cni")
        yield self._binary("cni-loopback", "cni/loopback")
        for script in folder_entries(recipes.root() / "images" / "cilium"):
            yield replace(script, mode=0o755)
        tool = recipes.load().tools["cilium"]
        module = gobuild.module_folder(_CILIUM_MODULE, f"v{tool.version}", tool.recipe, self.shop)
        for entry in folder_entries(
            module / "bpf", "var/lib/cilium/bpf", lambda path: path not in _BPF_LEFT_OUT
        ):
            # The module cache's own modes say nothing.
            yield replace(entry, mode=0o755 if entry.kind == "folder" else 0o644)

    def _probe(self, reference: str) -> Image:
        root = self.shop.work / "probe-root"
        debian.unpack(["busybox-static"], root, self.shop)
        busybox = root / "usr" / "bin" / "busybox"
        # Not in the log: four hundred names.
        applets = subprocess.run(
            [str(busybox), "--list"], capture_output=True, text=True, check=True
        ).stdout.split()
        entries = [
            *_accounts(),
            Entry("bin/busybox", content=busybox, mode=0o755),
            *(Entry(f"bin/{x}", "link", target="busybox") for x in applets if x != "busybox"),
            Entry("tmp", "folder", mode=0o1777),
            Entry("home/probe", "folder", mode=0o755, owner=_NOBODY),
        ]
        config = {
            "Env": ["PATH=/bin", "HOME=/home/probe"],
            "Cmd": ["/bin/sh"],
            "User": f"{_NOBODY}:{_NOBODY}",
            "WorkingDir": "/home/probe",
        }
        return Image(reference, [self._layer("probe", entries)], config)


def _accounts() -> list[Entry]:
    """The files by which names of users, groups, hosts and services are looked up."""
    nobody = f"nonroot:x:{_NOBODY}:"
    texts = {
        "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\n{nobody}{_NOBODY}::/:/bin/false\n",
        "etc/group": f"root:x:0:\n{nobody}\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
    return [Entry(path, content=text.encode()) for path, text in texts.items()]


def _alternatives() -> list[Entry]:
    """Links that Debian's own package scripts would have made."""
    tables = [
        Entry(f"usr/sbin/{program}{suffix}", "link", target="xtables-nft-multi")
        for program in ("iptables", "ip6tables")
        for suffix in ("", "-save", "-restore")
    ]
    return [
        *tables,
        Entry("usr/bin/clang", "link", target="../lib/llvm-19/bin/clang"),
        Entry("var/run", "link", target="/run"),
        Entry("var/lib", "folder", mode=0o755),
        Entry("var/log", "folder", mode=0o755),
    ]
