"""Names of the modules of the program."""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions

from infra.paths import REPOSITORY


def test_no_module_of_the_program_hides_one_of_a_package() -> None:
    """Pulumi starts the program with its folder first on the path."""
    own = {file.stem for file in (REPOSITORY / "stacks").glob("*.py")} - {"__init__", "__main__"}
    assert "local" in own
    assert not own & (set(packages_distributions()) | sys.stdlib_module_names)
