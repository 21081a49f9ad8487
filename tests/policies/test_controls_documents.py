"""Documents about policies: the reference is of these rules, and the rule in the guide works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.paths import REPOSITORY
from policies import preview, reference, registry
from policies.admission import Settings
from policies.controls.catalogue import controls
from policies.properties import Properties
from policies.rules import aws
from tests.policies import captured

GUIDE = (REPOSITORY / "docs" / "policies.md").read_text()


def test_the_reference_is_of_these_rules() -> None:
    assert reference.PAGE.read_text() == reference.page(), (
        "rules or claims changed: run `python -m policies.reference` and commit "
        "docs/reference/policies.md and policies/controls/data/served.csv"
    )


def test_the_rule_in_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written as the guide says, found by the registry, and held to what every rule is held to."""
    code = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    name = re.search(r"`policies/rules/aws/(\w+)\.py`", GUIDE)
    assert code
    assert name
    (tmp_path / f"{name[1]}.py").write_text(code[1])
    monkeypatch.setattr(aws, "__path__", [*aws.__path__, str(tmp_path)])
    rule = registry.all_rules.__wrapped__()[name[1].replace("_", "-")]
    assert set(rule.controls) <= controls().keys()
    assert isinstance(rule.preview, Properties)
    mutants = 0
    for _, one in captured.of_types(preview.types_of(rule)):
        assert list(preview.of_resource(rule, one.type, one.properties, Settings())) == []
        for _, mutant in rule.preview.mutants(one.type, one.properties):
            mutants += 1
            assert list(preview.of_resource(rule, one.type, mutant, Settings()))
    assert mutants


def test_the_rule_in_the_guide_has_ten_lines() -> None:
    body = GUIDE[GUIDE.index("RULE = Rule(") : GUIDE.index("\n)\n```") + 2]
    assert len(body.splitlines()) == 10


def test_a_rule_without_a_file_is_none() -> None:
    with pytest.raises(KeyError):
        reference.file_of("no-such-rule")
