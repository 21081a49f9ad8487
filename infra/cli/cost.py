"""`lab cost`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, Stack, output, print_json
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.costs.estimate import Estimate, Line
    from infra.costs.tables import Basis

_HOW: dict[Basis, str] = {
    "read": "read",
    "catalogue": "read in a catalogue",
    "reported": "reported",
    "recalled": "recalled",
}


def register(app: typer.Typer) -> None:
    app.command("cost")(cost)


def cost(
    name: Annotated[
        str | None, typer.Argument(metavar="[STACK]", help="The same as --stack.")
    ] = None,
    *,
    stack: Stack = "local",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="A configuration file that may lie anywhere."),
    ] = None,
    prices: Annotated[
        list[Path] | None,
        typer.Option("--prices", help="A price table of your own; it comes first."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a lab would cost in a month, as far as price tables say, from what it would make.

    Each figure says where it is from. What has no price is named and is in no total; a total is
    then the least that a month costs.

    For example:

    - `./lab cost aws`
    - `./lab cost --file examples/valid/aws-least.yaml`
    - `./lab cost aws --prices our-contract.yaml --json`
    """
    from infra import costs
    from infra.cli.screen import Screen

    if file is not None and name is not None:
        raise BadUsage("--file goes with no STACK.", next_step="`./lab cost --help`")
    target: str | Path = file or name or stack
    with Screen() as screen:
        estimate = costs.of(target, screen, own=prices or [])
    if as_json:
        print_json(_document(str(target), estimate))
        return
    output.print(_text(estimate), markup=False)


def _document(target: str, estimate: Estimate) -> dict[str, Any]:
    from infra.costs.estimate import NEVER_COVERED

    return {
        "of": target,
        "lines": [_line(line) for line in estimate.lines],
        "totals": {
            currency: {basis: str(amount) for basis, amount in by_basis.items()}
            for currency, by_basis in estimate.totals.items()
        },
        "lower_bound": estimate.lower_bound,
        "lines_without_price": len(estimate.without_price),
        "without_price": estimate.without_price,
        "without_table": list(estimate.without_table),
        "paid_by_use": dict(estimate.by_use),
        "not_covered": list(NEVER_COVERED),
    }


def _line(line: Line) -> dict[str, Any]:
    price = line.price
    return {
        "what": line.what,
        "region": line.region,
        "resources": line.resources,
        "quantity": None if line.quantity is None else str(line.quantity),
        "unit": line.unit or None,
        "unit_price": None if price is None else str(price.price),
        "currency": line.currency or None,
        "month": None if line.month is None else str(line.month),
        "basis": None if price is None else price.basis,
        "date": None if price is None else price.date.isoformat(),
        "source": None if price is None else price.source,
    }


def _text(estimate: Estimate) -> str:
    """One line a position, totals by how the prices are known, and what is left out."""
    from infra.costs.estimate import NEVER_COVERED

    lines = [f"{'what':<52} {'quantity':>17} {'unit price':>12} {'a month':>12}  price known by"]
    lines += [_row(line) for line in estimate.lines]
    least = "at least " if estimate.lower_bound else ""
    lines += [
        f"Total of what was {_HOW[basis]}: {least}{amount} {currency} a month"
        for currency, by_basis in estimate.totals.items()
        for basis, amount in sorted(by_basis.items())
    ]
    lines += [f"There is no price table for {place}." for place in estimate.without_table]
    if missing := estimate.without_price:
        lines.append(f"{len(missing)} lines have no price and are in no total:")
        lines += [f"  {what}" for what in missing]
    lines += ["What is not covered:", *(f"  {text}" for text in NEVER_COVERED)]
    lines += [f"  by use: {kind} (x{count})" for kind, count in estimate.by_use.items()]
    return "\n".join(lines)


def _row(line: Line) -> str:
    what = f"{line.what} (x{line.resources})"
    quantity = "" if line.quantity is None else f"{line.quantity} {line.unit}s"
    if line.price is None:
        return f"{what:<52} {quantity:>17} {'no price':>12} {'no price':>12}"
    price, month = f"{line.price.price} {line.currency}", f"{line.month} {line.currency}"
    known = f"{line.price.basis} {line.price.date}, {line.price.source}"
    return f"{what:<52} {quantity:>17} {price:>12} {month:>12}  {known}"
