"""Texts of YAML and charts of Helm as the objects that they declare."""

from __future__ import annotations

import glob
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from infra import toolchain
from infra.errors import PluginFailed
from infra.offline.kubernetes.objects import Manifest, metadata

#: Seconds for Helm to write out a chart.
_RENDERED: Final = 60
#: Kinds of Kubernetes itself that are in no namespace.
_CLUSTER_WIDE: Final = frozenset(
    (
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    )
)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def decode(text: str) -> list[Manifest]:
    """Every object of a text with one or more documents; lists as their items.

    Raises:
        PluginFailed: it is not YAML, or a document is no object.
    """
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise PluginFailed(f"the text is not YAML: {error}", next_step="correct it.") from error
    return [one for document in documents if document is not None for one in unpacked(document)]


def unpacked(document: Any) -> Iterator[Manifest]:
    """An object, or those that a list holds.

    Raises:
        PluginFailed: it is none.
    """
    if not isinstance(document, dict) or not document.get("kind") or "apiVersion" not in document:
        raise PluginFailed(
            "a document has no apiVersion and kind: it is no object of Kubernetes.",
            next_step="correct it.",
        )
    if document["kind"].endswith("List") and "items" in document:
        for item in document["items"] or ():
            yield from unpacked(item)
    else:
        yield document


def read(patterns: Sequence[str]) -> list[Manifest]:
    """The objects of files, named by paths or patterns of them.

    Raises:
        PluginFailed: there is no such file, or it is an address of the internet.
    """
    found: list[Manifest] = []
    for pattern in patterns:
        files = sorted(glob.glob(pattern))  # noqa: PTH207 - also of the whole file system
        if not files:
            raise PluginFailed(
                f"no file fits {pattern}.",
                next_step="name a file here; the offline provider fetches nothing.",
            )
        for file in files:
            found += decode(Path(file).read_text())
    return found


def render(
    name: str,
    chart: str,
    *,
    namespace: str = "",
    values: Mapping[str, Any],
    value_files: Sequence[str] = (),
    definitions: bool = True,
    hooks: bool = True,
    tests: bool = False,
) -> list[Manifest]:
    """The objects of a chart on this host, as `helm template` writes them.

    Args:
        name: of the release.
        chart: path of its folder or archive.
        namespace: of the objects that name none.
        values: of the chart; they may be secret, so Helm reads them from a pipe.
        value_files: paths of more values, which come first.
        definitions: whether its definitions of kinds are part of it.
        hooks: whether what runs before and after an installation is.
        tests: whether the pods that test it are.

    Raises:
        PluginFailed: the chart is not on this host, or Helm refuses it.
    """
    if not Path(chart).exists():
        raise PluginFailed(
            f"there is no chart {chart} on this host.",
            next_step="name a folder or an archive; the offline provider fetches nothing.",
        )
    command = [str(toolchain.binary("helm")), "template", name, chart, "--values", "-"]
    for file in value_files:
        command[-2:-2] = ["--values", file]
    command += ["--namespace", namespace] if namespace else []
    command += ["--include-crds"] if definitions else ["--skip-crds"]
    command += [] if hooks else ["--no-hooks"]
    command += [] if tests else ["--skip-tests"]
    with tempfile.TemporaryDirectory(prefix="lab-helm-") as folder:
        done = subprocess.run(
            command,
            input=json.dumps(dict(values)),
            capture_output=True,
            text=True,
            check=False,
            timeout=_RENDERED,
            # Nothing of the user's own Helm, and nothing left.
            env={"HOME": folder, "PATH": "/nonexistent"},
        )
    if done.returncode != 0:
        raise PluginFailed(
            f"Helm does not render {chart}: {done.stderr.strip()[-1000:]}",
            next_step="correct the chart or its values.",
        )
    return [_placed(one, namespace) for one in decode(done.stdout)]


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    """In the release's namespace, as Helm would apply it."""
    if not namespace or manifest["kind"] in _CLUSTER_WIDE or metadata(manifest).get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata(manifest), "namespace": namespace}}
