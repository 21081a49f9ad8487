"""Draws a laid out plan as SVG: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from infra.engine.events import UNCHANGED
from infra.engine.plan import Plan, Planned
from infra.graph.boxes import Box, lay_out

_HEAD = 44
_EDGE = 16
#: Fill of a card by the first word of its type; the last one is for all others.
_COLOURS = {
    "aws": "#fff1dc",
    "azure-native": "#e2eefc",
    "kubernetes": "#e8e9fb",
    "ailab": "#e6f4e8",
    "": "#f2f2f2",
}
#: Edge of a card by what would be done.
_OPERATIONS = {"create": "#2e7d32", "update": "#b26a00", "replace": "#b00020", "delete": "#b00020"}
_STYLE = """
text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #222 }
.kind { font-size: 9px; fill: #555 }
.title { font-weight: 600 }
.component { fill: #fff; fill-opacity: .6; stroke: #999 }
.line { fill: none; stroke: #667; stroke-width: 1.2; opacity: .45 }
.line:hover { stroke: #b00020; stroke-width: 2.5; opacity: 1 }
.kept { stroke-width: 2.5 }
"""


def draw(plan: Plan) -> str:
    """The plan as the text of an SVG file. The same plan gives the same text."""
    root = lay_out(plan)
    width, height = root.width + 2 * _EDGE, root.height + _HEAD + _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        *_legend(plan),
        f'<g transform="translate({_EDGE} {_HEAD})">',
        # From the outside in, so that no line runs over what it does not concern.
        *(part for box in root.walk() for part in (*_box(box), *_lines(box))),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(plan: Plan) -> Iterator[str]:
    counts = ", ".join(f"{count} {operation}" for operation, count in plan.changes.items())
    x = _EDGE
    yield f'<text class="title" x="{x}" y="18">{len(plan.resources)} resources: {counts}</text>'
    for kind, colour in _COLOURS.items():
        yield f'<rect x="{x}" y="26" width="11" height="11" fill="{colour}" stroke="#999"/>'
        yield f'<text x="{x + 16}" y="36">{kind or "others"}</text>'
        x += 100
    yield f'<text x="{x}" y="36">thick edge: protected; made first on the left</text>'


def _box(box: Box) -> Iterator[str]:
    one = box.resource
    if one is None:
        return
    place = f'x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}"'
    kind, room = one.type.rpartition(":")[2], int(box.width / 6.4)
    yield f"<g><title>{escape(_told(one))}</title>"
    if box.children:
        yield f'<rect class="component" {place} rx="6"/>'
        text = _short(f"{kind} {one.name}", room)
        yield f'<text class="title" x="{box.x + 8:.0f}" y="{box.y + 16:.0f}">{text}</text></g>'
        return
    colour = _COLOURS.get(one.type.split(":")[0], _COLOURS[""])
    edge = "#bbb" if one.operation in UNCHANGED else _OPERATIONS.get(one.operation, "#666")
    kept = ' class="kept"' if one.protect or one.retained else ""
    yield f'<rect{kept} {place} rx="4" fill={quoteattr(colour)} stroke={quoteattr(edge)}/>'
    yield f'<text class="kind" x="{box.x + 7:.0f}" y="{box.y + 13:.0f}">{_short(kind, room)}</text>'
    name = _short(one.name, room)
    yield f'<text x="{box.x + 7:.0f}" y="{box.y + 27:.0f}">{name}</text></g>'


def _told(one: Planned) -> str:
    """What a pointer over the card shows."""
    lines = [f"{one.operation} {one.type} {one.name}"]
    if one.protect:
        lines.append("protected: cannot be deleted")
    if one.retained:
        lines.append("stays when it leaves the program")
    lines += [f"waits for {urn.rpartition('::')[2]}" for urn in one.depends_on]
    return "\n".join(lines)


def _lines(box: Box) -> Iterator[str]:
    for (first, second), count in sorted(box.lines.items()):
        one, other = box.children[first], box.children[second]
        x1, y1 = one.x + one.width, one.y + min(one.height, 34) / 2
        x2, y2 = other.x, other.y + min(other.height, 34) / 2
        bend = max(abs(x2 - x1) / 2, 18)
        names = [child.resource.name for child in (one, other) if child.resource]
        told = escape(f"{names[1]} waits for {names[0]} ({count})")
        yield (
            f'<path class="line" marker-end="url(#to)" d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} '
            f'{y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"><title>{told}</title></path>'
        )


def _short(text: str, room: int) -> str:
    """The text as far as it has room; of a long name the end says more than the beginning."""
    return escape(text if len(text) <= room else f"…{text[1 - room :]}")
