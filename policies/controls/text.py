"""The matrix as Markdown and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from policies.controls.catalogue import Catalogue
from policies.controls.matrix import ABOUT, MEANING, TITLE, Matrix, count
from policies.controls.standing import Standing, State

_COLUMNS: Final = ("control", "wanted", "stands", "served by", "why")
_STYLE: Final = """
body { font: 1rem/1.5 sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color: #111; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
caption { text-align: left; font-weight: bold; padding: .5rem 0 }
th, td { border: 1px solid #767676; padding: .4rem .6rem; text-align: left; vertical-align: top }
thead th { background: #eee }
th[scope=row] { white-space: nowrap }
.mark { font-style: italic }
.not { font-weight: bold }
""".strip()


def markdown(matrix: Matrix) -> str:
    """One page."""
    lines = [f"# {TITLE}", "", ABOUT, "", f"Results are of {matrix.time}.", ""]
    lines += ["| stands | meaning | controls |", "|---|---|---:|"]
    lines += [f"| {state} | {MEANING[state]} | {n} |" for state, n in matrix.counts().items()]
    for catalogue, rows in matrix.by_catalogue():
        lines += ["", f"## {catalogue.title}", "", f"Version {catalogue.version}: {_counts(rows)}."]
        lines += ["", *(f"- {note}" for note in catalogue.notes), ""]
        lines += [f"| {' | '.join(_COLUMNS)} |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(map(_cell, _row(row)))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _row(row: Standing) -> tuple[str, ...]:
    marks = "".join(f" ({mark})" for mark in _marks(row))
    return (
        row.control.id,
        row.control.duty + marks,
        str(row.state),
        ", ".join(_servers(row)),
        "; ".join(row.because),
    )


def _marks(row: Standing) -> Iterable[str]:
    if row.control.level:
        yield row.control.level
    yield from row.control.marks


def _servers(row: Standing) -> Iterable[str]:
    return (f"{one.by} {one.id}" for one in row.servers)


def _counts(rows: Sequence[Standing]) -> str:
    return ", ".join(f"{n} {state}" for state, n in count(rows).items())


def html(matrix: Matrix) -> str:
    """One page that needs nothing else and runs nothing."""
    body = [
        f"<h1>{escape(TITLE)}</h1>",
        f"<p>{escape(ABOUT)}</p>",
        f'<p>Results are of <time datetime="{matrix.time}">{matrix.time}</time>.</p>',
        _table(
            "All controls by where they stand",
            ("stands", "meaning", "controls"),
            ((str(state), MEANING[state], str(n)) for state, n in matrix.counts().items()),
        ),
        '<nav aria-label="Catalogues"><ul>',
        *(
            f'<li><a href="#{one.id}">{escape(one.title)}</a>: {escape(_counts(rows))}</li>'
            for one, rows in matrix.by_catalogue()
        ),
        "</ul></nav>",
        *(_section(one, rows) for one, rows in matrix.by_catalogue()),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(TITLE)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _section(one: Catalogue, rows: Sequence[Standing]) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in one.notes)
    return "\n".join(
        [
            f'<section aria-labelledby="{one.id}">',
            f'<h2 id="{one.id}">{escape(one.title)}</h2>',
            f"<p>Version {escape(one.version)}.</p>",
            f"<ul>{notes}</ul>",
            "<table>",
            f"<caption>{escape(one.title)}: {escape(_counts(rows))}</caption>",
            _head(_COLUMNS),
            "<tbody>",
            *map(_html_row, rows),
            "</tbody>",
            "</table>",
            "</section>",
        ]
    )


def _html_row(row: Standing) -> str:
    marks = "".join(f' <span class="mark">({escape(mark)})</span>' for mark in _marks(row))
    kind = ' class="not"' if row.state is State.NOT_SATISFIED else ""
    return (
        f'<tr id="{escape(row.control.id)}"><th scope="row">{escape(row.control.id)}</th>'
        f"<td>{escape(row.control.duty)}{marks}</td><td{kind}>{escape(row.state)}</td>"
        f"<td>{_list(_servers(row))}</td><td>{_list(row.because)}</td></tr>"
    )


def _list(texts: Iterable[str]) -> str:
    return "<br>".join(map(escape, texts))


def _head(columns: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    return f"<thead><tr>{cells}</tr></thead>"


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["<table>", f"<caption>{escape(caption)}</caption>", _head(columns), "<tbody>"]
    for first, *rest in rows:
        cells = "".join(f"<td>{escape(one)}</td>" for one in rest)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody>", "</table>"])
