from __future__ import annotations

import random
from itertools import pairwise
from xml.etree import ElementTree as Xml

from infra.engine.plan import Plan, Planned
from infra.graph import draw
from infra.graph.boxes import Box, lay_out

NAMESPACE = "{http://www.w3.org/2000/svg}"


def made(name: str, parent: str = "", *depends_on: str, **more: object) -> Planned:
    kind = "lab:Group" if name.isupper() else "aws:s3/bucket:Bucket"
    return Planned(
        "create",
        f"urn::{name}",
        kind,
        f"urn::{parent}" if parent else "",
        custom=not name.isupper(),
        depends_on=tuple(f"urn::{other}" for other in depends_on),
        protect=bool(more.get("protect")),
    )


def plan(*resources: Planned) -> Plan:
    return Plan(resources, {"create": len(resources)}, 1.0)


def large(seed: int = 1) -> Plan:
    """150 resources in 15 components, some of them in others, each with up to three needs."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    groups = [made(f"G{n}", f"G{n - 1}" if n % 3 == 2 else "") for n in range(15)]
    rest: list[Planned] = []
    for n in range(135):
        needs = [f"r{chance.randrange(n)}" for _ in range(chance.randrange(4)) if n]
        rest.append(made(f"r{n}", f"G{n % 15}", *needs))
    return plan(*groups, *rest)


def by_name(root: Box) -> dict[str, Box]:
    return {box.resource.name: box for box in root.walk() if box.resource}


def inside(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def test_nothing_lies_over_anything_else() -> None:
    for box in lay_out(large()).walk():
        assert all(inside(child, box) for child in box.children)
        for number, child in enumerate(box.children):
            assert all(apart(child, other) for other in box.children[number + 1 :])


def test_what_is_needed_lies_left_of_what_needs_it() -> None:
    boxes = by_name(lay_out(plan(made("c", "", "b"), made("b", "", "a"), made("a"))))
    for one, other in pairwise("abc"):
        assert boxes[one].x + boxes[one].width < boxes[other].x


def test_a_dependency_is_drawn_between_neighbours() -> None:
    root = lay_out(plan(made("ONE"), made("TWO"), made("a", "ONE"), made("b", "TWO", "a", "ONE")))
    names = [box.resource.name for box in root.children if box.resource]
    assert root.lines == {(names.index("ONE"), names.index("TWO")): 2}


def test_components_that_need_each_other_are_drawn_all_the_same() -> None:
    root = lay_out(
        plan(
            made("ONE"),
            made("TWO"),
            made("a", "ONE"),
            made("b", "TWO", "a"),
            made("c", "ONE", "b"),
        )
    )
    assert len(root.lines) == 2
    assert len(by_name(root)) == 5


def test_providers_are_left_out() -> None:
    provider = Planned("create", "urn::p", "pulumi:providers:aws", "")
    assert by_name(lay_out(plan(provider, made("a")))).keys() == {"a"}


def test_the_picture_is_well_formed_and_names_everything() -> None:
    tree = Xml.fromstring(draw(large()))  # noqa: S314 - our own text
    told = {title.text or "" for title in tree.iter(f"{NAMESPACE}title")}
    for resource in large().resources:
        assert any(text.startswith(f"create {resource.type} {resource.name}") for text in told)
    assert 0.5 < float(tree.attrib["width"]) / float(tree.attrib["height"]) < 4


def test_the_order_of_the_engine_does_not_matter() -> None:
    given = large()
    turned = Plan(given.resources[::-1], given.changes, given.seconds)
    assert draw(given) == draw(turned)


def test_names_are_escaped_and_protection_shows() -> None:
    text = draw(plan(made("<a&b>", protect=True)))
    assert "&lt;a&amp;b&gt;" in text
    assert 'class="kept"' in text
