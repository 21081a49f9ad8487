"""What a rule is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from policies.admission import Admission
from policies.properties import Properties
from policies.relations import Relations


class Severity(StrEnum):
    """How bad it is when the rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(StrEnum):
    """What a broken rule does to a deployment (Pulumi's enforcement levels)."""

    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    #: What can be corrected safely is, and the rest is mandatory.
    REMEDIATE = "remediate"
    DISABLED = "disabled"


class Place(StrEnum):
    """Where a rule is enforced."""

    PREVIEW = "preview"
    ADMISSION = "admission"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class NotHere:
    """Why a rule is not checked in a place."""

    because: str


@dataclass(frozen=True, slots=True)
class ByAdmission:
    """The rule's own admission check decides here, too: on what a program declares, and on the
    objects of the API.
    """


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The rule's own preview check decides on the stack's state, after Pulumi has read it anew from
    the provider.
    """


@dataclass(frozen=True, slots=True)
class Verified:
    """Checks of `lab verify` decide: patterns of their ids, `*` stands for anything."""

    checks: tuple[str, ...]


#: Why most rules of a cloud are not enforced at admission.
NO_OBJECT = NotHere("It is no object of Kubernetes: no API server is asked before it is made.")
#: Why rules of machines are not enforced before they are up.
NOT_DECLARED = NotHere("Roles write it on machines; no property of a resource says it.")


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy.

    `id` is its file's name with dashes. `title` says what holds, `reason` what happens else.
    `controls` are ids of catalogues (`policies/controls`).
    """

    id: str
    title: str
    reason: str
    severity: Severity
    controls: tuple[str, ...]
    preview: Properties | Relations | ByAdmission | NotHere
    admission: Admission | NotHere
    live: Refreshed | ByAdmission | Verified | NotHere
    #: How to make it hold, in one sentence.
    remedy: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Refuses a rule that no place enforces, or that borrows a check that it does not have.

        Raises:
            ValueError: it says which.
        """
        if not list(self.places):
            raise ValueError(f"{self.id}: no place enforces it")
        own = isinstance(self.preview, (Properties, Relations))
        borrows = ByAdmission in (type(self.preview), type(self.live))
        if borrows and not isinstance(self.admission, Admission):
            raise ValueError(f"{self.id}: there is no admission check to borrow")
        if isinstance(self.live, Refreshed) and not own:
            raise ValueError(f"{self.id}: there is no preview check to repeat")

    @property
    def places(self) -> Iterator[Place]:
        """Where it is enforced."""
        for place in Place:
            if not isinstance(getattr(self, place.value), NotHere):
                yield place

    @property
    def level(self) -> Level:
        """What it does unless the configuration says otherwise."""
        serious = self.severity in (Severity.HIGH, Severity.CRITICAL)
        return Level.MANDATORY if serious else Level.ADVISORY
