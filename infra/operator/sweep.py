"""Looks for anything that is left of a sandbox, everywhere where something could be.

The namespace is gone when this is asked, so that nothing should be found. What is not looked at is
said, with the reason: the certificate repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from infra import naming
from infra.errors import KubernetesRefused
from infra.evidence.sweep import LeftOut, Looked, Place, Sweep
from infra.operator.cluster import Cluster
from infra.sandbox.resource import KIND
from infra.secrets.sandboxes import SandboxVault

#: Kinds that name others' objects: a mention of the sandbox is a leftover, wherever they are.
_ACCESS = frozenset({"RoleBinding", "ClusterRoleBinding", "ServiceAccount"})
_VOLUMES = frozenset({"PersistentVolume", "PersistentVolumeClaim", "VolumeAttachment"})
#: Kinds outside of namespaces that are read by label only: large, and nobody's references.
_BY_LABEL = frozenset({"CustomResourceDefinition", "Node", "APIService", "CSINode"})
#: What the API server keeps no objects of.
_VIRTUAL = frozenset({"ComponentStatus"})
_LONGEST = 256


class Looker(Protocol):
    """Looks at a place that is neither in the API nor in Vault."""

    def look(self, namespace: str) -> Looked | LeftOut:
        """What is there of the sandbox, or why nobody looked."""


@dataclass(frozen=True, slots=True)
class NotHere:
    """A place that nobody looks at on this ground."""

    place: Place
    because: str

    def look(self, namespace: str) -> LeftOut:
        del namespace
        return LeftOut(place=self.place, because=self.because)


#: Until something on the nodes looks.
UNSEEN: tuple[Looker, ...] = (
    NotHere(
        Place.FLOWS,
        "the operator has no way to the network's flow logs; its pods were seen to be gone",
    ),
    NotHere(
        Place.NODE_DISKS,
        "the operator has no way to the nodes; the kubelet removes a pod's files with the pod",
    ),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of the API that can be listed."""

    #: `/api/v1` or `/apis/GROUP/VERSION`.
    prefix: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def name(self) -> str:
        """As kubectl would know it."""
        group = self.prefix.removeprefix("/apis/").removeprefix("/api/").rpartition("/")[0]
        return f"{self.plural}.{group}" if group else self.plural

    @property
    def place(self) -> Place:
        if self.kind in _ACCESS:
            return Place.ACCESS
        return Place.VOLUMES if self.kind in _VOLUMES else Place.CLUSTER_OBJECTS


@dataclass(slots=True)
class _Seen:
    """What was found in one place."""

    objects: int = 0
    left: list[str] = field(default_factory=list)

    def add(self, other: _Seen) -> None:
        self.objects += other.objects
        self.left += other.left


@dataclass(frozen=True, slots=True)
class Sweeper:
    """`lookers` are for places that neither the API nor Vault knows."""

    cluster: Cluster
    corners: SandboxVault
    now: Callable[[], datetime]
    lookers: Sequence[Looker] = UNSEEN

    def sweep(self, identity: str) -> Sweep:
        """Everything that was looked at, and what is left.

        Raises:
            KubernetesUnreachable, KubernetesRefused: a kind could not be listed, for another
                reason than a missing right.
        """
        namespace = naming.sandbox_namespace(identity)
        kinds = [kind for kind in self._kinds() if kind.kind not in _VIRTUAL]
        answers = self.cluster.side_by_side(
            [partial(self._look, kind, identity, namespace) for kind in kinds]
        )
        seen = {place: _Seen() for place in (Place.ACCESS, Place.VOLUMES, Place.CLUSTER_OBJECTS)}
        unseen = []
        for kind, found in zip(kinds, answers, strict=True):
            if found is None:
                unseen.append(kind.name)
            else:
                seen[kind.place].add(found)
        looked = [
            _looked(place, "LIST of the API, by label, namespace and mention", found)
            for place, found in seen.items()
        ]
        looked += [self._namespace(namespace), *self._vault(namespace)]
        others = [looker.look(namespace) for looker in self.lookers]
        return Sweep(
            at=self.now(),
            looked=(*looked, *(one for one in others if isinstance(one, Looked))),
            left_out=tuple(one for one in others if isinstance(one, LeftOut)),
            limits=tuple(_limits(unseen)),
        )

    def _kinds(self) -> list[Kind]:
        groups = self._read("/apis")["groups"]
        prefixes = [f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups]
        documents = self.cluster.side_by_side(
            [partial(self._read, prefix) for prefix in ("/api/v1", *prefixes)]
        )
        return [
            Kind(prefix, entry["name"], entry["kind"], entry["namespaced"])
            for prefix, document in zip(("/api/v1", *prefixes), documents, strict=True)
            for entry in document.get("resources") or []
            if "/" not in entry["name"] and "list" in entry["verbs"]
        ]

    def _read(self, path: str) -> dict[str, Any]:
        answer = self.cluster.api.request("GET", path)
        if not answer.ok:
            raise answer.refused(path)
        return answer.body

    def _look(self, kind: Kind, identity: str, namespace: str) -> _Seen | None:
        """What is left of one kind; None if the operator may not list it."""
        everywhere = f"{kind.prefix}/{kind.plural}"
        label = f"{naming.LABEL_SANDBOX}={identity}"
        if kind.namespaced:
            queries = [(f"{kind.prefix}/namespaces/{namespace}/{kind.plural}", "")]
            queries += [(everywhere, "" if kind.kind in _ACCESS else label)]
        else:
            queries = [(everywhere, label if kind.kind in _BY_LABEL else "")]
        seen = _Seen()
        for path, labels in queries:
            items = self._list(path, labels)
            if items is None:
                return None
            by_mention = path == everywhere and not labels
            # An empty list was looked at, too: it counts as one object.
            seen.objects += 1 + len(items)
            seen.left += [
                _describe(kind, item)
                for item in items
                if (not by_mention or identity in json.dumps(item)) and kind.kind != KIND
            ]
        seen.left = sorted(set(seen.left))
        return seen

    def _list(self, path: str, labels: str) -> list[dict[str, Any]] | None:
        params = {"labelSelector": labels} if labels else None
        answer = self.cluster.api.request("GET", path, params=params)
        if answer.status in (403, 405):
            return None
        # A kind that went since it was listed has no objects.
        if answer.status == 404:
            return []
        if not answer.ok:
            raise answer.refused(path)
        items: list[dict[str, Any]] = answer.body.get("items") or []
        return items

    def _namespace(self, namespace: str) -> Looked:
        namespaces = self.cluster.collection("v1", "Namespace")
        found = self.cluster.list(namespaces)
        left = [one["metadata"]["name"] for one in found if one["metadata"]["name"] == namespace]
        return _looked(Place.NAMESPACE, "LIST of namespaces", _Seen(len(found), left))

    def _vault(self, namespace: str) -> list[Looked]:
        keys, paths = self.corners.left_keys(namespace), self.corners.left_paths(namespace)
        return [
            _looked(Place.KEY, "LIST of transit keys", _Seen(keys[1], keys[0])),
            _looked(
                Place.VAULT_PATHS,
                "LIST of roles and of secrets' paths, lookup of the login's entity",
                _Seen(paths[1], paths[0]),
            ),
        ]


def _looked(place: Place, how: str, seen: _Seen) -> Looked:
    if seen.objects == 0:
        raise KubernetesRefused(
            f"nothing at all was found in {place}, not even what others have there.",
            next_step="see whether the operator's rights are those that its cluster role gives.",
        )
    left = tuple(name[:_LONGEST] for name in seen.left)
    return Looked(place=place, how=how, objects=seen.objects, left=left)


def _describe(kind: Kind, item: dict[str, Any]) -> str:
    metadata = item["metadata"]
    where = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
    return f"{kind.name} {where}"


def _limits(unseen: Iterable[str]) -> Iterable[str]:
    """Kinds that were not listed, in sentences that are not too long."""
    begin = "The operator may not list, and the namespace's end alone speaks for: "
    line = begin
    for name in sorted(unseen):
        if len(line) + len(name) + 2 > _LONGEST:
            yield line.rstrip(", ") + "."
            line = begin
        line += f"{name}, "
    if line != begin:
        yield line.rstrip(", ") + "."
