"""Checks of the running lab: tests/live, run by pytest and reported by the id of each check."""

from infra.verify.runner import JUDGES, LIVE, Check, Report, run

__all__ = ["JUDGES", "LIVE", "Check", "Report", "run"]
