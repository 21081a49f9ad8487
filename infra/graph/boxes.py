"""Layout of a plan: every component is a box around its resources, laid out by what waits for what.

A dependency is drawn where it belongs: between the two neighbours, in the innermost box that holds
both ends. So each box has few lines, and 150 resources stay readable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.engine.plan import Plan, Planned

#: Pixels.
CARD_WIDTH, CARD_HEIGHT = 236, 34
_TITLE, _MARGIN, _ROW, _COLUMN = 26, 12, 8, 44
#: How much wider than high a box should be.
_BREADTH = 1.8
#: Columns of cards before a row is broken.
_FEWEST = 4
#: Cards above one another before a column is split, so that no box becomes a tower.
_TALLEST = 14 * (CARD_HEIGHT + _ROW)


@dataclass(slots=True)
class Box:
    """A resource, or a component with what is in it. `x` and `y` are its upper left corner."""

    resource: Planned | None
    children: list[Box] = field(default_factory=list)
    #: Pairs of children, by their places in `children`: the second waits for the first.
    lines: dict[tuple[int, int], int] = field(default_factory=dict)
    x: float = 0
    y: float = 0
    width: float = CARD_WIDTH
    height: float = CARD_HEIGHT

    def walk(self) -> Iterator[Box]:
        """This box and all in it, the outer ones first."""
        yield self
        for child in self.children:
            yield from child.walk()


def lay_out(plan: Plan) -> Box:
    """The box that holds the whole plan, with a place for everything in it.

    Providers are left out: everything would hang on them.
    """
    # In an order of its own: the engine's differs from one run to the next.
    shown = sorted(
        (one for one in plan.resources if not one.type.startswith("pulumi:providers:")),
        key=lambda one: one.urn,
    )
    boxes = {one.urn: Box(one) for one in shown}
    root = Box(None)
    above: dict[str, Box] = {}
    for one in shown:
        holder = boxes.get(one.parent, root)
        holder.children.append(boxes[one.urn])
        above[one.urn] = holder
    for one in shown:
        for other in one.depends_on:
            if other in boxes:
                _join(boxes[other], boxes[one.urn], above)
    _place(root)
    _move(root, 0, 0)
    return root


def _path(box: Box, above: Mapping[str, Box]) -> list[Box]:
    """The boxes around a box, from the outermost to itself."""
    found = [box]
    while found[-1].resource is not None:
        found.append(above[found[-1].resource.urn])
    return found[::-1]


def _join(first: Box, second: Box, above: Mapping[str, Box]) -> None:
    """Adds a line where the ways to two boxes part; none if one lies in the other."""
    one, other = _path(first, above), _path(second, above)
    depth = 0
    while depth < min(len(one), len(other)) and one[depth] is other[depth]:
        depth += 1
    if depth == min(len(one), len(other)):
        return
    holder = one[depth - 1]
    pair = (_index(holder, one[depth]), _index(holder, other[depth]))
    holder.lines[pair] = holder.lines.get(pair, 0) + 1


def _index(holder: Box, child: Box) -> int:
    return next(index for index, box in enumerate(holder.children) if box is child)


def _layers(box: Box) -> list[list[Box]]:
    """Children in columns: each stands right of everything that it waits for.

    Two boxes may wait for each other's contents; a line that would close a circle is ignored.
    """
    before: dict[int, list[int]] = {}
    for first, second in box.lines:
        before.setdefault(second, []).append(first)
    depth: dict[int, int] = {}
    entered: set[int] = set()

    def visit(child: int) -> int:
        if child not in depth:
            if child in entered:
                return -1
            entered.add(child)
            depth[child] = 1 + max((visit(other) for other in before.get(child, ())), default=-1)
        return depth[child]

    for child in range(len(box.children)):
        visit(child)
    columns: dict[int, list[Box]] = {}
    for child, layer in depth.items():
        columns.setdefault(layer, []).append(box.children[child])
    return [columns[layer] for layer in sorted(columns)]


def _place(box: Box) -> None:
    """Sizes a box, and places its children relative to it: columns in rows, like words in lines."""
    if not box.children:
        return
    for child in box.children:
        _place(child)
    columns = [column for layer in _layers(box) for column in _split(layer)]
    area = sum((child.width + _COLUMN) * (child.height + _ROW) for child in box.children)
    least = _FEWEST * (CARD_WIDTH + _COLUMN)
    widest = max(least, math.sqrt(area * _BREADTH), *(child.width for child in box.children))
    x: float = _MARGIN
    y: float = _TITLE
    right = bottom = 0.0
    for column in columns:
        width = max(child.width for child in column)
        if x > _MARGIN and x + width > widest:
            x, y = _MARGIN, bottom + _MARGIN
        below = y
        for child in column:
            child.x, child.y = x, below
            below += child.height + _ROW
        right, bottom = max(right, x + width), max(bottom, below - _ROW)
        x += width + _COLUMN
    box.width = max(right + _MARGIN, CARD_WIDTH)
    box.height = bottom + _MARGIN


def _split(layer: Sequence[Box]) -> Iterator[list[Box]]:
    column: list[Box] = []
    height: float = 0
    # Large boxes first, so that small cards fill what is left of a column.
    for child in sorted(layer, key=lambda one: -one.height):
        if column and height + child.height > _TALLEST:
            yield column
            column, height = [], 0
        column.append(child)
        height += child.height + _ROW
    if column:
        yield column


def _move(box: Box, x: float, y: float) -> None:
    """From places relative to the box around to places in the picture."""
    box.x, box.y = box.x + x, box.y + y
    for child in box.children:
        _move(child, box.x, box.y)
