"""What can be wrong with evidence. Verifying lists everything, not only what it finds first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError


class Kind(StrEnum):
    """In one word, what was done to the evidence."""

    #: It is not what was signed, or does not follow from what is before it.
    CHANGED = "changed"
    #: Something in the middle is not there.
    MISSING = "missing"
    #: The end is not there.
    TRUNCATED = "truncated"
    #: It stands at another place.
    REORDERED = "reordered"
    #: It is there twice, or two stand at one place.
    REPEATED = "repeated"
    #: It belongs to another sandbox, another lab, or not into a bundle at all.
    FOREIGN = "foreign"
    #: Signed by a key that the verifier was not told to trust.
    WRONG_KEY = "wrong-key"
    #: Too large to be looked at.
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `where` is a file of the bundle, with the line if it has lines."""

    kind: Kind
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.message}"

    def as_dict(self) -> dict[str, str]:
        """As `--json` prints it."""
        return {"kind": self.kind.value, "where": self.where, "message": self.message}


def reason(error: ValueError) -> str:
    """Why a document was not understood: field and rule, and nothing of what it contains.

    What it contains may be written by an attacker for the terminal that shows it.
    """
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        field = ascii(".".join(str(part) for part in first["loc"]))[1:-1]
        return f"{field or 'it'}: {first['type']}"
    return ascii(str(error))[1:-1]
