"""`lab policies`: list, explain, matrix."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, output, print_json
from infra.errors import BadUsage

if TYPE_CHECKING:
    from policies.controls.matrix import Matrix
    from policies.controls.standing import Evidence

app = typer.Typer(
    help="Rules of the lab: what holds, why, where it is enforced, and for which controls.",
    no_args_is_help=True,
)


class Format(StrEnum):
    """How the matrix is written."""

    MARKDOWN = "markdown"
    HTML = "html"
    OSCAL = "oscal"


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List every rule: how bad it is when it is broken, and where it is enforced.

    For example:

    - `./lab policies list --json`
    """
    from policies import explain, registry

    rules = registry.all_rules().values()
    if as_json:
        print_json([explain.summary(rule) for rule in rules])
        return
    for rule in rules:
        places = ",".join(place.value for place in rule.places)
        output.print(f"{rule.id:<40} {rule.severity:<9} {places:<24} {rule.title}", markup=False)


@app.command("explain")
def explain_(
    rule: Annotated[str, typer.Argument(help="The rule's id.")], as_json: Json = False
) -> None:
    """Say everything of one rule: reason, places, controls, code, an example of each kind.

    For example:

    - `./lab policies explain no-host-access`
    """
    from infra.cluster.policies import unknown
    from policies import explain, registry

    rules = registry.all_rules()
    if rule not in rules:
        raise unknown(rule)
    if as_json:
        print_json(explain.document(rules[rule]))
    else:
        output.print(explain.text(rules[rule]), markup=False)


@app.command("matrix")
def matrix(
    *,
    folder: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write; made if it is not there.")
    ],
    formats: Annotated[
        list[Format] | None, typer.Option("--format", help="May be repeated; none means all.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="What `lab verify --json` printed.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", help="What `lab policies audit --json` printed.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="When that was (UTC); default: when the files were written."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write what laws and standards want, what serves it, and whether it held.

    Without results nothing is called satisfied. The same input gives the same bytes.

    For example:

    - `./lab policies matrix --format html --output controls`
    - `./lab verify --json >verify.json; ./lab policies matrix --verify verify.json -o controls`
    """
    from policies.controls import matrix as controls
    from policies.controls.code import existing

    files = [file for file in (verify, audit) if file is not None]
    time = at.replace(tzinfo=UTC) if at else _written(files)
    made = controls.make(existing(), _evidence(verify, audit), time or controls.UNDATED)
    written = _write(made, formats or list(Format), folder)
    counts = {str(state): number for state, number in made.counts().items()}
    if as_json:
        print_json({"at": made.time, "counts": counts, "files": [str(file) for file in written]})
        return
    for file in written:
        output.print(str(file), markup=False)
    output.print(", ".join(f"{number} {state}" for state, number in counts.items()))


def _evidence(verify: Path | None, audit: Path | None) -> Evidence:
    from policies.controls.standing import Evidence, of_audit, of_verify

    return Evidence(
        rules=_read(audit, lambda document: of_audit(document["outcomes"])),
        checks=_read(verify, of_verify),
    )


def _read(file: Path | None, meaning: Any) -> Any:
    if file is None:
        return {}
    try:
        return meaning(json.loads(file.read_text()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadUsage(
            f"{file} has no results that can be read ({error}).",
            next_step="give what `./lab verify --json` or `./lab policies audit --json` printed.",
        ) from error


def _written(files: list[Path]) -> datetime | None:
    times = [file.stat().st_mtime for file in files]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _write(made: Matrix, formats: list[Format], folder: Path) -> list[Path]:
    from policies.controls import oscal, text

    pages: dict[str, str] = {}
    if Format.MARKDOWN in formats:
        pages["controls.md"] = text.markdown(made)
    if Format.HTML in formats:
        pages["controls.html"] = text.html(made)
    if Format.OSCAL in formats:
        documents = oscal.documents(made)
        pages |= {f"oscal/{name}": oscal.text(one) for name, one in documents.items()}
    for name, content in pages.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return [folder / name for name in pages]
