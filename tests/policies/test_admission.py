"""Every admission rule without a cluster: what it must admit and what it must refuse."""

from __future__ import annotations

import pytest

from policies import expressions
from policies.admission import Admission, Attempt, Settings
from policies.examples import namespace_of
from policies.kinds import WORKLOADS
from policies.registry import all_rules
from policies.rule import Rule

RULES = [rule for rule in all_rules().values() if isinstance(rule.admission, Admission)]


def decided(rule: Rule, manifest: dict[str, object]) -> list[str]:
    assert isinstance(rule.admission, Admission)
    return list(rule.admission.faults(manifest, namespace_of(manifest), Settings()))


def answered(rule: Rule, attempt: Attempt) -> list[str]:
    assert isinstance(rule.admission, Admission)
    namespace = namespace_of(attempt.manifest)
    return list(rule.admission.answers(attempt, namespace, Settings()))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples(rule: Rule) -> None:
    assert isinstance(rule.admission, Admission)
    cases = list(rule.admission.attempts())
    assert any(right for _, right in cases), "a rule that admits nothing is not proven"
    assert not all(right for _, right in cases), "a rule that refuses nothing is not proven"
    if rule.admission.of_the_request:
        return
    for manifest in rule.admission.passes:
        assert decided(rule, dict(manifest)) == []
    for manifest in rule.admission.fails:
        assert decided(rule, dict(manifest)), f"admitted: {manifest}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_requests(rule: Rule) -> None:
    assert isinstance(rule.admission, Admission)
    for attempt, right in rule.admission.attempts():
        answer = answered(rule, attempt)
        assert (answer == []) is right, f"{attempt}: {answer}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_validation_refuses_an_example(rule: Rule) -> None:
    """A validation without one could be wrong in every case."""
    assert isinstance(rule.admission, Admission)
    refused = [one for one, right in rule.admission.attempts() if not right]
    told = {message for one in refused for message in answered(rule, one)}
    unproven = {one.message for one in rule.admission.validations} - told
    assert not unproven


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_kind_is_in_reach_of_its_expressions(rule: Rule) -> None:
    """Conditions are decided before variables, and without the namespace's object."""
    assert isinstance(rule.admission, Admission)
    for text in rule.admission.conditions.values():
        assert not {"variables", "namespaceObject"} & expressions.names(text)
    if set(rule.admission.kinds) <= set(WORKLOADS):
        assert set(rule.admission.kinds) == set(WORKLOADS), "a workload is left out"


def test_an_example_of_one_rule_is_refused_by_no_other() -> None:
    """What is shown as right is right as a whole."""
    for rule in RULES:
        assert isinstance(rule.admission, Admission)
        for manifest in rule.admission.passes:
            for other in RULES:
                assert isinstance(other.admission, Admission)
                if other.admission.of_the_request:
                    continue
                faults = decided(other, dict(manifest))
                assert faults == [], f"{other.id} refuses what {rule.id} shows: {faults}"
