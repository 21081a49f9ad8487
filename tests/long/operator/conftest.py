"""The lab of the operator's integration tests: an API server, Vault, evidence."""

from __future__ import annotations

from tests.integration.operator.conftest import lab

__all__ = ["lab"]
