"""Objects as the program writes them, as the API wants them, and as Pulumi keeps them. Pure."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.plugins import UNKNOWN, Secret

Manifest = dict[str, Any]

#: The official provider's annotations, so that a program means the same with either.
AUTONAMED: Final = "pulumi.com/autonamed"
SKIP_AWAIT: Final = "pulumi.com/skipAwait"
PATCH_FORCE: Final = "pulumi.com/patchForce"
UNSUPPORTED: Final = ("pulumi.com/waitFor", "pulumi.com/replaceUnready")

#: Set by the API server, whoever writes the object.
_SERVER_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
#: A DNS label; the random part and its dash take nine characters of it.
_LONGEST_BASE: Final = 63 - 9


@dataclass(frozen=True, slots=True)
class Token:
    """A Pulumi type: `kubernetes:apps/v1:Deployment`, or `...:DeploymentPatch`."""

    api_version: str
    kind: str
    patch: bool


#: Parts of the SDK that are programs of their own rather than objects.
_NOT_OBJECTS: Final = ("helm.sh/", "yaml", "kustomize")


def parse_token(token: str) -> Token | None:
    """None for what is not an object of the API."""
    _, _, rest = token.partition("kubernetes:")
    api_version, _, kind = rest.partition(":")
    if not kind or api_version.startswith(_NOT_OBJECTS):
        return None
    patch = kind.endswith("Patch")
    return Token(
        api_version=api_version.removeprefix("core/"),
        kind=kind.removesuffix("Patch") if patch else kind,
        patch=patch,
    )


def metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("metadata")
    return found if isinstance(found, Mapping) else {}


def annotation(item: Mapping[str, Any], name: str) -> Any:
    annotations = metadata(item).get("annotations")
    return annotations.get(name) if isinstance(annotations, Mapping) else None


def is_secret(item: Mapping[str, Any]) -> bool:
    return item.get("kind") == "Secret" and item.get("apiVersion") == "v1"


def describe(item: Mapping[str, Any], namespace: str | None = None) -> str:
    """How errors name an object: `apps/v1 Deployment demo/web`."""
    where = namespace or metadata(item).get("namespace")
    name = metadata(item).get("name")
    full = f"{where}/{name}" if where else name
    return f"{item.get('apiVersion')} {item.get('kind')} {full}"


def split_id(id_: str) -> tuple[str | None, str]:
    """Namespace (None for a cluster-wide object) and name."""
    namespace, _, name = id_.rpartition("/")
    return namespace or None, name


def join_id(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def to_manifest(inputs: Mapping[str, Any]) -> Manifest:
    """What is applied: without nulls, and with the API's own spelling.

    `stringData` of a Secret becomes `data`, because the API never shows it again: only so can
    two versions be compared.
    """
    manifest: Manifest = _without_nulls(inputs)
    texts = manifest.get("stringData")
    if is_secret(manifest) and isinstance(texts, dict):
        del manifest["stringData"]
        encoded = {key: _base64(text) for key, text in texts.items()}
        manifest["data"] = {**(manifest.get("data") or {}), **encoded}
    if manifest.get("kind") == "CustomResourceDefinition":
        manifest = _schema_spelling(manifest)
    return manifest


def _base64(text: Any) -> Any:
    return text if text is UNKNOWN else base64.b64encode(str(text).encode()).decode()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _schema_spelling(value: Any) -> Any:
    """The SDK cannot spell `$ref` and `x-kubernetes-*` as Python names; the API wants them."""
    if isinstance(value, Mapping):
        return {_schema_key(key): _schema_spelling(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_schema_spelling(item) for item in value]
    return value


def _schema_key(key: str) -> str:
    if key.startswith("x_kubernetes_"):
        return key.replace("_", "-")
    return {"_ref": "$ref", "_schema": "$schema"}.get(key, key)


def to_outputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """The state that Pulumi keeps. Who manages which field is the API's affair, and is long."""
    kept = {key: value for key, value in metadata(live).items() if key != "managedFields"}
    return conceal({**live, "metadata": kept})


def conceal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Marks the data of a Secret, so that the engine encrypts it in state."""
    if not is_secret(item):
        return dict(item)
    hidden = {key: Secret(item[key]) for key in ("data", "stringData") if key in item}
    return {**item, **hidden}


def importable(live: Mapping[str, Any]) -> Manifest:
    """A live object as a program would write it, defaults included."""
    kept = {key: value for key, value in metadata(live).items() if key not in _SERVER_METADATA}
    rest = {key: value for key, value in live.items() if key != "status"}
    return {**rest, "metadata": kept}


def with_name(
    news: Mapping[str, Any], olds: Mapping[str, Any], *, name: str, seed: bytes
) -> dict[str, Any]:
    """`news` with a name: its own, else the one that it was given before, else a new one.

    The random part lets a replacement live beside what it replaces.
    """
    given = dict(metadata(news))
    if given.get("name") is not None:
        return dict(news)
    base = given.get("generateName")
    if base is UNKNOWN:
        return dict(news)
    old = metadata(olds)
    if annotation(olds, AUTONAMED) == "true" and old.get("name"):
        chosen = old["name"]
    else:
        digest = hashlib.sha256(seed or uuid.uuid4().bytes).hexdigest()[:8]
        chosen = f"{base}{digest}" if base else f"{name[:_LONGEST_BASE]}-{digest}"
    annotations = given.get("annotations")
    if annotations is not UNKNOWN:
        given["annotations"] = {**(annotations or {}), AUTONAMED: "true"}
    return {**news, "metadata": {**given, "name": chosen}}


def is_autonamed(item: Mapping[str, Any]) -> bool:
    return bool(annotation(item, AUTONAMED) == "true")
