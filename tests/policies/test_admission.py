"""Every admission rule without a cluster: what it must admit and what it must refuse."""

from __future__ import annotations

import pytest

from policies.admission import Admission, Settings
from policies.preview import namespace_of
from policies.registry import all_rules
from policies.rule import Rule

RULES = [rule for rule in all_rules().values() if isinstance(rule.admission, Admission)]


def decided(rule: Rule, manifest: dict[str, object]) -> list[str]:
    assert isinstance(rule.admission, Admission)
    return list(rule.admission.faults(manifest, namespace_of(manifest), Settings()))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples(rule: Rule) -> None:
    assert isinstance(rule.admission, Admission)
    assert rule.admission.passes, "a rule that admits nothing is not proven"
    assert rule.admission.fails, "a rule that refuses nothing is not proven"
    if rule.admission.of_the_request:
        return  # only an API server can decide: tests/live/cluster/test_policies.py
    for manifest in rule.admission.passes:
        assert decided(rule, dict(manifest)) == []
    for manifest in rule.admission.fails:
        assert decided(rule, dict(manifest)), f"admitted: {manifest}"
