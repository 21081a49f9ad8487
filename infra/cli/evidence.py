"""`lab evidence`: verify and show bundles. Needs no lab, no network and no credentials."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exit_codes import ExitCode
from infra.cli.options import Json, errors, output, print_json
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.evidence.faults import Fault
    from infra.evidence.keys import PublicKey
    from infra.evidence.verification import Trusted, Verdict

app = typer.Typer(
    help="Evidence of what happened to a sandbox: verify and read what a lab has exported.",
    no_args_is_help=True,
)

#: Faults of one kind that are shown to people.
_SHOWN = 10

Bundle = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="What a lab exported.")
]
Keys = Annotated[
    list[Path] | None,
    typer.Option(
        "--key", exists=True, dir_okay=False, help="A file with the lab's public keys (PEM)."
    ),
]
Fingerprints = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", help="SHA-256 of such a key, to be taken from the bundle."),
]
Heads = Annotated[
    list[str] | None,
    typer.Option("--head", help="Digest of a record that you know was in the log."),
]


@app.command("verify")
def verify(
    bundle: Bundle,
    *,
    key: Keys = None,
    fingerprint: Fingerprints = None,
    head: Heads = None,
    as_json: Json = False,
) -> None:
    """Check a bundle: signatures, chain, end of the log, certificate. Ends with 0 only if whole.

    Give what the lab has published of its evidence key, not what is in the bundle. Options may
    be repeated, for keys that were rotated.

    For example:

    - `./lab evidence verify alice.evidence.tar --key evidence.pem`
    - `./lab evidence verify alice.evidence.tar --fingerprint d87aac3e... --json`
    """
    from infra.evidence import verification

    verdict = verification.verify(bundle, _trusted(key or [], fingerprint or [], head or []))
    if as_json:
        print_json(document(verdict))
    elif verdict.ok:
        _say(verdict)
    else:
        _complain(verdict.faults)
    if not verdict.ok:
        raise typer.Exit(ExitCode.FAILED)


@app.command("show")
def show(bundle: Bundle, as_json: Json = False) -> None:
    """Show what a bundle says, without verifying any of it.

    For example:

    - `./lab evidence show alice.evidence.tar`
    - `./lab evidence show alice.evidence.tar --json | jq .records`
    """
    from infra.evidence import verification

    verdict = verification.verify(bundle, verification.Trusted())
    if as_json:
        print_json(content(verdict))
        return
    errors.print("Not verified: `./lab evidence verify` does that.")
    output.print(f"{verdict.subject or 'no sandbox'}", markup=False)
    for name in verdict.keys:
        output.print(f"key {name}", markup=False)
    for record in verdict.records:
        time = record.time.isoformat(timespec="seconds")
        line = f"{record.sequence:>5} {time} {record.event:<16} {record.actor.principal}"
        # Escaped, so that nothing in a bundle speaks to the terminal.
        details = json.dumps(record.details, sort_keys=True) if record.details else ""
        output.print(f"{line} {details}".rstrip(), markup=False)
    if verdict.certificate is not None:
        deletion = verdict.certificate.predicate
        output.print(f"deletion certificate of {deletion.issued_at.isoformat()}; its limits:")
        for limit in deletion.limits:
            output.print(f"  {limit.id}: {json.dumps(limit.text)}", markup=False)


def document(verdict: Verdict) -> dict[str, Any]:
    """What `verify --json` prints. Keys are only ever added."""
    manifest = verdict.manifest
    return {
        "ok": verdict.ok,
        "sandbox": verdict.subject.model_dump() if verdict.subject else None,
        "exported_at": manifest.model_dump(mode="json")["exported_at"] if manifest else None,
        "records": len(verdict.links),
        "head": manifest.records.head if manifest else None,
        "certified": verdict.certificate is not None,
        "keys": list(verdict.keys),
        "faults": [fault.as_dict() for fault in verdict.faults],
        "notes": verdict.notes,
    }


def content(verdict: Verdict) -> dict[str, Any]:
    """What `show --json` prints. Keys are only ever added."""
    certificate = verdict.certificate
    return {
        "verified": False,
        "manifest": verdict.manifest.model_dump(mode="json") if verdict.manifest else None,
        "records": [record.model_dump(mode="json") for record in verdict.records],
        "certificate": certificate.model_dump(mode="json", by_alias=True) if certificate else None,
        "keys": list(verdict.keys),
    }


def _say(verdict: Verdict) -> None:
    records = verdict.records
    output.print(
        f"whole: {len(records)} records of {verdict.subject}, "
        f"{records[0].time.isoformat(timespec='seconds')} to "
        f"{records[-1].time.isoformat(timespec='seconds')}",
        markup=False,
    )
    if verdict.manifest is not None:
        output.print(f"head: {verdict.manifest.records.head}", markup=False)
    if verdict.certificate is not None:
        deletion = verdict.certificate.predicate
        output.print(
            f"deletion certificate of {deletion.issued_at.isoformat(timespec='seconds')}: says "
            f"what the log says, within {len(deletion.limits)} limits (`lab evidence show`)",
            markup=False,
        )
    for note in verdict.notes:
        output.print(f"note: {note}", markup=False)


def _complain(faults: list[Fault]) -> None:
    by_kind = defaultdict(list)
    for fault in faults:
        by_kind[fault.kind].append(fault)
    for found in by_kind.values():
        for fault in found[:_SHOWN]:
            output.print(str(fault), markup=False)
        if len(found) > _SHOWN:
            output.print(f"{found[0].kind}: and {len(found) - _SHOWN} more (--json has all)")
    output.print(f"NOT whole: {len(faults)} faults. Do not rely on it.")


def _trusted(files: list[Path], fingerprints: list[str], heads: list[str]) -> Trusted:
    """What the verifier trusts.

    Raises:
        BadUsage: nothing, or something that is no digest.
        EvidenceKeyInvalid: a file without a usable public key.
    """
    from infra.evidence import keys as public
    from infra.evidence.verification import Trusted

    if not files and not fingerprints:
        raise BadUsage(
            "a bundle cannot vouch for itself: no key is trusted.",
            next_step="give --key or --fingerprint, as the lab has published it.",
        )
    # OpenSSL writes fingerprints with colons and capitals.
    given = {text: text.replace(":", "").lower() for text in [*fingerprints, *heads]}
    for text, plain in given.items():
        if not public.is_fingerprint(plain):
            raise BadUsage(
                f"{text!a} is not 64 hexadecimal digits.",
                next_step="copy all of it; the lab gives SHA-256.",
            )
    found: list[PublicKey] = []
    for file in files:
        with file.open("rb") as stream:
            found += public.read(stream.read(public.LARGEST_FILE + 1), label=str(file))
    return Trusted(
        keys=tuple(found),
        fingerprints=frozenset(given[text] for text in fingerprints),
        heads=tuple(given[text] for text in heads),
    )
