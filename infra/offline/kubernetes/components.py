"""What declares many objects at once: config groups and charts.

The members that the official provider registers, each under its own name, for the same inputs.
What it would fetch, this one refuses. A `Release` has no members: what Helm installs by itself, no
engine sees, and so there is none here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.errors import PluginFailed
from infra.offline.kubernetes import manifests, objects
from infra.offline.kubernetes.objects import Manifest, metadata
from infra.plugins import UNKNOWN, contains_unknown
from infra.plugins.components import Member

#: Made before everything else: others are in them, or of them.
_FIRST: Final = ("Namespace", "CustomResourceDefinition")
#: Options that change nothing about what the objects are.
_INDIFFERENT: Final = frozenset(("devel", "keyring", "plainHttp", "verify"))
_CHART: Final = frozenset(
    (
        "chart",
        "includeHooks",
        "name",
        "namespace",
        "resourcePrefix",
        "skipAwait",
        "skipCrds",
        "valueYamlFiles",
        "values",
    )
)


def members(type_: str, name: str, inputs: dict[str, Any]) -> list[list[Member]]:
    """What a component consists of; nothing as long as what decides it is not known.

    Raises:
        PluginFailed: there is no such component, or its inputs ask for what is not on this host.
    """
    found = _COMPONENTS.get(type_.removeprefix("kubernetes:"))
    if found is None:
        raise PluginFailed(
            f"the offline provider has no component {type_}.",
            next_step="declare its objects with yaml.v2.ConfigGroup or helm.v4.Chart.",
        )
    if contains_unknown(inputs):
        return []
    prefix = inputs.get("resourcePrefix") or name
    awaits = not inputs.get("skipAwait")
    step = [_member(prefix, one, awaits) for one in found(name, inputs)]
    first = [one for one in step if one.inputs["kind"] in _FIRST]
    rest = [one for one in step if one not in first]
    return [one for one in (first, rest) if one]


def invoke(token: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The provider's functions: those by which older components decode their texts.

    Raises:
        PluginFailed: there is no such function, or its text or chart is no good.
    """
    if UNKNOWN in arguments.values():
        return {}
    match token:
        case "kubernetes:yaml:decode":
            return {"result": manifests.decode(arguments["text"])}
        case "kubernetes:helm:template":
            return {"result": _of_old_chart(json.loads(arguments["jsonOpts"]))}
        case _:
            raise PluginFailed(
                f"the offline provider has no function {token}.",
                next_step="leave it out of the program.",
            )


def _of_group(_name: str, inputs: Mapping[str, Any]) -> list[Manifest]:
    return [
        *manifests.read(inputs.get("files") or ()),
        *manifests.decode(inputs.get("yaml") or ""),
        *(one for given in inputs.get("objs") or () for one in manifests.unpacked(given)),
    ]


def _of_file(_name: str, inputs: Mapping[str, Any]) -> list[Manifest]:
    return manifests.read([inputs["file"]])


def _of_chart(name: str, inputs: Mapping[str, Any]) -> list[Manifest]:
    _only(inputs, _CHART | _INDIFFERENT)
    return manifests.render(
        inputs.get("name") or name,
        inputs["chart"],
        namespace=inputs.get("namespace") or "",
        values=inputs.get("values") or {},
        value_files=[_path(one) for one in inputs.get("valueYamlFiles") or ()],
        definitions=not inputs.get("skipCrds"),
        hooks=bool(inputs.get("includeHooks")),
    )


def _of_old_chart(options: Mapping[str, Any]) -> list[Manifest]:
    """Of `helm.v3.Chart`, which has a path instead of a chart."""
    if not options.get("path"):
        raise PluginFailed(
            "the chart is not on this host.",
            next_step="use LocalChartOpts; the offline provider fetches nothing.",
        )
    return manifests.render(
        options["release_name"],
        options["path"],
        namespace=options.get("namespace") or "",
        values=options.get("values") or {},
        definitions=not options.get("skip_crd_rendering"),
        tests=bool(options.get("include_test_hook_resources")),
    )


_COMPONENTS: Final[dict[str, Callable[[str, Mapping[str, Any]], list[Manifest]]]] = {
    "helm.sh/v4:Chart": _of_chart,
    "yaml/v2:ConfigFile": _of_file,
    "yaml/v2:ConfigGroup": _of_group,
}


def _only(inputs: Mapping[str, Any], known: frozenset[str]) -> None:
    for key, value in inputs.items():
        if value and key not in known:
            raise PluginFailed(
                f"the offline provider does not know the option {key}.",
                next_step="leave it out, or install the official provider.",
            )


def _path(asset: Any) -> str:
    """Of a file that the program hands over."""
    fields = getattr(asset, "fields", {})
    if not fields.get("path"):
        raise PluginFailed(
            "a file of values is not on this host.", next_step="name it with FileAsset."
        )
    return str(fields["path"])


def _member(prefix: str, manifest: Manifest, awaits: bool) -> Member:
    version, kind = manifest["apiVersion"], manifest["kind"]
    known = metadata(manifest)
    if not known.get("name"):
        raise PluginFailed(
            f"{objects.describe(manifest)} has no name.", next_step="set metadata.name."
        )
    place = "/".join(filter(None, (known.get("namespace"), known["name"])))
    if not awaits:
        annotations = {**(known.get("annotations") or {}), objects.SKIP_AWAIT: "true"}
        manifest = {**manifest, "metadata": {**known, "annotations": annotations}}
    group = version if "/" in version else f"core/{version}"
    return Member(f"kubernetes:{group}:{kind}", f"{prefix}:{place}", dict(manifest))
