"""`lab cost`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, output, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from infra.costs.estimate import Estimate, Line


def register(app: typer.Typer) -> None:
    app.command("cost")(cost)


def cost(
    stack: Annotated[str, typer.Argument(help="Which lab: a file of stacks/config.")] = "local",
    prices: Annotated[
        list[Path] | None,
        typer.Option("--prices", help="A price table of your own; it comes first."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a lab would cost in a month, as far as price tables say, from what it would make.

    Each figure says where it is from. What has no price is shown as such and is in no total.

    For example:

    - `./lab cost aws`
    - `./lab cost aws --prices our-contract.yaml --json`
    """
    from infra import costs
    from infra.cli.screen import Screen

    with Screen() as screen:
        estimate = costs.of_stack(stack, screen.event, own=prices or [])
    if as_json:
        print_json(_document(stack, estimate))
        return
    output.print(_table(estimate))


def _document(stack: str, estimate: Estimate) -> dict[str, Any]:
    from infra.costs.estimate import NEVER_COVERED

    return {
        "stack": stack,
        "lines": [_line(line) for line in estimate.lines],
        "totals": {
            currency: {basis: str(amount) for basis, amount in by_basis.items()}
            for currency, by_basis in estimate.totals.items()
        },
        "lines_without_price": estimate.without_price,
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


def _table(estimate: Estimate) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from infra.costs.estimate import NEVER_COVERED

    table = Table(box=None, pad_edge=False)
    for column in ("what", "quantity", "unit price", "month", "how the price is known"):
        table.add_column(column, overflow="fold")
    for line in estimate.lines:
        if line.price is None:
            quantity = "" if line.quantity is None else f"{line.quantity} {line.unit}s"
            table.add_row(f"{line.what} (x{line.resources})", quantity, "no price", "no price", "")
            continue
        table.add_row(
            f"{line.what} (x{line.resources})",
            f"{line.quantity} {line.unit}s",
            f"{line.price.price} {line.currency}",
            f"{line.month} {line.currency}",
            f"{line.price.basis} {line.price.date}, {line.price.source}",
        )
    totals = [
        f"Total of what was {basis}: {amount} {currency} a month"
        for currency, by_basis in estimate.totals.items()
        for basis, amount in sorted(by_basis.items())
    ]
    totals.append(f"{estimate.without_price} lines have no price and are in no total.")
    missing = [f"  {text}" for text in NEVER_COVERED]
    missing += [f"  by use: {kind} (x{count})" for kind, count in estimate.by_use.items()]
    return Group(table, Text("\n".join([*totals, "What is not covered:", *missing]), no_wrap=False))
