"""All rules, found by their files."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from policies import rules
from policies.rule import Rule


@functools.cache
def all_rules() -> Mapping[str, Rule]:
    """Every rule by its id, in the order of their ids.

    Raises:
        ValueError: a file's rule has another name than the file, or two have one name.
    """
    found: dict[str, Rule] = {}
    for module in pkgutil.walk_packages(rules.__path__, f"{rules.__name__}."):
        if module.ispkg:
            continue
        rule: Rule = importlib.import_module(module.name).RULE
        stem = module.name.rpartition(".")[2].replace("_", "-")
        if rule.id != stem:
            raise ValueError(f"{module.name}: the rule is called {rule.id}, its file {stem}")
        if rule.id in found:
            raise ValueError(f"{module.name}: there is another rule {rule.id}")
        found[rule.id] = rule
    return MappingProxyType(dict(sorted(found.items())))
