"""What long proofs share."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Shows a line of progress at once, although pytest captures what tests print."""
    plugins = request.config.pluginmanager
    terminal = plugins.get_plugin("terminalreporter")
    capture = plugins.get_plugin("capturemanager")
    assert terminal is not None, "pytest runs without its terminal"
    assert capture is not None, "pytest runs without capturing"

    def show(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write(f"\n  {line}", flush=True)

    return show
