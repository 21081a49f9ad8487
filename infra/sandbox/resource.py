"""The `Sandbox` resource: what is asked for (spec) and what has become of it (status). Pure.

The API server enforces the shape (`definition`), who may change what (policies/rules/kubernetes),
and that what is asked for never changes afterwards; the operator only reads the spec and only
writes the status. These models read what the API server holds; they are not a second validation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra import naming
from infra.config import Classification, EgressRule

GROUP = naming.LABEL_PREFIX
VERSION = "v1alpha1"
KIND = "Sandbox"
PLURAL = "sandboxes"
API_VERSION = f"{GROUP}/{VERSION}"
#: Where the API server has them. They have no namespace: each gets one of its own.
PATH = f"/apis/{API_VERSION}/{PLURAL}"
#: Keeps a sandbox's record until the operator has proven that nothing of it is left.
FINALIZER = naming.SANDBOX_FINALIZER

_UNITS = {"h": 3600, "m": 60, "s": 1}
#: A duration as Go and Kubernetes write it, of whole hours, minutes and seconds.
DURATION = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"

#: Euro and cents.
BUDGET = r"^[0-9]{1,6}(\.[0-9]{1,2})?$"


class Phase(StrEnum):
    """Where a sandbox is in its life. It only ever goes down this list, but for a suspension."""

    #: Nobody, or not everybody who has to, has approved it.
    REQUESTED = "Requested"
    APPROVED = "Approved"
    #: Being made and probed; nobody is let in yet.
    PROVISIONING = "Provisioning"
    READY = "Ready"
    #: Nobody is let in, nothing is lost; the time goes on.
    SUSPENDED = "Suspended"
    #: Being destroyed, for whatever reason.
    EXPIRING = "Expiring"
    DESTROYED = "Destroyed"
    #: Refused by an approver; nothing was ever made.
    REJECTED = "Rejected"
    #: Probes or the making failed for good; whatever was made is destroyed.
    FAILED = "Failed"


class Ending(StrEnum):
    """Why a sandbox is destroyed."""

    EXPIRED = "Expired"
    #: Its object was deleted.
    DELETED = "Deleted"
    #: Somebody said no to what was approved before.
    REJECTED = "Rejected"
    OUT_OF_BUDGET = "OutOfBudget"
    PROVISIONING_FAILED = "ProvisioningFailed"


class Read(BaseModel):
    """Unknown fields are ignored: a newer API server's are none of an older reader's business."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore"
    )


class Approval(Read):
    """One principal's yes to the request, or to one renewal. Who he is, the API server checked."""

    by: str


class Renewal(Read):
    """More time, asked for by the requester; it counts once enough others have approved it."""

    #: Unique in its sandbox; approvals are for exactly this one.
    name: str
    extend: str
    reason: str
    approvals: tuple[Approval, ...] = ()


class Verdict(Read):
    """Somebody's no (a rejection, a suspension), and why."""

    by: str
    reason: str


class Evidence(Read):
    """How long the evidence is kept, at least; days."""

    retention_days: int = 365


class Spec(Read):
    """What was asked for, and what others said to it."""

    purpose: str
    requester: str
    classification: Classification = "internal"
    #: Name of a profile of the lab's configuration: quota and price.
    profile: str = "small"
    ttl: str
    #: What it may cost, in euro; None leaves it to its profile.
    budget: str | None = None
    egress: tuple[EgressRule, ...] = ()
    #: Images that may run; empty is every image that the lab allows.
    images: tuple[str, ...] = ()
    evidence: Evidence = Evidence()
    approvals: tuple[Approval, ...] = ()
    rejection: Verdict | None = None
    renewals: tuple[Renewal, ...] = ()
    suspension: Verdict | None = None


class Condition(Read):
    """https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md"""

    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: datetime | None = None


class Status(Read):
    """What the operator has done. Times are the API server's, so that no node's clock counts."""

    phase: Phase = Phase.REQUESTED
    #: Random, never used twice: names the namespace, the key and the role.
    identity: str | None = None
    namespace: str | None = None
    namespace_uid: str | None = None
    #: It was made before it was asked for.
    warm: bool = False
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    #: Names of the renewals that are in `expires_at` already.
    renewed: tuple[str, ...] = ()
    #: Euro an hour, and what it may cost in all, as agreed when its life began.
    cost_per_hour: str | None = None
    budget: str | None = None
    #: What it had cost when this status was written, in euro; final once it has ended.
    cost: str | None = None
    #: How often it was suspended and let in again; tells their records apart.
    suspensions: int = 0
    #: How often probes said that a wall does not hold.
    attempts: int = 0
    #: Ciphertext under the sandbox's key, made when the key was; must be unreadable at the end.
    sealed: str | None = None
    #: Why it is being destroyed (`Ending`).
    ending: str | None = None
    #: Hex SHA-256 of the newest record of its evidence.
    evidence_head: str | None = None
    certificate: str | None = None
    #: The `metadata.generation` that this was decided on.
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class Sandbox(Read):
    """One sandbox as the API server has it."""

    name: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    deleted_at: datetime | None = None
    finalizers: tuple[str, ...] = ()
    spec: Spec
    status: Status = Field(default_factory=Status)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """Reads an object of the API server.

        Raises:
            pydantic.ValidationError: it is not a Sandbox of this version.
        """
        metadata = manifest["metadata"]
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 1),
            resource_version=metadata.get("resourceVersion", ""),
            deleted_at=metadata.get("deletionTimestamp"),
            finalizers=tuple(metadata.get("finalizers") or ()),
            spec=Spec.model_validate(manifest["spec"]),
            status=Status.model_validate(manifest.get("status") or {}),
        )


def duration(text: str) -> timedelta:
    """A duration such as `8h` or `1h30m`.

    Raises:
        ValueError: it is none, or nothing.
    """
    if not text or not re.fullmatch(DURATION, text):
        raise ValueError(f"{text!r} is not a duration such as 8h or 1h30m")
    parts = re.findall(r"([0-9]+)([hms])", text)
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))
