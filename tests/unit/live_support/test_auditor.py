"""What the live checks make of the auditor's metrics, good and bad."""

from __future__ import annotations

import pytest

from tests.live.support import auditor
from tests.live.support.auditor import Shown

SCRAPE = """\
# TYPE ailab_policy_rule_status gauge
ailab_policy_rule_status{place="live",rule="a",severity="high",stand="holds"} 0.0
ailab_policy_rule_status{place="live",rule="a",severity="high",stand="broken"} 1.0
ailab_policy_rule_status{place="admission",rule="b",severity="low",stand="holds"} 1.0
ailab_policy_rule_status{place="admission",rule="b",severity="low",stand="broken"} 0.0
# TYPE ailab_policy_audit_timestamp_seconds gauge
ailab_policy_audit_timestamp_seconds 1000.0
# TYPE ailab_policy_audit_interval_seconds gauge
ailab_policy_audit_interval_seconds 100.0
# TYPE ailab_policy_audit_failures counter
ailab_policy_audit_failures_total 2.0
"""


def test_a_scrape_is_read() -> None:
    assert auditor.read(SCRAPE) == Shown(
        ended=1000.0,
        interval=100.0,
        failures=2.0,
        rules=frozenset({"a", "b"}),
        broken=frozenset({("a", "live")}),
    )


@pytest.mark.parametrize(
    ("now", "told"), [(1001, ""), (1300, ""), (1301, "the last audit ended 301 s ago")]
)
def test_what_is_too_old_is_seen(now: float, told: str) -> None:
    stale = auditor.read(SCRAPE).stale(now)
    assert stale.startswith(told)
    assert bool(stale) == bool(told)


def test_what_never_was_is_seen() -> None:
    assert auditor.read("").stale(1) == "no audit was finished since the pod's start"


def test_only_what_is_still_broken_counts() -> None:
    shown = auditor.read(SCRAPE)
    assert auditor.unmended(shown, {}) == []
    assert auditor.unmended(shown, {("b", "admission"): "x: y"}) == []
    assert auditor.unmended(shown, {("a", "live"): "Pod p: why"}) == ["a (live): Pod p: why"]
