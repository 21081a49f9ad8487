"""From files and Pulumi's own configuration to a lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from infra import paths
from infra.config.grounds.aws import AwsLab
from infra.config.grounds.azure import AzureLab
from infra.config.grounds.hybrid import HybridLab
from infra.config.grounds.local import LocalLab
from infra.config.grounds.onprem import OnPremLab
from infra.config.model import faults
from infra.errors import ConfigError, StackNotFound, WrongGround

#: Pulumi's configuration key that holds the whole lab, below the project's namespace.
CONFIG_KEY = "lab"
PROJECT = "ai-lab"

AnyLab = LocalLab | OnPremLab | AwsLab | AzureLab | HybridLab

_GROUNDS: dict[str, type[AnyLab]] = {
    "local": LocalLab,
    "onprem": OnPremLab,
    "aws": AwsLab,
    "azure": AzureLab,
    "hybrid": HybridLab,
}


def parse(document: Any, *, source: str) -> AnyLab:
    """Validates one lab. `source` says where the document came from, for the error.

    Raises:
        ConfigError: with every fault by its path in the document.
    """
    try:
        return _model(document, source).model_validate(document)
    except ValidationError as error:
        raise ConfigError(
            f"{source}: {faults(error)}.",
            next_step="correct these keys; docs/reference/configuration.md lists what is allowed.",
        ) from error


def _model(document: Any, source: str) -> type[AnyLab]:
    """The model of a document's ground; the local one tells what is wrong with no document."""
    ground = document.get("ground", "local") if isinstance(document, dict) else "local"
    if not isinstance(ground, str) or ground not in _GROUNDS:
        raise ConfigError(
            f"{source}: ground: {ground!r} is none of {', '.join(_GROUNDS)}.",
            next_step="choose one of these; docs/reference/configuration.md describes each.",
        )
    return _GROUNDS[ground]


def stack_file(stack: str) -> Path:
    return paths.REPOSITORY / "stacks" / "config" / f"Pulumi.{stack}.yaml"


def stacks() -> list[str]:
    """Names of the stacks that have a configuration in this checkout."""
    folder = paths.REPOSITORY / "stacks" / "config"
    return sorted(file.name.split(".")[1] for file in folder.glob("Pulumi.*.yaml"))


def load(stack: str) -> AnyLab:
    """Reads a stack's configuration file without Pulumi, for the command line.

    Raises:
        StackNotFound: there is no such file.
        ConfigError: the file is not YAML or does not describe a lab.
    """
    file = stack_file(stack)
    if not file.is_file():
        raise StackNotFound(
            f"there is no configuration for stack {stack!r}.",
            next_step=f"choose one of: {', '.join(stacks())}; or write {file.name} beside them.",
        )
    return load_file(file)


def load_file(file: Path) -> AnyLab:
    """Reads a configuration file that may lie anywhere.

    Raises:
        ConfigError: the file is not there, is not YAML or does not describe a lab.
    """
    try:
        document = yaml.safe_load(file.read_text())
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", next_step="name a file that is there."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{file.name} is not YAML: {error}", next_step="correct the file."
        ) from error
    values = document.get("config") if isinstance(document, dict) else None
    if not isinstance(values, dict) or f"{PROJECT}:{CONFIG_KEY}" not in values:
        raise ConfigError(
            f"{file.name} has no key config.{PROJECT}:{CONFIG_KEY}.",
            next_step="see stacks/config/Pulumi.local.yaml for a complete example.",
        )
    return parse(values[f"{PROJECT}:{CONFIG_KEY}"], source=file.name)


def load_local(stack: str) -> LocalLab:
    """The same for what only the local ground has: machines that this host carries.

    Raises:
        WrongGround: the stack lies elsewhere.
    """
    lab = load(stack)
    if not isinstance(lab, LocalLab):
        raise WrongGround(
            f"stack {stack!r} lies on the ground {lab.ground!r}; this command works on machines "
            "that this host carries.",
            next_step="name a stack whose ground is `local`.",
        )
    return lab


def from_pulumi() -> AnyLab:
    """Reads the lab of the running Pulumi program."""
    import pulumi

    return parse(pulumi.Config().require_object(CONFIG_KEY), source=f"stack {pulumi.get_stack()}")
