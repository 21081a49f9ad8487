"""`lab sandbox evidence` and `lab evidence key`: what an administrator hands to auditors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, Stack, errors, output, print_json
from infra.cli.sandbox_session import As, AsGroup, Kubeconfig, Session, session_of
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.sandbox.evidence import Desk, Exported, Log

_COLUMNS = ("sandbox", "uid", "records", "head")


def register(sandboxes: typer.Typer, evidence: typer.Typer) -> None:
    sandboxes.command("evidence")(evidence_)
    evidence.command("key")(key)


def evidence_(
    sandbox: Annotated[
        str | None, typer.Argument(help="Name or uid of a sandbox; it may be long gone.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to; default: NAME.evidence.tar.", dir_okay=False
        ),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="Digest of a record that you know was in the log."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only say what there is.")] = False,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Export everything that was recorded of a sandbox, as one signed file for an auditor.

    For administrators of the cluster. The file is verified at once; whoever gets it verifies it
    again, without the lab: `./lab evidence verify`.

    For example:

    - `./lab sandbox evidence bias-audit`
    - `./lab sandbox evidence --list`
    """
    from infra.sandbox import evidence

    with session_of(stack, kubeconfig, user, groups) as session:
        desk = _desk(session)
        if list_:
            _list(desk.logs(), as_json=as_json)
            return
        if sandbox is None:
            raise BadUsage(
                "no sandbox is named.", next_step="`./lab sandbox evidence --list` shows all."
            )
        # What the cluster says of the log is read before the log, which only grows.
        alive = session.client.all()
        log = evidence.chosen(sandbox, alive, desk.logs())
        where = file or evidence.default_file(log)
        if where.exists():
            raise evidence.in_the_way(where)
        known = list(dict.fromkeys([*evidence.heads(log, alive), *_digests(head or [])]))
        found = desk.export(log.uid, known)
    evidence.write(found.content, where)
    _tell(found, where, as_json=as_json)


def key(
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Print the public keys that verify a lab's evidence (PEM), and their fingerprints.

    For administrators of the cluster. Publish the fingerprints where auditors find them, and not
    with a bundle: whoever forged one would forge them as well.

    For example:

    - `./lab evidence key > evidence.pem`
    - `./lab evidence key --json`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        found = _desk(session).keys()
    if as_json:
        keys = [
            {"fingerprint": one.fingerprint, "pem": one.pem.decode(), "label": one.label}
            for one in found
        ]
        print_json({"keys": keys})
        return
    for one in found:
        errors.print(f"fingerprint {one.fingerprint} ({one.label})", markup=False)
        output.print(one.pem.decode(), end="", markup=False)


def _desk(session: Session) -> Desk:
    from infra import toolchain
    from infra.sandbox.evidence import Desk

    return Desk(session.client.api, toolchain.binary("kubernetes"), session.kubectl)


def _list(logs: list[Log], *, as_json: bool) -> None:
    from rich.table import Table

    documents = [{name: getattr(log, name) for name in _COLUMNS} for log in logs]
    if as_json:
        print_json(documents)
        return
    if not logs:
        output.print("Nothing is recorded yet.")
        return
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for one in documents:
        # Escaped, so that nothing in a store speaks to the terminal.
        table.add_row(*(ascii(one[name]).strip("'") for name in _COLUMNS))
    output.print(table)


def _digests(texts: list[str]) -> list[str]:
    from infra.evidence import keys

    for text in texts:
        if not keys.is_fingerprint(text):
            raise BadUsage(
                f"{text!a} is not 64 hexadecimal digits.",
                next_step="copy all of it, as `./lab evidence verify` printed it.",
            )
    return texts


def _tell(found: Exported, where: Path, *, as_json: bool) -> None:
    """What was exported, and whether it is whole.

    Raises:
        EvidenceInvalid: it is not; the file is there all the same, since it shows what was done.
    """
    from infra.cli.evidence import document
    from infra.errors import EvidenceInvalid
    from infra.evidence.verification import Trusted, verify_content

    verdict = verify_content(found.content, Trusted(keys=found.keys))
    if not verdict.ok:
        faults = "; ".join(str(fault) for fault in verdict.faults[:3])
        raise EvidenceInvalid(
            f"{where} was written, and does not verify: {faults}.",
            next_step="somebody has changed the store of evidence: keep the file, look at all "
            f"faults with `./lab evidence verify {where}`, and tell a security officer.",
        )
    fingerprints = list(verdict.keys)
    if as_json:
        more: dict[str, Any] = {"bundle": str(where), "fingerprints": fingerprints}
        print_json({**document(verdict), **more})
        return
    output.print(f"{where}: {len(verdict.links)} records of {verdict.subject}", markup=False)
    if verdict.manifest is not None:
        output.print(f"head: {verdict.manifest.records.head}", markup=False)
    for note in verdict.notes:
        output.print(f"note: {note}", markup=False)
    options = " ".join(f"--fingerprint {name}" for name in fingerprints)
    errors.print(f"Next: whoever gets it runs `./lab evidence verify {where.name} {options}`,")
    errors.print("with the fingerprint that you have published (`./lab evidence key`).")
