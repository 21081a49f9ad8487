"""Options of the provider itself, in the official provider's names.

An option that we do not honour is refused: one that is silently off could be a protection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.plugins import UNKNOWN, Checked, Failure

_TEXTS = ("kubeconfig", "context", "cluster", "namespace")
_FLAGS = ("enablePatchForce", "upsertExistingObjects")
#: Options whose only sensible value is what this provider always does.
_ALWAYS = ("enableServerSideApply", "enableConfigMapMutable", "enableSecretMutable")
#: Options that change nothing here, whatever they say.
_WITHOUT_EFFECT = (
    "clusterIdentifier",
    "suppressDeprecationWarnings",
    "suppressHelmHookWarnings",
    "version",
    "pluginDownloadURL",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that this provider honours."""

    #: Path or content; None means $KUBECONFIG, then the user's own file.
    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    #: Patch resources take fields over from their owners.
    patch_force: bool = False
    #: A new resource may take over an object that something else made.
    adopt: bool = False


def check(options: dict[str, Any]) -> Checked:
    """Validates the options as the engine brings them: all but texts are JSON in a string."""
    failures = []
    for key, value in options.items():
        if value is UNKNOWN or key in _WITHOUT_EFFECT or key.startswith("__"):
            continue
        if key in _TEXTS:
            if not isinstance(value, str):
                failures.append(Failure(key, "must be a text."))
        elif key in _FLAGS:
            if _flag(value) is None:
                failures.append(Failure(key, "must be true or false."))
        elif key in _ALWAYS:
            if _flag(value) is not True:
                failures.append(Failure(key, "cannot be turned off with the offline provider."))
        else:
            failures.append(Failure(key, "is not supported by the offline provider."))
    return Checked(options, failures)


def _flag(value: Any) -> bool | None:
    meanings = {True: True, "true": True, False: False, "false": False}
    return meanings.get(value) if isinstance(value, bool | str) else None


def parse(options: Mapping[str, Any]) -> Settings:
    """The settings that checked options mean."""
    texts = {key: options.get(key) or None for key in _TEXTS}
    return Settings(
        **texts,
        patch_force=bool(_flag(options.get("enablePatchForce"))),
        adopt=bool(_flag(options.get("upsertExistingObjects"))),
    )
