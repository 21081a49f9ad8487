"""`python -m infra.operator.exporting`: hands out evidence, in the operator's pod and as it.

Who may run it is decided by the cluster: by whom it lets run commands in the operator's namespace.
So people need no login to the database of evidence and no right to sign, and nothing listens for
them. The answer is one JSON document on stdout; it changes nothing, neither here nor elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.errors import LabError
from infra.evidence import bundle
from infra.evidence.keys import PublicKey
from infra.evidence.store import Store
from infra.operator import configuration, contract
from infra.operator.configuration import Configuration, PostgresqlSettings
from infra.operator.stores import stored, vault_connection
from infra.secrets.client import Vault
from infra.secrets.signing import TransitSigner

#: Exit status of a refusal; its document says why.
REFUSED: Final = 3
#: Seconds to wait for Vault.
_PATIENCE: Final = 20.0


def main(words: Sequence[str] | None = None) -> int:
    """Prints what was asked for; the exit status."""
    given = _arguments().parse_args(words)
    # stdout is the document's alone.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    try:
        answer, status = _answer(given, configuration.read(given.configuration)), 0
    except LabError as error:
        answer, status = {"error": error.as_dict()}, REFUSED
    sys.stdout.write(json.dumps(answer) + "\n")
    return status


def _answer(given: argparse.Namespace, told: Configuration) -> dict[str, Any]:
    with closing(Vault(vault_connection(told), patience=_PATIENCE)) as vault:
        signer = TransitSigner(vault, mount=told.vault.transit)
        if given.command == "keys":
            return {"keys": _keys(signer.public_keys())}
        with _beside(told) as store:
            if given.command == "list":
                return {"logs": _logs(store)}
            now = datetime.now(UTC)
            content = bundle.export(store, signer, given.uid, at=now, known_heads=given.head)
        return {
            "bundle": base64.b64encode(content).decode(),
            "keys": _keys(signer.public_keys()),
        }


@contextmanager
def _beside(told: Configuration) -> Iterator[Store]:
    """The store, with a certificate of one's own where it needs one: the operator's stays."""
    if not isinstance(told.evidence, PostgresqlSettings):
        with stored(told, _said) as store:
            yield store
        return
    with tempfile.TemporaryDirectory(prefix="export-", dir=told.evidence.folder) as folder:
        own = told.evidence.model_copy(update={"folder": Path(folder)})
        with stored(told.model_copy(update={"evidence": own}), _said) as store:
            yield store


def _said(error: Exception) -> None:
    sys.stderr.write(f"{error}\n")


def _logs(store: Store) -> list[dict[str, Any]]:
    return [
        {
            "sandbox": one.subject.sandbox,
            "uid": one.subject.uid,
            "records": one.records,
            "head": one.head,
        }
        for one in store.logs()
    ]


def _keys(keys: Sequence[PublicKey]) -> list[dict[str, str]]:
    return [
        {"fingerprint": key.fingerprint, "pem": key.pem.decode(), "label": key.label}
        for key in keys
    ]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.operator.exporting",
        description="Hands out the evidence of sandboxes, as one JSON document.",
    )
    parser.add_argument(
        "--configuration",
        type=Path,
        default=contract.CONFIGURATION,
        help="what the operator is told of the lab (default: %(default)s)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every log: sandbox, uid, records, head")
    commands.add_parser("keys", help="the public keys that verify evidence, oldest first")
    export = commands.add_parser("export", help="a bundle (base64), and these keys")
    export.add_argument("uid", help="of the sandbox")
    export.add_argument(
        "--head", action="append", default=[], help="digest of a record that must be in the log"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
