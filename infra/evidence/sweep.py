"""What is looked for after a sandbox was destroyed, and how its key is shown to be gone.

A `Sweep` is whatever somebody saw, leftovers included; it is recorded with the event `Swept`.
Only a `CompleteSweep` leads to a certificate, and it cannot be made from one that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, cast

from pydantic import Field, JsonValue

from infra.errors import CertificateRefused
from infra.evidence.records import Digest, Document, Moment, Plain, digest


class Place(StrEnum):
    """Where something of a sandbox can be."""

    #: Role bindings, service accounts, tokens of the principal.
    ACCESS = "access"
    #: The sandbox's transit key.
    KEY = "key"
    VOLUMES = "volumes"
    NAMESPACE = "namespace"
    #: Objects of any kind outside the namespace that carry its identity.
    CLUSTER_OBJECTS = "cluster-objects"
    #: Secrets, policies and roles in Vault.
    VAULT_PATHS = "vault-paths"
    #: Connections that still go on.
    FLOWS = "flows"
    #: Files of pods and volumes on the disks of nodes.
    NODE_DISKS = "node-disks"


#: What not every ground lets anybody look at; a reason must be given then.
MAY_BE_LEFT_OUT = frozenset({Place.FLOWS, Place.NODE_DISKS})


class Looked(Document):
    """One place that was looked at. `how` is what was asked of whom, for a reader to repeat."""

    place: Place
    how: Plain
    #: Objects that were looked at; none at all would mean that nobody looked.
    objects: Annotated[int, Field(ge=1)]
    #: Names of what is still there.
    left: tuple[Plain, ...] = ()


class LeftOut(Document):
    """One place that was not looked at."""

    place: Place
    because: Plain


class Sweep(Document):
    """What was looked at and found. `limits` are further things that this ground cannot prove."""

    at: Moment
    looked: tuple[Looked, ...]
    left_out: tuple[LeftOut, ...] = ()
    limits: tuple[Plain, ...] = ()

    def details(self) -> dict[str, JsonValue]:
        """The details of the record `Swept`."""
        return cast("dict[str, JsonValue]", self.model_dump(mode="json"))

    @property
    def leftovers(self) -> tuple[str, ...]:
        return tuple(f"{look.place}: {name}" for look in self.looked for name in look.left)


@dataclass(frozen=True, slots=True)
class CompleteSweep:
    """A sweep that looked everywhere and found nothing.

    Raises:
        CertificateRefused: it is not that; the message names every place.
    """

    sweep: Sweep

    def __post_init__(self) -> None:
        faults = list(_gaps(self.sweep))
        if faults:
            raise CertificateRefused(
                f"the sweep is not complete: {'; '.join(faults)}.",
                next_step="remove what is left, then sweep again; the step may be repeated.",
            )


def _gaps(sweep: Sweep) -> Iterator[str]:
    looked = [look.place for look in sweep.looked]
    left_out = [one.place for one in sweep.left_out]
    for place in Place:
        if place in left_out and place not in MAY_BE_LEFT_OUT:
            yield f"{place} may not be left out"
        elif place in left_out and place in looked:
            yield f"{place} was looked at and left out"
        elif place not in looked and place not in left_out:
            yield f"{place} was not looked at"
    for place in sorted({place for place in Place if (looked + left_out).count(place) > 1}):
        if not (place in looked and place in left_out):
            yield f"{place} is there twice"
    yield from (f"{leftover} is left" for leftover in sweep.leftovers)


class KeyProof(Document):
    """Ciphertext from the sandbox's life that Vault refused to work with after the key's end."""

    #: Where the key was, such as `transit/keys/sandbox-x`.
    key: Plain
    #: Of the ciphertext's text as Vault gave it out (`vault:v1:...`).
    ciphertext_sha256: Digest
    #: What was asked of Vault: `rewrap` shows it without giving out plaintext.
    operation: Plain
    #: Vault's own words.
    refused: Plain
    at: Moment

    def details(self) -> dict[str, JsonValue]:
        """The details of the record `KeyDestroyed`."""
        return cast("dict[str, JsonValue]", self.model_dump(mode="json"))


def ciphertext_digest(ciphertext: str) -> str:
    """For `KeyProof.ciphertext_sha256`."""
    return digest(ciphertext.encode())
