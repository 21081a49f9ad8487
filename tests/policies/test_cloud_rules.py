"""What holds of the rules of every cloud alike: values that are not known yet, data, and types."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pulumi_aws
import pulumi_azure_native
import pytest

from infra.config.grounds.aws import EU_REGIONS
from infra.regions import AWS_REGIONS
from policies.properties import Properties
from policies.registry import all_rules
from policies.relations import Relations
from policies.rule import Rule
from policies.spoiling import unprotected
from tests.policies import captured, unknowns

#: Prefix of a cloud's rules -> how its types begin, and its SDK.
CLOUDS: dict[str, tuple[str, ModuleType]] = {
    "aws": ("aws:", pulumi_aws),
    "azure": ("azure-native:", pulumi_azure_native),
}
RULES = {key: rule for key, rule in all_rules().items() if key.partition("-")[0] in CLOUDS}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_not_known_yet_never_passes(rule: Rule) -> None:
    assert list(unknowns.passing(rule)) == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_kind_of_data_alone_is_protected(cloud: str) -> None:
    check = RULES[f"{cloud}-data-protected"].preview
    assert isinstance(check, Relations)
    stack = captured.stack(f"{cloud}-full")
    kinds = {one.type for one in stack.of_type(*check.about)}
    assert kinds
    for type_ in kinds:
        assert list(check.faults(unprotected(type_)(stack))), type_


@pytest.mark.parametrize("cloud", CLOUDS)
def test_types_are_those_of_the_provider(cloud: str) -> None:
    """A rule about a type that does not exist would never be asked."""
    begins, sdk = CLOUDS[cloud]
    types = {
        type_
        for rule in RULES.values()
        if isinstance(rule.preview, (Properties, Relations))
        for type_ in rule.preview.types
        if type_.startswith(begins)
    }
    assert types
    root = Path(str(sdk.__file__)).parent
    for type_ in sorted(types):
        assert is_of(type_, root), type_
        assert not is_of(f"{type_}s", root)


def is_of(type_: str, root: Path) -> bool:
    """Whether the SDK has a file for a type, and names it there."""
    _, module, name = type_.split(":")
    return any(
        f"'{type_}'" in file.read_text()
        for file in root.glob(f"{module.partition('/')[0]}*/*.py")
        if name.lower().startswith(file.stem.replace("_", ""))
    )


def test_a_lab_on_aws_lies_in_the_partition_that_everybody_uses() -> None:
    """The European Sovereign Cloud is in the Union, and has other names for everything."""
    assert set(AWS_REGIONS) - set(EU_REGIONS) == {"eusc-de-east-1"}
