"""What the policy auditor is told of its lab: a JSON document, which the baseline writes.

Plain Python rather than a model of pydantic, which alone would take a fifth of the memory that the
auditor may have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.errors import ConfigError
from policies.admission import Settings
from policies.rule import Level

#: Seconds between the starts of two audits.
INTERVAL: Final = 600
_KEYS: Final = {"interval_seconds", "kubernetes_version", "levels", "registries"}


@dataclass(frozen=True, slots=True)
class Told:
    """A lab as its policies see it."""

    #: Of the cluster, without a leading v.
    kubernetes_version: str
    #: What expressions of rules know of the lab.
    settings: Settings = field(default_factory=Settings)
    #: How strictly rules hold, where other than the rules say.
    levels: Mapping[str, Level] = field(default_factory=dict)
    interval_seconds: int = INTERVAL

    @property
    def document(self) -> str:
        """As JSON; the same lab gives the same text."""
        content = {
            "interval_seconds": self.interval_seconds,
            "kubernetes_version": self.kubernetes_version,
            "levels": {rule: level.value for rule, level in self.levels.items()},
            "registries": list(self.settings.registries),
        }
        return json.dumps(content, indent=2, sort_keys=True) + "\n"


def parse(text: str) -> Told:
    """The inverse of `Told.document`.

    Raises:
        ConfigError: it is no such document.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _wrong(f"it is not JSON: {error}") from error
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise _wrong(f"its keys must be {', '.join(sorted(_KEYS))}")
    interval, version = content["interval_seconds"], content["kubernetes_version"]
    # JSON's true is an integer to Python.
    if type(interval) is not int or interval < 1:
        raise _wrong("interval_seconds must be a whole number of at least 1")
    if not isinstance(version, str) or not version:
        raise _wrong("kubernetes_version must be a version, such as 1.36.3")
    return Told(
        kubernetes_version=version,
        settings=Settings(registries=_registries(content["registries"])),
        levels=_levels(content["levels"]),
        interval_seconds=interval,
    )


def _registries(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise _wrong("registries must be a list of names")
    return tuple(found)


def _levels(found: Any) -> dict[str, Level]:
    if not isinstance(found, dict):
        raise _wrong("levels must be a map")
    try:
        return {str(rule): Level(level) for rule, level in found.items()}
    except ValueError as error:
        raise _wrong(f"levels: {error}") from error


def _wrong(why: str) -> ConfigError:
    return ConfigError(
        f"what the policy auditor is told of its lab cannot be used: {why}.",
        next_step="`./lab up --refresh` writes it anew.",
    )
