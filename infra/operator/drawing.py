"""Every object of a sandbox that was asked for. Pure.

The blueprint draws it like any other; what differs is who it belongs to, and that its person's
rights are cluster roles made by Pulumi: the operator may bind those and no others, so that it need
not hold the rights that it gives.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from infra import naming
from infra.cluster import manifests
from infra.cluster.manifests import Manifest
from infra.config import Quota, SandboxSpec
from infra.config.model import faults
from infra.errors import ConfigError
from infra.sandbox import blueprint
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.resource import Sandbox

#: No 0, 1, 8 and 9, which are read as letters.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
#: 80 bits: nobody guesses one, and no two are the same.
_LENGTH = 16

#: On a member of the pool: it is ready to be handed out, and of which making it is.
ANNOTATION_POOL_READY = f"{naming.LABEL_PREFIX}/pool-ready"
ANNOTATION_POOL_VERSION = f"{naming.LABEL_PREFIX}/pool-version"
#: What its probe found (JSON).
ANNOTATION_PROBED = f"{naming.LABEL_PREFIX}/probed"
#: Ciphertext under its key, until it has a Sandbox that keeps it.
ANNOTATION_SEALED = f"{naming.LABEL_PREFIX}/sealed"

#: Whose a member of the pool is.
_NOBODY = "nobody@pool.invalid"
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A sandbox in the order of applying: its namespace, its walls, what lets somebody in."""

    identity: str
    namespace: Manifest
    walls: tuple[Manifest, ...]
    grants: tuple[Manifest, ...]
    #: The only images that may run once somebody is let in (none: all that the lab allows). Not
    #: before: the probe's own is none of them.
    images: tuple[str, ...] = ()

    @property
    def furnished(self) -> Manifest:
        """The namespace once somebody is let in."""
        if not self.images:
            return self.namespace
        return marked(self.namespace, {}, {naming.ANNOTATION_IMAGES: ",".join(self.images)})

    @property
    def name(self) -> str:
        """Of its namespace, key and role."""
        return str(self.namespace["metadata"]["name"])

    @property
    def openings(self) -> tuple[Manifest, ...]:
        """The walls that let something through; without them everything is closed."""
        return tuple(one for one in self.walls if _opens(one))


def new_identity() -> str:
    """A name that nobody had before and nobody can guess."""
    letters = (secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return f"{naming.REQUESTED_PREFIX}{''.join(letters)}"


def draw(sandbox: Sandbox, identity: str, quota: Quota, facts: LabFacts) -> Drawing:
    """The objects of `sandbox` under the name `identity`.

    Raises:
        ConfigError: no sandbox may be what is asked for.
    """
    spec = sandbox.spec
    asked = {
        "purpose": spec.purpose,
        "classification": spec.classification,
        "principal": spec.requester,
        "egress": [rule.model_dump() for rule in spec.egress],
    }
    drawn = _draw(identity, asked, quota, facts)
    namespace = marked(drawn.namespace, owned_by(sandbox.uid), {})
    return replace(drawn, namespace=namespace, images=spec.images)


def owned_by(uid: str) -> dict[str, str]:
    """Labels of the namespace that belongs to this Sandbox."""
    return {naming.LABEL_OWNER: uid}


def member(identity: str, profile: str, quota: Quota, facts: LabFacts) -> Drawing:
    """The objects of a sandbox that nobody has asked for yet; nobody is let in."""
    asked = {
        "purpose": "made before anybody asked",
        "classification": "public",
        "principal": _NOBODY,
    }
    drawn = _draw(identity, asked, quota, facts)
    labels, annotations = pool_marks(profile, version(quota, facts))
    return replace(drawn, namespace=marked(drawn.namespace, labels, annotations), grants=())


def pool_marks(profile: str, of: str) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations of a member of the pool."""
    return {naming.LABEL_POOL: profile}, {ANNOTATION_POOL_VERSION: of}


def version(quota: Quota, facts: LabFacts) -> str:
    """Changes when a sandbox of this size would be made otherwise than before."""
    asked = {"purpose": "of no concern", "principal": _NOBODY}
    drawn = _draw(f"{naming.REQUESTED_PREFIX}version", asked, quota, facts)
    content = [drawn.namespace, *drawn.walls, *drawn.grants]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def marked(
    manifest: Manifest, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Manifest:
    """The same object with these labels and annotations added."""
    metadata = manifest["metadata"]
    merged = {
        "labels": {**metadata.get("labels", {}), **labels},
        "annotations": {**metadata.get("annotations", {}), **annotations},
    }
    return {**manifest, "metadata": {**metadata, **merged}}


def _draw(identity: str, asked: Mapping[str, Any], quota: Quota, facts: LabFacts) -> Drawing:
    try:
        spec = SandboxSpec(name=identity, quota=quota, **asked)
    except ValidationError as error:
        raise ConfigError(
            f"no sandbox may be like that: {faults(error)}.",
            next_step="ask for another one; what was asked for never changes.",
        ) from error
    drawn = blueprint.draw(spec, facts)
    name = str(drawn.namespace["metadata"]["name"])
    own = {naming.LABEL_LAB: facts.lab, naming.LABEL_SANDBOX: identity}
    return Drawing(identity, drawn.namespace, drawn.walls, _grants(name, spec.principal, own))


def _grants(namespace: str, principal: str, labels: dict[str, str]) -> tuple[Manifest, ...]:
    """The last one lets the person himself in."""
    person = {"apiGroup": _RBAC, "kind": "User", "name": principal}
    account = {
        "kind": "ServiceAccount",
        "name": naming.PRINCIPAL_SERVICE_ACCOUNT,
        "namespace": namespace,
    }
    return (
        manifests.service_account(namespace, naming.PRINCIPAL_SERVICE_ACCOUNT, labels),
        _binding(namespace, "principal-token", naming.TOKEN_ROLE, [person], labels),
        _binding(namespace, "principal", naming.PRINCIPAL_ROLE, [account, person], labels),
    )


def _binding(
    namespace: str,
    name: str,
    role: str,
    subjects: list[dict[str, str]],
    labels: dict[str, str],
) -> Manifest:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def _opens(manifest: Manifest) -> bool:
    spec = manifest.get("spec", {})
    return manifest["kind"] == "NetworkPolicy" and ("ingress" in spec or "egress" in spec)
