"""Options of every test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept-golden",
        action="store_true",
        help="write the inventories of tests/golden anew from what the programs declare now",
    )
    parser.addoption(
        "--accept-data-loss",
        action="store_true",
        help="with --accept-golden: also where a resource that holds data is given up",
    )
