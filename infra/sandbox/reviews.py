"""What people say to files that are to enter or leave a sandbox, over the API.

As with sandboxes (`client`), each change says only what its author adds, and the API server decides
who may say what; here its answer is put into words.
"""

from __future__ import annotations

import hashlib
import math
import mimetypes
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from infra.errors import (
    BadUsage,
    FilesDiffer,
    FilesNotAgreed,
    FilesUnknown,
    LabError,
    NoSandboxRole,
    NotAnApprover,
    NotTheRequester,
    OwnRequest,
    RequestImpossible,
    SandboxNotReady,
    WaitedTooLong,
)
from infra.kubernetes.client import Answer
from infra.sandbox.client import SandboxClient
from infra.sandbox.resource import API_VERSION, Sandbox
from infra.sandbox.transfer import KIND, Content, Direction, File, Phase, Transfer, path_of

_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
#: Seconds that one watch lasts at most; less than a client waits for an answer.
_WATCH = 20
_UNKNOWN_TYPE = "application/octet-stream"
#: NAME=SHA256:SIZE:TYPE
_DESCRIBED = re.compile(
    r"(?P<name>[^/=]+)=(?P<sha256>[0-9a-fA-F]{64}):(?P<size>[0-9]+):(?P<type>[^:]+)"
)


def described(text: str) -> File:
    """A file on this machine by its path, or one elsewhere by NAME=SHA256:SIZE:TYPE.

    Raises:
        BadUsage: it is neither.
    """
    if found := _DESCRIBED.fullmatch(text):
        return File(
            name=found["name"],
            sha256=found["sha256"].lower(),
            size=int(found["size"]),
            type=found["type"],
        )
    path = Path(text)
    try:
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            size = content.tell()
    except OSError as error:
        raise BadUsage(
            f"{text!r} cannot be read: {error.strerror}.",
            next_step="name a file of this machine, or describe one: NAME=SHA256:SIZE:TYPE.",
        ) from error
    type_, encoding = mimetypes.guess_type(path.name)
    return File(
        name=path.name,
        sha256=sha256,
        size=size,
        type=type_ if type_ and not encoding else _UNKNOWN_TYPE,
    )


class Reviews:
    """Requests for files, of one person at one API server."""

    def __init__(self, client: SandboxClient) -> None:
        self._client = client
        self._api = client.api

    @property
    def me(self) -> str:
        return self._client.me

    def all(self, sandbox: str) -> list[Transfer]:
        """Every request of a sandbox, by name.

        Raises:
            NoSandboxRole, SandboxNotReady, SandboxNotFound
        """
        found = self._client.get(sandbox)
        answer = self._api.request("GET", path_of(_namespace(found)))
        if not answer.ok:
            raise self._unreadable(answer, found)
        return [Transfer.of(one) for one in answer.body["items"]]

    def ask(
        self,
        sandbox: str,
        name: str,
        *,
        direction: Direction,
        content: Content,
        files: Sequence[File],
        note: str | None,
    ) -> Transfer:
        """Asks for files to enter or leave.

        Raises:
            NotTheRequester, RequestImpossible, SandboxNotReady, SandboxNotFound
        """
        found = self._client.get(sandbox)
        spec: dict[str, Any] = {
            "sandbox": sandbox,
            "requester": self.me,
            "direction": direction.value,
            "content": content.value,
            "files": [one.model_dump() for one in files],
        }
        manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name},
            "spec": spec if note is None else {**spec, "note": note},
        }
        answer = self._api.request("POST", path_of(_namespace(found)), body=manifest)
        if not answer.ok:
            raise self._unaskable(answer, found, name)
        return Transfer.of(answer.body)

    def approve(self, sandbox: str, name: str, files: Sequence[File]) -> Transfer:
        """Says yes to a request for these files, as who approves has them; saying it again changes
        nothing. A request that takes the place of this one has another uid, and is not meant.

        Raises:
            FilesDiffer: others are asked for.
            OwnRequest, NotAnApprover, FilesNotAgreed, FilesUnknown, and what `all` raises
        """
        found, asked = self._get(sandbox, name)
        _require_same(asked, files)
        if any(one.by == self.me for one in asked.spec.approvals):
            return asked
        voice = {"by": self.me, "uid": asked.uid}
        step = {"op": "add", "path": "/spec/approvals/-", "value": voice}
        return self._said(found, asked, [step], _JSON_PATCH)

    def reject(self, sandbox: str, name: str, reason: str) -> Transfer:
        """Says no, for good. Raises as `approve` does."""
        found, asked = self._get(sandbox, name)
        if asked.spec.rejection is not None:
            raise _rejected(asked)
        verdict = {"rejection": {"by": self.me, "reason": reason}}
        return self._said(found, asked, {"spec": verdict}, _MERGE)

    def withdraw(self, sandbox: str, name: str) -> Transfer:
        """Asks no more; the request as it was.

        Raises:
            NotTheRequester, FilesUnknown, and what `all` raises
        """
        found, asked = self._get(sandbox, name)
        options = {"preconditions": {"uid": asked.uid}}
        answer = self._api.request("DELETE", asked.path, body=options)
        if answer.status == 403:
            raise self._client.refusals.not_the_requester(found, self.me, "withdraws files")
        if not answer.ok:
            raise self._unreadable(answer, found)
        return asked

    def wait(
        self,
        asked: Transfer,
        *,
        seconds: float,
        seen: Callable[[Transfer], None] = lambda _: None,
    ) -> Transfer:
        """Waits until as many others as must have approved; it is told of every change.

        Raises:
            FilesNotAgreed: that will never be.
            FilesUnknown: it was withdrawn, or its sandbox has ended.
            WaitedTooLong
        """
        end = time.monotonic() + seconds
        collection = path_of(asked.namespace)
        here = {"fieldSelector": f"metadata.name={asked.name}"}
        while True:
            answer = self._api.request("GET", collection, params=here)
            if not answer.ok:
                raise answer.refused(collection)
            items = answer.body["items"]
            now = _same(asked, Transfer.of(items[0]) if items else None)
            seen(now)
            left = end - time.monotonic()
            if _agreed(now):
                return now
            if left <= 0:
                raise WaitedTooLong(
                    f"{now.name} is {now.status.phase}, and the time to wait is over.",
                    next_step="nothing is lost: `./lab sandbox files list "
                    f"{now.spec.sandbox}` shows who has approved.",
                )
            params = {
                **here,
                "resourceVersion": str(answer.body["metadata"]["resourceVersion"]),
                "timeoutSeconds": str(math.ceil(min(left, _WATCH))),
            }
            for event in self._api.watch(collection, params):
                gone = event["type"] == "DELETED"
                now = _same(asked, None if gone else Transfer.of(event["object"]))
                seen(now)
                if _agreed(now):
                    return now

    def _get(self, sandbox: str, name: str) -> tuple[Sandbox, Transfer]:
        found = self._client.get(sandbox)
        answer = self._api.request("GET", path_of(_namespace(found), name))
        if answer.status == 404:
            raise FilesUnknown(
                f"nobody asks for {name} in {sandbox}.",
                next_step=f"`./lab sandbox files list {sandbox}` shows what is asked for.",
            )
        if not answer.ok:
            raise self._unreadable(answer, found)
        return found, Transfer.of(answer.body)

    def _said(self, sandbox: Sandbox, asked: Transfer, body: Any, content_type: str) -> Transfer:
        answer = self._api.request("PATCH", asked.path, body=body, content_type=content_type)
        if answer.ok:
            return Transfer.of(answer.body)
        if answer.status == 403 and self.me == asked.spec.requester:
            raise OwnRequest(
                f"{self.me} asked for {asked.name}; one's own approval does not count.",
                next_step="ask somebody of the lab's approvers to run "
                f"`./lab sandbox files approve {sandbox.name} {asked.name} FILES`.",
            )
        if answer.status == 403 and asked.spec.rejection is not None:
            raise _rejected(asked)
        if answer.status == 403:
            raise NotAnApprover(
                f"{self.me} may not approve or reject what enters or leaves.",
                next_step="ask somebody of the lab's approvers (sandbox_service.approvers).",
            )
        if answer.status == 422:
            raise _impossible(answer)
        raise self._unreadable(answer, sandbox)

    def _unaskable(self, answer: Answer, sandbox: Sandbox, name: str) -> LabError:
        if answer.status == 409:
            return RequestImpossible(
                f"{sandbox.name} has a request {name} already.", next_step="choose another name."
            )
        if answer.status == 403 and self.me == sandbox.spec.requester:
            return SandboxNotReady(
                f"{sandbox.name} is {sandbox.status.phase}: nobody asks for anything in it.",
                next_step=f"`./lab sandbox show {sandbox.name}` says what it waits for.",
            )
        if answer.status == 403:
            return NotTheRequester(
                f"whoever asked for {sandbox.name} asks for its files: that was "
                f"{sandbox.spec.requester}, and not {self.me}.",
                next_step=f"ask {sandbox.spec.requester} to do it.",
            )
        return _impossible(answer) if answer.status == 422 else self._unreadable(answer, sandbox)

    def _unreadable(self, answer: Answer, sandbox: Sandbox) -> LabError:
        if answer.status == 403:
            return NoSandboxRole(
                f"{self.me} may not see what enters or leaves {sandbox.name}.",
                next_step=f"that is for {sandbox.spec.requester}, approvers and security officers.",
            )
        return answer.refused(f"files of Sandbox {sandbox.name}")


def _namespace(sandbox: Sandbox) -> str:
    if sandbox.status.namespace is None:
        raise SandboxNotReady(
            f"{sandbox.name} is {sandbox.status.phase}: nothing can enter or leave it.",
            next_step=f"`./lab sandbox show {sandbox.name} --wait`.",
        )
    return sandbox.status.namespace


def _require_same(asked: Transfer, files: Sequence[File]) -> None:
    """By name, content and size; the type is what the requester says."""
    wanted = {one.name: (one.sha256, one.size) for one in asked.spec.files}
    had = {one.name: (one.sha256, one.size) for one in files}
    if wanted == had and len(had) == len(files):
        return
    wrong = sorted(name for name in {*wanted, *had} if wanted.get(name) != had.get(name))
    raise FilesDiffer(
        f"{asked.name} is not about the files that you name: "
        f"{', '.join(wrong) or 'one is named twice'}.",
        next_step="get all of them from "
        f"{asked.spec.requester}, look at them, and name each; "
        f"`./lab sandbox files list {asked.spec.sandbox}` shows their hashes.",
    )


def _same(asked: Transfer, now: Transfer | None) -> Transfer:
    if now is None or now.uid != asked.uid:
        raise FilesUnknown(
            f"{asked.name} was withdrawn, or {asked.spec.sandbox} has ended.",
            next_step=f"`./lab sandbox show {asked.spec.sandbox}`, or ask anew.",
        )
    return now


def _agreed(now: Transfer) -> bool:
    if now.status.phase is Phase.REJECTED:
        raise _rejected(now)
    if now.status.phase is Phase.REFUSED:
        because = "; ".join(one.message for one in now.status.conditions)
        raise FilesNotAgreed(f"{now.name} is refused: {because}.", next_step="ask anew.")
    return now.status.phase is Phase.APPROVED


def _rejected(asked: Transfer) -> FilesNotAgreed:
    verdict = asked.spec.rejection
    said = f" by {verdict.by}: {verdict.reason}" if verdict else ""
    return FilesNotAgreed(f"{asked.name} was rejected{said}.", next_step="ask anew.")


def _impossible(answer: Answer) -> RequestImpossible:
    told = "; ".join(f"{field}: {text.rstrip('.')}" for field, text in answer.causes)
    return RequestImpossible(
        f"this cannot be asked for: {told or answer.message}.",
        next_step="correct it; `./lab sandbox files ask --help` describes each option.",
    )
