"""What every kind of Vault object offers: a spec that is pure data, and four calls.

`read` returns the live object in the shape of its spec, so that comparing the two shows drift.
Creating is safe to repeat: what an interrupted run left behind is taken over if it is of the
same nature, and refused if it is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.functional_validators import AfterValidator

from infra.errors import VaultRefused
from infra.secrets.client import Vault


class Spec(BaseModel):
    """Inputs of one object; in state and programs its keys are camelCase."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )

    def inputs(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, mode="json")


def _mount_path(value: str) -> str:
    path = value.strip("/")
    if not path or "//" in path:
        raise ValueError("is not a mount path")
    return path


def _lower_case(value: str) -> str:
    if value != value.lower():
        raise ValueError("must be lower case: Vault folds case here")
    return value


MountPath = Annotated[
    str, Field(pattern=r"^/?[A-Za-z0-9][A-Za-z0-9_./-]*$"), AfterValidator(_mount_path)
]
ObjectName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=200)]
#: Names that Vault folds to lower case (policies, roles).
FoldedName = Annotated[ObjectName, AfterValidator(_lower_case)]
#: Whole seconds; 0 means Vault's own default.
Seconds = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Live:
    """An object as Vault has it: in the shape of the inputs, and what else is worth keeping."""

    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)


S = TypeVar("S", bound=Spec)


class Kind(ABC, Generic[S]):
    """One kind of Vault object. Raises what `infra.secrets.client.Vault.call` raises."""

    noun: ClassVar[str]
    #: Inputs whose change means another object.
    replaces: ClassVar[frozenset[str]]
    model: type[S]

    @abstractmethod
    def identity(self, spec: S) -> str:
        """What tells this object from others of its kind; its path as Vault spells it."""

    @abstractmethod
    def read(self, vault: Vault, spec: S, known: Mapping[str, Any]) -> Live | None:
        """The live object, or None. `known` are the outputs of its last create or update."""

    @abstractmethod
    def delete(self, vault: Vault, spec: S) -> None:
        """Removes the object; gone already is fine."""

    @abstractmethod
    def _create(self, vault: Vault, spec: S) -> None: ...

    @abstractmethod
    def _update(self, vault: Vault, old: Mapping[str, Any], spec: S) -> None: ...

    def create(self, vault: Vault, spec: S) -> dict[str, Any]:
        """Makes the object, or takes over one of the same nature, and returns its outputs."""
        self._create(vault, spec)
        return self._settled(vault, spec)

    def update(self, vault: Vault, old: Mapping[str, Any], spec: S) -> dict[str, Any]:
        """Brings the object from its `old` inputs to `spec` and returns its outputs."""
        self._update(vault, old, spec)
        return self._settled(vault, spec)

    def _settled(self, vault: Vault, spec: S) -> dict[str, Any]:
        """Vault ignores settings that it does not know: a protection must not vanish so."""
        live = self.read(vault, spec, {})
        inputs = spec.inputs()
        kept = live.inputs if live else {}
        lost = sorted(
            name for key in inputs for name in _differing(key, inputs[key], kept.get(key))
        )
        if live is None or lost:
            raise VaultRefused(
                f"Vault did not keep what was asked of {self.noun} {self.identity(spec)}: "
                f"{', '.join(lost)}.",
                next_step="correct these settings; Vault ignores names that it does not know "
                "(https://developer.hashicorp.com/vault/api-docs).",
            )
        return live.outputs


def _differing(path: str, asked: Any, kept: Any) -> list[str]:
    if isinstance(asked, dict) and isinstance(kept, dict):
        return [
            name for key in asked for name in _differing(f"{path}.{key}", asked[key], kept.get(key))
        ]
    return [] if asked == kept else [path]
