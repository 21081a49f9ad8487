"""What the writer of a resource type provides, and what it hands back.

Properties are plain Python values (infra.plugins.values). Secrets arrive unwrapped: the engine
itself keeps every output secret whose input of the same name was. A type wraps in `Secret` only
what became secret by its own doing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from infra.errors import LabError

Properties = dict[str, Any]
Change = Literal["add", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that cannot be right, by its property path, with the reason as a sentence."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs with defaults filled in, and everything that is wrong with them."""

    inputs: Properties
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Diff:
    """What an update would change, by property path; empty means no change.

    `replaces` holds the paths (all of them in `changes`) that only a new resource can satisfy.
    `live` holds those where the running system differs while the program does not: the display
    then compares with the last known state instead of the last inputs.
    """

    changes: Mapping[str, Change] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()
    delete_before_replace: bool = False
    live: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Created:
    id: str
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Read:
    """The running system's answer. `id` is needed only if an import spelt it otherwise."""

    inputs: Properties
    outputs: Properties
    id: str | None = None


class Incomplete(Exception):
    """`create` or `update` changed something real before `cause` stopped it.

    The engine then keeps the resource in its state, shows the cause, and the next `up` updates.
    Without it a half-made resource would be forgotten, and never deleted.
    """

    def __init__(self, cause: LabError, *, id: str, outputs: Properties) -> None:  # noqa: A002
        super().__init__(str(cause))
        self.cause = cause
        self.id = id
        self.outputs = outputs


class ResourceType(ABC):
    """One type of resource. One instance serves many threads at once: keep no state in it.

    Timeouts are seconds: the program's own `custom_timeouts`, else `default_timeout`.
    Every method may raise a LabError; the engine shows its code, cause and next step.
    """

    token: ClassVar[str]
    default_timeout: ClassVar[float] = 600.0

    def check(self, olds: Properties, news: Properties) -> Checked:
        """Validates `news`; `olds` are the last inputs, empty for a new resource."""
        del olds
        return Checked(news)

    @abstractmethod
    def diff(
        self,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        news: Properties,
    ) -> Diff: ...

    def preview(self, news: Properties) -> Properties:
        """Outputs as far as a preview can know them; `UNKNOWN` elsewhere."""
        return dict(news)

    def preview_id(self, news: Properties) -> str:
        """The id of a new resource where a preview can know it; empty where only `create` can."""
        del news
        return ""

    def preview_update(
        self, id_: str, old_inputs: Properties, old_outputs: Properties, news: Properties
    ) -> Properties:
        """`preview` of a change; most types know no more of it than of a new resource."""
        del id_, old_inputs, old_outputs
        return self.preview(news)

    @abstractmethod
    def create(self, news: Properties, *, timeout: float) -> Created: ...

    @abstractmethod
    def read(self, id_: str, inputs: Properties, outputs: Properties) -> Read | None:
        """The resource as it is now; None if it is gone. An import brings only the id."""

    @abstractmethod
    def update(
        self,
        id_: str,
        old_inputs: Properties,
        old_outputs: Properties,
        news: Properties,
        *,
        timeout: float,
    ) -> Properties:
        """Makes the resource as `news` says; returns its outputs."""

    @abstractmethod
    def delete(
        self,
        id_: str,
        inputs: Properties,
        outputs: Properties,
        *,
        timeout: float,
    ) -> None:
        """Deletes it. Already gone is success."""
