"""Checks of the running lab: tests/live, run by pytest and reported by the id of each check."""

from infra.verify.runner import LIVE, Check, Report, run

__all__ = ["LIVE", "Check", "Report", "run"]
