"""Makes a sandbox, and lets its person in. Every call may be repeated at any point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from infra import naming
from infra.cluster.manifests import Manifest
from infra.operator.cluster import Cluster
from infra.operator.drawing import Drawing
from infra.secrets.sandboxes import SandboxVault


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a sandbox once it stands."""

    namespace_uid: str
    #: The resourceVersion of the namespace.
    version: str
    #: Ciphertext under its key.
    sealed: str


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Methods raise what the API server's and Vault's clients do."""

    cluster: Cluster
    corners: SandboxVault

    def build(self, drawing: Drawing, sealed: str | None, *, version: str | None = None) -> Made:
        """The namespace, then walls and the corner in Vault side by side. Nobody is let in.

        `sealed` is ciphertext from an earlier time, if there is any. With a `version` the
        namespace must be there and not have changed since.
        """
        namespace = self.cluster.apply(drawing.namespace, version)["metadata"]
        results: list[Any] = self.cluster.side_by_side(
            [
                partial(self._corner, drawing.name, sealed),
                *(partial(self.cluster.apply, wall) for wall in drawing.walls),
            ]
        )
        return Made(str(namespace["uid"]), str(namespace["resourceVersion"]), str(results[0]))

    def admit(self, drawing: Drawing) -> None:
        """Lets the person in; his own binding comes last."""
        *before, last = drawing.grants
        self._apply([drawing.furnished, *before])
        self.cluster.apply(last)

    def close(self, drawing: Drawing) -> None:
        """Nobody gets in any more, and nothing gets out; what runs goes on."""
        self.shut(drawing.name)
        self.cluster.side_by_side(
            [partial(self.cluster.delete, self.cluster.path(one)) for one in drawing.openings]
        )

    def reopen(self, drawing: Drawing) -> None:
        """The reverse of `close`, but for the person himself (`admit`)."""
        self.corners.let_in(drawing.name)
        self._apply(drawing.openings)

    def shut(self, namespace: str) -> None:
        """Takes away every right in the sandbox, and every login of it."""
        rights = self.cluster.collection("rbac.authorization.k8s.io/v1", "RoleBinding", namespace)
        accounts = self.cluster.collection("v1", "ServiceAccount", namespace)
        self.cluster.delete(rights, all_of=True)
        # Its tokens end with the account that they are bound to.
        self.cluster.delete(f"{accounts}/{naming.PRINCIPAL_SERVICE_ACCOUNT}")
        self.corners.shut_out(namespace)

    def _corner(self, namespace: str, sealed: str | None) -> str:
        self.corners.make_key(namespace)
        self.corners.let_in(namespace)
        return sealed or self.corners.seal(namespace)

    def _apply(self, manifests: tuple[Manifest, ...] | list[Manifest]) -> None:
        self.cluster.side_by_side([partial(self.cluster.apply, one) for one in manifests])
