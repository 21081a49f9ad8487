"""The warm pool: sandboxes that are made and probed before anybody asks for them.

A member is a namespace with walls, key and login like any other, but nobody's: it says for which
profile it is. Whoever asks gets it by one conditional change of the namespace, which makes it his;
two can never have the same one. What the namespace says is all that is remembered, so that a
member whose maker was killed is finished or taken away by the next operator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.config import Quota
from infra.errors import SandboxNotIsolated
from infra.operator import drawing
from infra.operator.cluster import Cluster
from infra.operator.destroy import Destroyer
from infra.operator.drawing import (
    ANNOTATION_POOL_READY,
    ANNOTATION_POOL_VERSION,
    ANNOTATION_PROBED,
    ANNOTATION_SEALED,
    Drawing,
)
from infra.operator.probe import Prober
from infra.operator.provision import Provisioner
from infra.operator.steps import Claimed
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.resource import Sandbox

#: Set on a member that is being taken away: it is handed out no more.
ANNOTATION_DRAINING = f"{naming.LABEL_PREFIX}/pool-draining"
_TRUE = "true"


@dataclass(frozen=True, slots=True)
class Size:
    """How many are kept of a profile, and how large each is."""

    count: int
    quota: Quota


@dataclass(frozen=True, slots=True)
class Member:
    """One namespace of the pool."""

    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def identity(self) -> str:
        return self.name.removeprefix(naming.sandbox_namespace(""))

    @property
    def version(self) -> str:
        """The resourceVersion that this was read at."""
        return str(self.manifest["metadata"]["resourceVersion"])

    @property
    def profile(self) -> str:
        return str(self.manifest["metadata"]["labels"].get(naming.LABEL_POOL, ""))

    def says(self, annotation: str) -> str:
        return str((self.manifest["metadata"].get("annotations") or {}).get(annotation, ""))

    @property
    def going(self) -> bool:
        deleted = self.manifest["metadata"].get("deletionTimestamp")
        return bool(deleted) or self.says(ANNOTATION_DRAINING) == _TRUE

    def fits(self, version: str) -> bool:
        return not self.going and self.says(ANNOTATION_POOL_VERSION) == version

    def ready(self, version: str) -> bool:
        return self.fits(version) and self.says(ANNOTATION_POOL_READY) == _TRUE


@dataclass(frozen=True, slots=True)
class WarmPool:
    """A `steps.Pool`. Methods raise what the API server's and Vault's clients do."""

    cluster: Cluster
    facts: LabFacts
    sizes: Mapping[str, Size]
    provisioner: Provisioner
    prober: Prober
    destroyer: Destroyer
    #: Told when a member was handed out, so that another one is made.
    taken: Callable[[], None] = lambda: None

    def claimed(self, sandbox: Sandbox) -> Claimed | None:
        [(name, value)] = drawing.owned_by(sandbox.uid).items()
        found = self.cluster.list(self._namespaces, labels=f"{name}={value}")
        if not found:
            return None
        member = Member(min(found, key=lambda one: str(one["metadata"]["name"])))
        return Claimed(member.identity)

    def claim(self, sandbox: Sandbox, draw: Callable[[str], Drawing]) -> Claimed | None:
        size = self.sizes.get(sandbox.spec.profile)
        if size is None or not size.count:
            return None
        version = drawing.version(size.quota, self.facts)
        members = self._members(sandbox.spec.profile)
        # Those who ask at the same time are not to want the same one.
        for member in random.sample(members, len(members)):
            if not member.ready(version):
                continue
            answer = self.cluster.try_apply(draw(member.identity).namespace, member.version)
            if answer.status in (404, 409):
                # Somebody else has it; or we do, and the answer that said so was lost.
                if mine := self.claimed(sandbox):
                    return mine
                continue
            if not answer.ok:
                raise answer.refused(f"namespace {member.name}")
            self.taken()
            probed = json.loads(member.says(ANNOTATION_PROBED))
            return Claimed(member.identity, member.says(ANNOTATION_SEALED), probed)
        return None

    def tend(self, profile: str) -> bool:
        """Does one thing for the members of a profile; whether there is more to do.

        First what is too much or of another making is taken away, then what is begun is finished,
        then a new one is begun.
        """
        size = self.sizes.get(profile) or Size(0, Quota())
        version = drawing.version(size.quota, self.facts)
        members = self._members(profile)
        fitting = [one for one in members if one.fits(version)]
        # Those that are ready stay the longest.
        fitting.sort(key=lambda one: (not one.ready(version), one.name))
        excess = [one for one in members if one not in fitting] + fitting[size.count :]
        if excess:
            self._drain(excess[0])
            return True
        begun = [one for one in fitting if not one.ready(version)]
        if begun:
            self._finish(begun[0].identity, begun[0].version, profile, size)
            return True
        if len(fitting) < size.count:
            self._finish(drawing.new_identity(), None, profile, size)
            return True
        return False

    def profiles(self) -> set[str]:
        """Those that have members, or should have."""
        label = naming.LABEL_POOL
        found = self.cluster.list(self._namespaces, labels=label)
        return {Member(one).profile for one in found} | set(self.sizes)

    def ready(self, profile: str) -> int:
        """How many could be handed out now."""
        size = self.sizes.get(profile) or Size(0, Quota())
        version = drawing.version(size.quota, self.facts)
        return sum(one.ready(version) for one in self._members(profile))

    @property
    def _namespaces(self) -> str:
        return self.cluster.collection("v1", "Namespace")

    def _members(self, profile: str) -> Sequence[Member]:
        found = self.cluster.list(self._namespaces, labels=f"{naming.LABEL_POOL}={profile}")
        return [Member(one) for one in found]

    def _finish(self, identity: str, version: str | None, profile: str, size: Size) -> None:
        """Makes what is missing of a member; at the end it says that it is ready.

        Only as long as nobody else has changed it (`version`): an operator that was away for long
        must not make a member again of what was handed out meanwhile.
        """
        drawn = drawing.member(identity, profile, size.quota, self.facts)
        made = self.provisioner.build(drawn, None, version=version)
        found = self.prober.look(drawn.name)
        if not found.isolated:
            self._drain(Member(self.cluster.get(f"{self._namespaces}/{drawn.name}") or {}))
            raise SandboxNotIsolated(
                f"the pool's sandbox {drawn.name} is not isolated: {'; '.join(found.faults)}.",
                next_step="see what the network plugin does with its NetworkPolicies.",
            )
        ready = {
            ANNOTATION_POOL_READY: _TRUE,
            ANNOTATION_SEALED: made.sealed,
            ANNOTATION_PROBED: json.dumps(dict(found.found)),
        }
        answer = self.cluster.try_apply(drawing.marked(drawn.namespace, {}, ready), made.version)
        if not answer.ok and answer.status != 409:
            raise answer.refused(f"namespace {drawn.name}")

    def _drain(self, member: Member) -> None:
        """Takes a member away: its namespace last, because by it the rest is found again."""
        metadata = {
            "annotations": {ANNOTATION_DRAINING: _TRUE},
            "resourceVersion": member.version,
        }
        answer = self.cluster.api.request(
            "PATCH",
            f"{self._namespaces}/{member.name}",
            body={"metadata": metadata},
            content_type="application/merge-patch+json",
        )
        if answer.status in (404, 409):
            return  # it was handed out, or is gone
        if not answer.ok:
            raise answer.refused(f"namespace {member.name}")
        self.provisioner.shut(member.name)
        self.destroyer.shred(member.name, member.says(ANNOTATION_SEALED) or None)
        uid = str(member.manifest["metadata"]["uid"])
        self.destroyer.empty(member.name, uid)
        self.destroyer.remove(member.name, uid)
