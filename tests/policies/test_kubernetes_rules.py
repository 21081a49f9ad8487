"""Rules about how objects of a stack belong together, where they cannot be decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.registry import all_rules
from policies.relations import Relations, Stack
from policies.values import Undecided
from tests.policies import captured

RULE = all_rules()["default-deny-present"]


def test_objects_of_a_cluster_that_is_not_there_are_undecided() -> None:
    """The engine knows their names only, until the cluster has an address."""
    check = RULE.preview
    assert isinstance(check, Relations)
    known = captured.stack("local")
    assert list(check.faults(known)) == []
    unknown = Stack([replace(one, properties={}) for one in known.of_type(*check.types)])
    with pytest.raises(Undecided, match="metadata"):
        list(check.faults(unknown))
