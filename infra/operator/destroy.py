"""Destroys a sandbox: its key and secrets, its pods and volumes, its namespace.

Access was taken away before (`Provisioner.shut`). Every call may be repeated at any point, and
returns when what it is about is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import JsonValue

from infra.evidence.sweep import KeyProof, ciphertext_digest
from infra.operator.cluster import Cluster
from infra.secrets.sandboxes import SandboxVault

#: What makes pods anew, so that it goes before them.
_WORKLOADS = (
    ("batch/v1", "CronJob"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("apps/v1", "ReplicaSet"),
)
#: Cilium's own object for pods with the same labels, and its label for where these are.
_IDENTITY = ("cilium.io/v2", "CiliumIdentity")
_IDENTITY_OF = "io.kubernetes.pod.namespace"
#: Seconds that a pod gets to end. Not none: only then the kubelet says that it is gone.
_GRACE = 1


@dataclass(frozen=True, slots=True)
class Emptied:
    """What was taken out of a sandbox."""

    pods: int
    claims: int
    volumes: int
    #: Volumes that were let go, and whose storage decides what becomes of the data.
    retained: tuple[str, ...]

    def details(self) -> dict[str, JsonValue]:
        return {
            "pods": self.pods,
            "claims": self.claims,
            "volumes": self.volumes,
            "retained": list(self.retained),
        }


@dataclass(frozen=True, slots=True)
class Destroyer:
    """`patience` is how many seconds something may take to go; then it is tried again later."""

    cluster: Cluster
    corners: SandboxVault
    now: Callable[[], datetime]
    patience: float = 60.0

    def shred(self, namespace: str, sealed: str | None) -> KeyProof:
        """Destroys key and secrets. `sealed` is ciphertext from its life, if it is known.

        Without that the key is used once more, if need be made: it may be there although its
        maker was killed before he could say so.

        Raises:
            VaultRefused: Vault can still work with the ciphertext, or says something else.
        """
        if sealed is None:
            self.corners.make_key(namespace)
            sealed = self.corners.seal(namespace)
        self.corners.destroy_key(namespace)
        self.corners.destroy_secrets(namespace)
        return KeyProof(
            key=self.corners.key_path(namespace),
            ciphertext_sha256=ciphertext_digest(sealed),
            operation="rewrap",
            refused=self.corners.refusal(namespace, sealed),
            at=self.now(),
        )

    def empty(self, namespace: str, uid: str | None) -> Emptied:
        """Deletes workloads, pods, claims and volumes.

        The namespace is deleted first: from then on nobody makes anything in it any more, and
        Kubernetes' own clearing, which begins some seconds later, does the rest meanwhile.

        Raises:
            KubernetesNotReady: something does not go.
        """
        self._delete(namespace, uid)
        pods = self.cluster.collection("v1", "Pod", namespace)
        claims = self.cluster.collection("v1", "PersistentVolumeClaim", namespace)
        counts = len(self.cluster.list(pods)), len(self.cluster.list(claims))
        volumes = self._volumes(namespace)
        self.cluster.side_by_side([partial(self._all, *kind, namespace) for kind in _WORKLOADS])
        self.cluster.delete(pods, all_of=True, grace=_GRACE)
        self.cluster.until_gone(pods, patience=self.patience)
        self.cluster.delete(claims, all_of=True)
        self.cluster.until_gone(claims, patience=self.patience)
        retained = [one for one in volumes if _policy(one) != "Delete"]
        for one in volumes:
            self._let_go(one)
        return Emptied(
            *counts,
            volumes=len(volumes),
            retained=tuple(sorted(one["metadata"]["name"] for one in retained)),
        )

    def remove(self, namespace: str, uid: str | None) -> None:
        """Deletes the namespace, with everything in it.

        Raises:
            KubernetesNotReady: something in it does not go.
        """
        self._delete(namespace, uid)
        self.cluster.until_gone(
            self.cluster.collection("v1", "Namespace"),
            patience=self.patience,
            fields=f"metadata.name={namespace}",
        )

    def forget(self, namespace: str) -> None:
        """Deletes what Cilium remembers of pods that are gone: their labels, each with a number.

        It would do so itself, half an hour later. Networks of another make have no such objects.
        https://docs.cilium.io/en/stable/network/concepts/security/identities/
        """
        if self.cluster.discovery.find(*_IDENTITY) is None:
            return
        identities = self.cluster.collection(*_IDENTITY)
        for one in self.cluster.list(identities, labels=f"{_IDENTITY_OF}={namespace}"):
            metadata = one["metadata"]
            self.cluster.delete(f"{identities}/{metadata['name']}", uid=metadata["uid"])

    def _delete(self, namespace: str, uid: str | None) -> None:
        """Asks for the end of the namespace, if nobody did yet."""
        path = f"{self.cluster.collection('v1', 'Namespace')}/{namespace}"
        found = self.cluster.get(path)
        if found is not None and not found["metadata"].get("deletionTimestamp"):
            self.cluster.delete(path, uid=uid)

    def _all(self, api_version: str, kind: str, namespace: str) -> None:
        collection = self.cluster.collection(api_version, kind, namespace)
        self.cluster.delete(collection, all_of=True)

    def _volumes(self, namespace: str) -> list[dict[str, Any]]:
        return [
            volume
            for volume in self.cluster.list(self.cluster.collection("v1", "PersistentVolume"))
            if (volume["spec"].get("claimRef") or {}).get("namespace") == namespace
        ]

    def _let_go(self, volume: Mapping[str, Any]) -> None:
        """Waits for the storage to delete it; one that the storage keeps is only forgotten."""
        volumes = self.cluster.collection("v1", "PersistentVolume")
        name = volume["metadata"]["name"]
        if _policy(volume) != "Delete":
            self.cluster.delete(f"{volumes}/{name}")
        self.cluster.until_gone(volumes, patience=self.patience, fields=f"metadata.name={name}")


def _policy(volume: Mapping[str, Any]) -> str:
    """https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaim-policy"""
    return str(volume["spec"].get("persistentVolumeReclaimPolicy") or "Retain")
