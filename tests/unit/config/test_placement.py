"""The rule of placement, for any grounds and any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.config import CLASSIFICATIONS, placement
from infra.config.placement import Ground, Work, place

KINDS = ["local", "onprem", "aws", "azure"]
CLOUDS = ["aws", "azure"]
REASON = "the ministry has ordered it, decision 7 of 2026"

classifications = st.sampled_from(CLASSIFICATIONS)
carried = st.sets(classifications, min_size=1)
grounds = st.lists(
    st.builds(
        placement.ground,
        st.sampled_from("abcdef"),
        st.sampled_from(KINDS),
        carries=carried,
        exception=st.sampled_from([None, REASON]),
    ),
    min_size=1,
    unique_by=lambda ground: ground.name,
)
works = st.builds(
    Work, st.just("sandboxes.box"), classifications, st.none() | st.sampled_from("abcdefg")
)


def placed(work: Work, among: list[Ground], rule: Callable[..., str]) -> str | None:
    try:
        return rule(work, among)
    except ValueError:
        return None


def faults(work: Work, among: list[Ground], rule: Callable[..., str]) -> list[str]:
    """What is wrong with the place that a rule gives; empty if all is as it must be."""
    name = placed(work, among, rule)
    able = [ground.name for ground in among if ground.may_carry(work.classification)]
    wanted = [work.ground] if work.ground else [ground.name for ground in among]
    possible = [candidate for candidate in wanted if candidate in able]
    if name is None:
        return ["refused what may be"] if possible else []
    found = []
    if name not in able:
        found.append("put where it may not be")
    if work.ground and name != work.ground:
        found.append("put elsewhere than was said")
    if not work.ground and among[0].name in able and name != among[0].name:
        found.append("left the primary ground without need")
    if possible and name != possible[0]:
        found.append("not the first that may")
    return found


@given(works, grounds)
def test_work_is_where_it_may_be_or_nowhere(work: Work, among: list[Ground]) -> None:
    assert not faults(work, among, place)


@given(works, grounds)
def test_what_is_refused_is_told_with_its_path_and_its_reason(
    work: Work, among: list[Ground]
) -> None:
    if placed(work, among, place) is not None:
        return
    with pytest.raises(ValueError, match=r"^sandboxes\.box: ") as caught:
        place(work, among)
    told = str(caught.value)
    named = next((ground for ground in among if ground.name == work.ground), None)
    if work.ground and named is None:
        assert work.ground in told
        return
    for ground in [named] if named else among:
        assert work.classification in told
        assert ground.name in told
        assert ground.refuses[work.classification] in told


@given(st.sampled_from(CLOUDS), carried)
def test_restricted_work_needs_a_reason_in_a_cloud(kind: str, carries: Any) -> None:
    assert not placement.ground("c", kind, carries=carries).may_carry("restricted")
    with_reason = placement.ground("c", kind, carries=carries, exception=REASON)
    assert with_reason.may_carry("restricted") == ("restricted" in carries)


@given(carried)
def test_an_owner_only_ever_narrows(carries: Any) -> None:
    for kind in KINDS:
        ground = placement.ground("g", kind, carries=carries)
        everything = placement.ground("g", kind)
        for classification in CLASSIFICATIONS:
            if ground.may_carry(classification):
                assert classification in carries
                assert everything.may_carry(classification)


@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_machines_of_ones_own_carry_everything(classification: Any) -> None:
    assert placement.ground("here", "onprem").may_carry(classification)


def _anywhere(work: Work, among: list[Ground]) -> str:
    return work.ground or among[0].name


def _ignores_the_name(work: Work, among: list[Ground]) -> str:
    return place(Work(work.path, work.classification), among)


def _last_first(work: Work, among: list[Ground]) -> str:
    return place(work, among[::-1])


def _moves_what_was_named(work: Work, among: list[Ground]) -> str:
    try:
        return place(work, among)
    except ValueError:
        return place(Work(work.path, work.classification), among)


def _refuses_everything_unnamed(work: Work, among: list[Ground]) -> str:
    if work.ground is None:
        raise ValueError(work.path)
    return place(work, among)


@pytest.mark.parametrize(
    "mutant",
    [
        _anywhere,
        _ignores_the_name,
        _last_first,
        _moves_what_was_named,
        _refuses_everything_unnamed,
    ],
)
def test_a_wrong_rule_is_found(mutant: Callable[..., str]) -> None:
    """Each of these is caught by the faults that the right rule never has."""
    home = placement.ground("home", "onprem")
    cloud = placement.ground("cloud", "aws", carries=("public", "internal"))
    cases = [
        Work("sandboxes.box", classification, ground)
        for classification in CLASSIFICATIONS
        for ground in (None, "home", "cloud", "nowhere")
    ]
    orders = ([home, cloud], [cloud, home])
    assert not any(faults(work, among, place) for work in cases for among in orders)
    assert any(faults(work, among, mutant) for work in cases for among in orders)
