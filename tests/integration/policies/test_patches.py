"""Patches of objects that are right: in each of the three forms that an API server takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.rule import Rule
from tests.integration.policies.enforced import (
    MANDATORY,
    Patched,
    World,
    named_in,
)
from tests.integration.policies.patches import FORMS, TAKEN_OVER, Patching, patched
from tests.live.support import policies
from tests.live.support.api import say
from tests.live.support.policies import admission_of

#: Rules that no patch can break: Kubernetes changes neither the type of a Secret nor where a
#: volume is, and a token is asked for, not stored.
NOT_BY_PATCH = {"no-host-path-volumes", "no-long-lived-tokens", "no-unlimited-token-requests"}
JUDGES_OBJECTS = {id_ for id_, rule in MANDATORY.items() if not admission_of(rule).of_the_request}


def changes(rule: Rule) -> Rule:
    """With those of its examples that change something, other than by a form that only takes whole
    objects (`finalize`).
    """
    admission = admission_of(rule)
    attempts = [
        (one, right)
        for one, right in admission.attempts()
        if one.operation == "UPDATE" and one.subresource != "finalize"
    ]
    return replace(
        rule,
        admission=replace(
            admission,
            passes=(),
            fails=(),
            allowed=tuple(one for one, right in attempts if right),
            refused=tuple(one for one, right in attempts if not right),
        ),
    )


#: Rules about who asks, with examples of changes.
OF_THE_REQUEST = {
    id_: changes(rule)
    for id_, rule in MANDATORY.items()
    if id_ not in JUDGES_OBJECTS and admission_of(changes(rule)).refused
}


@pytest.fixture(scope="module")
def guarded(world: World) -> Patched:
    """The same patches as before the policies, with them in force."""
    return patched(world.server.client, world.trial, "after")


@pytest.mark.parametrize("form", FORMS)
def test_a_patch_makes_nothing_worse(world: World, guarded: Patched, form: str) -> None:
    """Without the policies each is taken, but for what Kubernetes itself takes from nobody."""
    assert set(guarded) == set(world.unguarded)
    refused: set[str] = set()
    named: set[str] = set()
    for (id_, number, way), answer in guarded.items():
        before = world.unguarded[id_, number, way]
        if way != form:
            continue
        if before.is_success:
            assert answer.status_code == 403, f"{id_}: {say(answer)}"
            assert named_in(answer.text), f"{id_}: {say(answer)}"
            refused.add(id_)
            named |= named_in(answer.text)
        else:
            assert before.status_code == 422, f"{id_}: {say(before)}"
            assert not answer.is_success
    assert refused == (JUDGES_OBJECTS | TAKEN_OVER) - NOT_BY_PATCH
    # An API server names one policy of those that refuse: a privileged container breaks others.
    assert refused - named <= {"no-privileged-containers"}


def test_every_rule_about_changes_is_tried() -> None:
    about_changes = {
        id_ for id_, rule in MANDATORY.items() if "UPDATE" in admission_of(rule).operations
    }
    assert about_changes <= JUDGES_OBJECTS | TAKEN_OVER | set(OF_THE_REQUEST)


@pytest.mark.parametrize("rule", OF_THE_REQUEST)
def test_nobody_patches_what_is_not_theirs(world: World, rule: str) -> None:
    trial = replace(world.trial, api=Patching(world.server.client))
    assert policies.faults(OF_THE_REQUEST[rule], trial) == []
