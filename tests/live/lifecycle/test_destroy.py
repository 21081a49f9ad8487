"""After `lab destroy` nothing of the lab is on this host, by our own eyes and independent ones."""

from __future__ import annotations

from pathlib import Path

from infra.hosts import cleanup
from infra.naming import bridge
from tests.live.support import leftovers, operations
from tests.live.support.lab import Lab


def test_nothing_is_left(up: Lab) -> None:
    names = [up.node_name(machine) for machine in up.config.machines]
    before = leftovers.look(up.home.root, bridge(up.name), names)
    # The control: while the lab is up, the same look sees every kind of thing.
    assert all(before.values()), f"the look is blind: {before}"
    done = operations.lab("destroy", "--yes", "--stack", up.stack)
    assert done.status == 0, f"`lab destroy` ended with {done.status}: {done.told}"
    assert not cleanup.find(up.name)
    after = leftovers.look(up.home.root, bridge(up.name), names)
    assert not any(after.values()), f"still there: {after}"


def test_destroying_nothing_is_fine(lab: Lab) -> None:
    first = operations.lab("destroy", "--yes", "--stack", lab.stack)
    assert first.status == 0, first.told
    again = operations.lab("destroy", "--yes", "--stack", lab.stack)
    assert again.status == 0, again.told
    assert not Path(lab.home.root).exists()
