"""How a lab looks on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def lab(document: dict[str, Any]) -> RenderableType:
    """The document of `lab status --json` as tables."""
    if not document["machines"]:
        return Text(f"Lab {document['lab']} is not up. Next: ./lab up")
    parts: list[RenderableType] = [_machines(document), _endpoints(document)]
    if document["sandboxes"]:
        parts.append(_sandboxes(document))
    if document["not_applied"]:
        parts.append(Text("Not applied on this host (never counted as passed):", style="yellow"))
        parts += [Text(f"  {line}") for line in _not_applied(document["not_applied"])]
    return Group(*parts)


def _not_applied(entries: dict[str, str]) -> list[str]:
    """One line for what does not apply for the same reason, with the places that it is about."""
    places: dict[tuple[str, str], list[str]] = {}
    for where, why in entries.items():
        host, _, what = where.partition("/")
        places.setdefault((what, why), []).append(host)
    return [f"{what} ({', '.join(hosts)}): {why}" for (what, why), hosts in places.items()]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _machines(document: dict[str, Any]) -> Table:
    table = _table(f"Lab {document['lab']}", "machine", "role", "address", "state", "memory")
    for machine in document["machines"]:
        memory = f"{machine['memory_bytes'] / 2**20:.0f} MiB"
        table.add_row(
            machine["name"], machine["role"], machine["address"], machine["state"], memory
        )
    return table


def _endpoints(document: dict[str, Any]) -> Table:
    table = _table("Endpoints", "service", "url", "answers")
    for endpoint in document["endpoints"]:
        table.add_row(endpoint["name"], endpoint["url"], "yes" if endpoint["answers"] else "no")
    return table


def _sandboxes(document: dict[str, Any]) -> Table:
    table = _table("Sandboxes", "sandbox", "namespace", "classification", "principal", "deployed")
    for box in document["sandboxes"]:
        table.add_row(
            box["name"],
            box["namespace"],
            box["classification"],
            box["principal"],
            "yes" if box["deployed"] else "no",
        )
    return table


def next_steps(document: dict[str, Any], *, seconds: float, changed: int) -> RenderableType:
    """What to do with a lab that is up."""
    suffix = "" if document["stack"] == "local" else f" --stack {document['stack']}"
    return Text(
        f"Up in {seconds:.0f} s, {changed} changes. What to do next:\n"
        f"  ./lab verify{suffix}                           prove that every protection works\n"
        f"  $(./lab machines ssh-command worker{suffix})   look around in a machine\n"
        f'  eval "$(./lab env{suffix})"                    kubectl, vault, plain pulumi\n'
        f"  ./lab destroy --yes{suffix}                    remove everything"
    )
