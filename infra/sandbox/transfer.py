"""The Transfer resource: files that somebody wants to bring into or out of a sandbox. Pure.

It lies in the sandbox's namespace, so that its person alone asks and reads there, and it goes with
the sandbox. Files are named by their SHA-256: what others approve is those bytes and no others.
The API server enforces the shape (`transfer_definition`) and who may say what
(policies/rules/kubernetes/transfer_*.py); the operator reads the spec and writes the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from infra.sandbox import resource
from infra.sandbox.resource import API_VERSION, Condition, Read, Verdict

KIND = "Transfer"
PLURAL = "transfers"
#: Where the API server has those of all namespaces.
PATH = f"/apis/{API_VERSION}/{PLURAL}"


class Direction(StrEnum):
    """Seen from the sandbox."""

    IMPORT = "import"
    EXPORT = "export"


class Content(StrEnum):
    """What kind of thing it is; decides what may be done with it."""

    DATA = "data"
    CODE = "code"
    #: Of a model. They enter, and never leave.
    WEIGHTS = "weights"
    REPORT = "report"


class Phase(StrEnum):
    """How far the review is."""

    REQUESTED = "Requested"
    #: As many others as must have said yes to exactly these files.
    APPROVED = "Approved"
    REJECTED = "Rejected"
    #: It cannot be reviewed; the condition says why.
    REFUSED = "Refused"


#: Nothing follows these.
DECIDED = frozenset({Phase.APPROVED, Phase.REJECTED, Phase.REFUSED})


class Approval(resource.Approval):
    """A yes to one request, which its uid names: what is withdrawn and asked for anew under its
    name is another one.
    """

    uid: str


class File(Read):
    """One file; `size` in bytes, `type` as the media types of RFC 6838 say it."""

    name: str
    sha256: str
    size: int
    type: str


class Spec(Read):
    """What was asked for, and what others said to it."""

    #: Name of the Sandbox whose namespace this is.
    sandbox: str
    requester: str
    direction: Direction
    content: Content
    files: tuple[File, ...]
    #: What is disclosed by it, and why that may be; of every export.
    note: str | None = None
    approvals: tuple[Approval, ...] = ()
    rejection: Verdict | None = None


class Status(Read):
    """What the operator has found."""

    phase: Phase = Phase.REQUESTED
    #: Hex SHA-256 of the newest record about it in the sandbox's evidence.
    evidence_head: str | None = None
    #: The `metadata.generation` that this was decided on.
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class Transfer(Read):
    """One of them as the API server has it."""

    name: str
    namespace: str
    uid: str
    generation: int = 1
    resource_version: str = ""
    spec: Spec
    status: Status = Field(default_factory=Status)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """Reads an object of the API server.

        Raises:
            pydantic.ValidationError: it is not a Transfer of this version.
        """
        metadata = manifest["metadata"]
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 1),
            resource_version=metadata.get("resourceVersion", ""),
            spec=Spec.model_validate(manifest["spec"]),
            status=Status.model_validate(manifest.get("status") or {}),
        )

    @property
    def path(self) -> str:
        return path_of(self.namespace, self.name)


def path_of(namespace: str, name: str = "") -> str:
    """Where the API server has one, or all of a namespace."""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}/{name}".rstrip("/")
