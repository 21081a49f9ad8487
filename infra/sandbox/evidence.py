"""Fetches evidence from the operator, which alone reads the store and has bundles signed.

A command is run in the operator's pod (`infra.operator.exporting`) with kubectl, as whoever asks:
the cluster decides who may, and nobody needs a login to the database.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import naming
from infra.errors import (
    EvidenceForbidden,
    EvidenceInvalid,
    EvidenceNotFound,
    EvidenceNotHandedOut,
    FileInTheWay,
    LabError,
    tree,
)
from infra.evidence import keys as public
from infra.evidence.keys import PublicKey
from infra.kubernetes.client import Api
from infra.sandbox.resource import Sandbox

#: Seconds that the operator may take.
PATIENCE = 300
_MODULE = "infra.operator.exporting"
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What a sandbox can be called; a store that somebody has changed may say anything.
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Log:
    """One sandbox's log in the store; `head` is the digest of its last record."""

    sandbox: str
    uid: str
    records: int
    head: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle as it is written to a file, and the public keys that Vault shows."""

    content: bytes
    keys: tuple[PublicKey, ...]


class Desk:
    """The operator, as far as it hands out evidence."""

    def __init__(self, api: Api, kubectl: Path, login: Sequence[str]) -> None:
        """`login` are kubectl's options by which it is the same person as `api`."""
        self._api = api
        self._kubectl = kubectl
        self._login = tuple(login)

    def logs(self) -> list[Log]:
        """Every log, also of sandboxes that are long gone. Raises as `export` does."""
        return [
            Log(one["sandbox"], one["uid"], one["records"], one["head"])
            for one in self._ask("list")["logs"]
        ]

    def keys(self) -> tuple[PublicKey, ...]:
        """The public keys that verify evidence, oldest first. Raises as `export` does."""
        return _keys(self._ask("keys"))

    def export(self, uid: str, heads: Iterable[str] = ()) -> Exported:
        """One sandbox's bundle; `heads` are digests of records that must be in its log.

        Raises:
            EvidenceForbidden: the cluster does not let this user.
            EvidenceNotHandedOut: no operator runs, or what it says is no answer.
            LabError: what the operator's Vault or store says.
        """
        words = [word for head in heads for word in ("--head", head)]
        answer = self._ask("export", *words, "--", uid)
        try:
            content = base64.b64decode(answer["bundle"], validate=True)
        except binascii.Error as error:
            raise _silent("what it sent is not a bundle") from error
        return Exported(content, _keys(answer))

    def _ask(self, *words: str) -> dict[str, Any]:
        self._require_right()
        done = self._run(words)
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            said = " ".join(done.stderr.decode(errors="replace").split())[-500:]
            raise _silent(said or f"it ended with {done.returncode}") from error
        if not isinstance(answer, dict):
            raise _silent("what it sent is not a document")
        if "error" in answer:
            raise _error(answer["error"])
        return answer

    def _require_right(self) -> None:
        """Asked first, so that who may not is told so in the words of a lab."""
        attributes = {
            "namespace": naming.OPERATOR_NAMESPACE,
            "verb": "create",
            "resource": "pods",
            "subresource": "exec",
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._api.request("POST", _REVIEW, body=body)
        if not answer.ok:
            raise answer.refused("whether evidence may be read")
        if not answer.body["status"].get("allowed"):
            raise EvidenceForbidden(
                "only an administrator of the cluster exports evidence, which is of all sandboxes.",
                next_step="ask one to run it, and verify the bundle that you are given: "
                "`./lab evidence verify BUNDLE --fingerprint ...`.",
            )

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        with tempfile.TemporaryDirectory(prefix="lab-evidence-") as folder:
            # One binary is all of Kubernetes; the name that it is started under chooses.
            program = Path(folder, "kubectl")
            program.symlink_to(self._kubectl)
            command = [str(program), *self._login, "exec", "--namespace", naming.OPERATOR_NAMESPACE]
            command += [f"deployment/{naming.OPERATOR}", "--container", naming.OPERATOR]
            command += ["--pod-running-timeout=10s", "--", "python3", "-m", _MODULE, *words]
            try:
                return subprocess.run(
                    command,
                    env={"PATH": os.environ.get("PATH", ""), "HOME": folder},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise _silent(f"it did not answer within {PATIENCE} seconds") from error


def chosen(what: str, alive: Iterable[Sandbox], logs: Iterable[Log]) -> Log:
    """The log of a sandbox's name or uid; of several of one name that of the one that is there.

    Raises:
        EvidenceNotFound: there is none, or there are several.
    """
    found = [log for log in logs if what in (log.uid, log.sandbox)]
    there = {one.uid for one in alive if one.name == what}
    present = [log for log in found if log.uid in there]
    if there and not present and not _UID.fullmatch(what):
        raise EvidenceNotFound(
            f"nothing is recorded of the sandbox {what} that is there now.",
            next_step="try again in a moment; `./lab sandbox evidence --list` shows earlier ones.",
        )
    match present or found:
        case [one]:
            return one
        case []:
            raise EvidenceNotFound(
                f"there is no evidence of a sandbox {what}.",
                next_step="`./lab sandbox evidence --list` shows all that there is.",
            )
        case several:
            uids = ", ".join(one.uid for one in several)
            raise EvidenceNotFound(
                f"{len(several)} sandboxes were called {what}.",
                next_step=f"name one by its uid: {uids}.",
            )


def heads(log: Log, alive: Iterable[Sandbox]) -> list[str]:
    """What the cluster knows of the log: its status names a record that must be in it."""
    return [
        one.status.evidence_head
        for one in alive
        if one.uid == log.uid and one.status.evidence_head is not None
    ]


def default_file(log: Log) -> Path:
    """In the current folder, and named after the sandbox.

    Raises:
        EvidenceInvalid: the store says that it is called what no sandbox can be.
    """
    if not _NAME.fullmatch(log.sandbox):
        raise EvidenceInvalid(
            f"the store has a log of {log.sandbox!a}, which is no name of a sandbox.",
            next_step="somebody has changed the store; name a file with --output to see more.",
        )
    return Path(f"{log.sandbox}.evidence.tar")


def write(content: bytes, file: Path) -> None:
    """Writes a bundle with mode 0600, all of it or nothing.

    Raises:
        FileInTheWay: something is there already.
        OSError: it cannot be written.
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # Unlike a rename, a link never takes the place of what is there.
        file.hardlink_to(new)
    except FileExistsError as error:
        raise in_the_way(file) from error
    finally:
        new.unlink()


def in_the_way(file: Path) -> FileInTheWay:
    """The error of a file that is there already."""
    return FileInTheWay(
        f"{file} is there already; an older bundle is evidence, too.",
        next_step="name another file with --output.",
    )


def _keys(answer: dict[str, Any]) -> tuple[PublicKey, ...]:
    return tuple(
        key
        for one in answer["keys"]
        for key in public.read(one["pem"].encode(), label=one["label"])
    )


def _error(told: dict[str, Any]) -> LabError:
    """What the operator says, as it said it."""
    kinds = {kind.code: kind for kind in tree()}
    kind = kinds.get(str(told.get("code")))
    message = str(told.get("message"))
    if kind is None:
        return _silent(message)
    return kind(message, next_step=str(told.get("next_step")))


def _silent(why: str) -> EvidenceNotHandedOut:
    return EvidenceNotHandedOut(
        f"the operator of sandboxes did not hand out evidence: {why.rstrip('.')}.",
        next_step=f"see with `kubectl get pods -n {naming.OPERATOR_NAMESPACE}` whether it runs; "
        "then try again.",
    )
