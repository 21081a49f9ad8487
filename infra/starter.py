"""A first configuration from a few answers: an example of the repository, made one's own.

What is asked stands here as data; the command line asks. Everything that is not asked keeps the
example's value and is listed, because an example's accounts and addresses are made up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import config, paths
from infra.config import CONFIG_KEY, PROJECT
from infra.errors import BadUsage, FileInTheWay

#: The example from which a lab of each ground begins.
EXAMPLES = {
    "local": "local",
    "onprem": "onprem-least",
    "aws": "aws-least",
    "azure": "azure-least",
    "hybrid": "hybrid-aws-onprem",
}
_CLOUDS = ("aws", "azure")
_MACHINES = ("local", "onprem")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked: `path` is where its answer stands in the lab's document.

    Without `own` the example's value is a sensible default; with it, it is somebody else's.
    """

    flag: str
    path: str
    text: str
    grounds: tuple[str, ...] = tuple(EXAMPLES)
    own: bool = False


QUESTIONS = (
    Question("name", "name", "Name of the lab"),
    Question("owner", "owner", "E-mail address of who answers for it", _CLOUDS, own=True),
    Question("cost-center", "cost_center", "Cost centre that pays", _CLOUDS, own=True),
    Question("monthly-budget", "monthly_budget", "Budget of a month, in euros", _CLOUDS),
    Question("account", "account", "AWS account", ("aws",), own=True),
    Question("region", "region", "Region of AWS", ("aws",)),
    Question("engineers", "network.engineers", "Range that engineers come from", ("aws",)),
    Question("tenant-id", "tenant_id", "Entra ID tenant", ("azure",), own=True),
    Question("subscription-id", "subscription_id", "Azure subscription", ("azure",), own=True),
    Question("region", "location", "Region of Azure", ("azure",)),
    Question("engineers", "administration.0", "Range that engineers come from", ("azure",)),
    Question("machines", "network.machines", "Address range of the machines", _MACHINES),
    Question("pods", "network.pods", "Address range of the pods", _MACHINES),
    Question("services", "network.services", "Address range of the services", _MACHINES),
)


def questions(ground: str) -> list[Question]:
    """What is asked for a ground, in order."""
    return [question for question in QUESTIONS if ground in question.grounds]


def example(ground: str) -> dict[str, Any]:
    """The lab's document in the example of a ground."""
    file = paths.REPOSITORY / "examples" / "valid" / f"{EXAMPLES[ground]}.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text())["config"][f"{PROJECT}:{CONFIG_KEY}"]
    return document


@dataclass(frozen=True, slots=True)
class Draft:
    """A configuration that is valid, and not written yet."""

    stack: str
    document: Mapping[str, Any]
    #: Keys whose values are the example's, so somebody must look at them.
    kept: Sequence[str]

    @property
    def text(self) -> str:
        """The whole file."""
        body = yaml.safe_dump(
            {"config": {f"{PROJECT}:{CONFIG_KEY}": self.document}}, sort_keys=False, width=100
        )
        return (
            "# Begun by `lab init`; docs/reference/configuration.md describes every key.\n" + body
        )


def draft(
    ground: str,
    answers: Mapping[str, Any],
    *,
    stack: str | None = None,
    sandboxes: Sequence[Any] | None = None,
) -> Draft:
    """Puts the answers (by the paths of their questions) into the ground's example.

    Sandboxes, if given, replace the example's. The stack is called like the lab unless said.

    Raises:
        ConfigError: what comes out is no lab; the message names the keys.
    """
    document = example(ground)
    for path, value in answers.items():
        put(document, path, value)
    if sandboxes is not None:
        document["sandboxes"] = list(sandboxes)
    lab = config.parse(document, source="the answers")
    told = {*answers, "ground", *(["sandboxes"] if sandboxes is not None else [])}
    kept = [path for path in leaves(document) if not _under(path, told)]
    return Draft(stack or lab.name, document, kept)


def write(draft_: Draft, *, force: bool) -> Path:
    """Writes the stack's configuration file, whole or not at all.

    Raises:
        FileInTheWay: there is one already, and `force` is not set.
    """
    file = config.stack_file(draft_.stack)
    if file.exists() and not force:
        raise FileInTheWay(
            f"{file.name} is there already.",
            next_step="choose another name with --stack, or add --force to lose what is in it.",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        new.write(draft_.text)
    made = Path(new.name)
    made.chmod(0o644)
    made.replace(file)
    return file


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Sets one value by its path (`machines.0.address`); mappings on the way are made.

    Raises:
        BadUsage: the path goes through something that has no parts.
    """
    *way, last = path.split(".")
    place: Any = document
    for part in way:
        place = _step(place, part, path)
    if isinstance(place, list):
        if not (last.isdigit() and int(last) < len(place)):
            raise _no_place(path)
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise _no_place(path)


def _step(place: Any, part: str, path: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(part, {})
    if isinstance(place, list) and part.isdigit() and int(part) < len(place):
        return place[int(part)]
    raise _no_place(path)


def _no_place(path: str) -> BadUsage:
    return BadUsage(
        f"there is no place for {path} in the example.",
        next_step="docs/reference/configuration.md lists the keys.",
    )


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Paths of everything that has no parts."""
    parts: Iterator[tuple[Any, Any]]
    if isinstance(value, dict) and value:
        parts = iter(value.items())
    elif isinstance(value, list) and value:
        parts = iter(enumerate(value))
    else:
        yield path
        return
    for key, inner in parts:
        yield from leaves(inner, f"{path}.{key}" if path else str(key))


def _under(path: str, told: set[str]) -> bool:
    return any(path == known or path.startswith(f"{known}.") for known in told)
