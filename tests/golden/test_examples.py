"""What each example makes, by Pulumi's own engine, as a file under review.

A change that is meant is accepted with `pytest tests/golden --accept-golden` and reviewed as a
difference of the file. What would give up data is not accepted with it: a bucket, a key or a
database that gets another name or parent needs an alias (https://www.pulumi.com/docs/iac/concepts/
resources/options/aliases/), or `--accept-data-loss` from somebody who means it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra import paths, preview
from infra.engine.events import Event
from infra.engine.plan import Plan
from tests.harness import data_loss, planned_inventory

EXAMPLES = sorted((paths.REPOSITORY / "examples" / "valid").glob("*.yaml"))
ACCEPTED = Path(__file__).parent / "examples"

Previewer = Callable[..., Plan]


class Silent:
    """Nobody looks; a failure has its own message."""

    def note(self, text: str) -> None:
        del text

    def event(self, event: Event) -> None:
        del event


@pytest.fixture(scope="session")
def plan_of() -> Iterator[Previewer]:
    """The plan for an example's file; made once, and in no folder of whoever runs this."""
    known: dict[Path, Plan] = {}

    def plan(file: Path, deployed: Mapping[str, Any] | None = None) -> Plan:
        make = partial(preview.of_file, file, Silent(), offline=True)
        if deployed is not None:
            return make(deployed=deployed)
        if file not in known:
            known[file] = make()
        return known[file]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", "/lab-home")
        yield plan


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_example_is_what_was_accepted(
    file: Path, plan_of: Previewer, request: pytest.FixtureRequest
) -> None:
    accepted_file = ACCEPTED / file.name
    plan = plan_of(file)
    now = planned_inventory.render(plan)
    accepted = accepted_file.read_text() if accepted_file.exists() else ""
    if now != accepted and not request.config.getoption("--accept-data-loss"):
        lost = data_loss.losses(planned_inventory.read(accepted), plan, partial(plan_of, file))
        assert not lost, "\n".join(lost)
    if request.config.getoption("--accept-golden"):
        accepted_file.parent.mkdir(exist_ok=True)
        accepted_file.write_text(now)
        accepted = now
    changes = "\n".join(
        difflib.unified_diff(
            accepted.splitlines(), now.splitlines(), "accepted", "now", lineterm="", n=0
        )
    )
    assert not changes, f"pytest tests/golden --accept-golden accepts this:\n{changes}"


def test_every_accepted_inventory_has_its_example() -> None:
    assert {file.name for file in ACCEPTED.glob("*")} == {file.name for file in EXAMPLES}


@pytest.mark.parametrize(
    "file",
    [file for file in EXAMPLES if file.stem.startswith(("aws", "azure", "hybrid"))],
    ids=lambda file: file.stem,
)
def test_what_holds_data_in_a_cloud_is_kept(file: Path, plan_of: Previewer) -> None:
    """Protected (no operation deletes it) and retained (leaving the program does not either)."""
    open_ = [
        f"{one.type} {one.name}"
        for one in plan_of(file).resources
        if one.type in data_loss.HOLDS_DATA
        and one.type.startswith(("aws:", "azure-native:"))
        and not (one.protect and one.retained)
    ]
    assert open_ == []
