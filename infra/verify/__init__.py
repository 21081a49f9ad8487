"""Checks of the running lab: tests/live, run by pytest and reported by the id of each check."""

from infra.verify.runner import Check, Report, run

__all__ = ["Check", "Report", "run"]
