"""A resource of a cloud that is only ever previewed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from infra.errors import PreviewOnly
from infra.offline.recording import checking, made
from infra.offline.recording.made import Cloud, Made
from infra.offline.recording.sdk import ResourceShape
from infra.plugins import Checked, Created, Diff, Read, ResourceType, current
from infra.plugins.diffing import compare

_NEXT = (
    "install the official provider where it can be had (`pulumi plugin install resource {name}`); "
    "without it a lab on this ground can only be previewed."
)


def refuse(provider: str, what: str) -> NoReturn:
    """Stops whatever would have to be done in a real account.

    Raises:
        PreviewOnly: always.
    """
    raise PreviewOnly(
        f"{what}, but the official provider {provider} is not here; what stands in for it makes "
        "nothing.",
        next_step=_NEXT.format(name=provider),
    )


class RecordedResource(ResourceType):
    """One type of resource; `settings` are the provider's options once it is configured."""

    def __init__(
        self,
        provider: str,
        shape: ResourceShape,
        cloud: Cloud,
        settings: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._provider = provider
        self._shape = shape
        self._cloud = cloud
        self._settings = settings

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        del olds
        token = self._shape.token
        return Checked(news, checking.failures(news, self._shape.inputs, of=token))

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        """What differs. The SDK does not say which changes make a resource anew."""
        del id_, old_outputs
        changes = compare(old_inputs, news)
        if changes:
            current().log(
                "whether this change makes the resource anew only the official provider knows",
                severity="warning",
            )
        return Diff(changes)

    def preview(self, news: dict[str, Any]) -> dict[str, Any]:
        shape = self._shape
        return made.outputs(self._made(news), shape.outputs, shape.inputs, self._cloud)

    def preview_id(self, news: dict[str, Any]) -> str:
        return self._cloud.id_of(self._made(news))

    def preview_update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> dict[str, Any]:
        """What was real stays; what is new to it is as the program says."""
        del id_, old_inputs
        return {**old_outputs, **news}

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        del news, timeout
        refuse(self._provider, f"{self._shape.token} must be made")

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        """What a program looks up by its id is taken to be there; its inputs are not known."""
        if inputs:
            refuse(self._provider, f"{self._shape.token} must be read")
        shape = self._shape
        found = made.outputs(self._made(outputs), shape.outputs, {}, self._cloud)
        return Read(inputs={}, outputs=found, id=id_)

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
        refuse(self._provider, f"{self._shape.token} must be changed")

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        del id_, inputs, outputs, timeout
        refuse(self._provider, f"{self._shape.token} must be deleted")

    def _made(self, inputs: dict[str, Any]) -> Made:
        call = current()
        return Made(
            type=self._shape.token,
            name=call.name,
            # Types of the parents, own type and name: not the project, not the stack.
            seed="::".join(call.urn.split("::")[2:]),
            inputs=inputs,
            settings=self._settings(),
            required=tuple(name for name, one in self._shape.inputs.items() if one.required),
        )
