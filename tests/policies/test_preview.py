"""What our own stacks declare passes every rule; with a protection flipped it no longer does."""

from __future__ import annotations

import pytest

from policies import preview
from policies.admission import Settings
from policies.properties import Properties, replaced
from policies.registry import all_rules
from policies.relations import Relations
from policies.rule import Rule
from policies.values import UNKNOWN, Undecided
from tests.policies import captured

RULES = all_rules()
OF_PROPERTIES = [rule for rule in RULES.values() if isinstance(rule.preview, Properties)]
RELATED = [rule for rule in RULES.values() if isinstance(rule.preview, Relations)]


@pytest.mark.parametrize("example", captured.names())
def test_no_rule_denies_what_we_declare(example: str) -> None:
    found = list(preview.of_stack(RULES.values(), captured.stack(example)))
    assert [(one.rule.id, one.urn, one.message) for one in found] == []


@pytest.mark.parametrize("rule", OF_PROPERTIES, ids=lambda rule: rule.id)
def test_a_flipped_protection_is_denied(rule: Rule) -> None:
    assert isinstance(rule.preview, Properties)
    tried = 0
    for example, one in captured.of_types(preview.types_of(rule)):
        for what, mutant in rule.preview.mutants(one.type, one.properties):
            tried += 1
            denied = list(preview.of_resource(rule, one.type, mutant, Settings()))
            assert denied, f"{example}: {one.type} {one.name} passes with {what}"
    for type_, stranger in rule.preview.forbidden.items():
        tried += 1
        assert list(preview.of_resource(rule, type_, stranger, Settings())), f"{type_} passes"
    assert tried, f"no example has a {' or '.join(rule.preview.types)}: nothing is proven"


@pytest.mark.parametrize("rule", OF_PROPERTIES, ids=lambda rule: rule.id)
def test_what_is_not_known_yet_never_passes(rule: Rule) -> None:
    assert isinstance(rule.preview, Properties)
    for _, one in captured.of_types(preview.types_of(rule)):
        for must in rule.preview.must[one.type]:
            if not must.applies(one.properties):
                continue
            unknown = replaced(one.properties, must.path, UNKNOWN)
            with pytest.raises(Undecided):
                list(preview.of_resource(rule, one.type, unknown, Settings()))


@pytest.mark.parametrize("rule", RELATED, ids=lambda rule: rule.id)
def test_a_broken_stack_is_denied(rule: Rule) -> None:
    assert isinstance(rule.preview, Relations)
    assert rule.preview.broken, "a rule without mutants proves nothing"
    stacks = [captured.stack(name) for name in captured.names()]
    about = [stack for stack in stacks if stack.of_type(*rule.preview.about)]
    assert about, f"no example has a {' or '.join(rule.preview.about)}: nothing is proven"
    for stack in about:
        for spoil in rule.preview.broken:
            found = list(rule.preview.faults(spoil(stack)))
            assert found, f"passes after {spoil.__name__}"
