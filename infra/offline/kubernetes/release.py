"""A release of Helm's: one that can be read in a plan, for policies to judge, and not made."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from infra.errors import PluginFailed
from infra.plugins import Created, Diff, Read, ResourceType
from infra.plugins.diffing import compare

TOKEN: Final = "kubernetes:helm.sh/v3:Release"  # noqa: S105 - a type, no secret


class Release(ResourceType):
    """Helm would make the objects itself, past the engine (policies: charts-as-objects)."""

    token = TOKEN

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        del id_, old_outputs
        return Diff(compare(old_inputs, news))

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        del news, timeout
        _refuse()

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        del id_, inputs, outputs
        _refuse()

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        del id_, old_inputs, old_outputs, news, timeout
        _refuse()

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        del id_, inputs, outputs, timeout
        _refuse()


def _refuse() -> NoReturn:
    raise PluginFailed(
        "the offline provider installs no releases.",
        next_step="declare the chart with helm.v4.Chart: then its objects are in the plan.",
    )
