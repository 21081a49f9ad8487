"""Controls of laws and standards, each with a duty in our own words.

`data/README.md` says where they come from.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

DATA: Final = Path(__file__).with_name("data")
#: The day on which the catalogues were taken over.
DATED: Final = "2026-11-21"

_HIGH_RISK: Final = frozenset({*map(str, range(9, 28)), "Annex IV"})
_TO_COME: Final = (
    "to come: as reported, from 2 December 2027 for systems of Annex III and from 2 August 2028 "
    "for those of Annex I"
)
_CONDITIONS: Final = {
    "1.2.08": "only where hardware is owned",
    "1.4.07": "only for holders of population data",
    "1.7.01": "only where personal data is held",
    "1.7.02": "only where personal data is held",
    "1.7.03": "only where personal data is held",
    "5.1.10": "only where personal data is held",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One law or standard. `notes` are printed wherever its controls are."""

    id: str
    title: str
    version: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that is wanted.

    `level` is what the source says of its weight, `confidence` how well our summary was checked
    ("" if nobody rated it), `applies` when or to whom it applies.
    """

    id: str
    catalogue: str
    number: str
    group: str
    title: str
    duty: str
    level: str = ""
    confidence: str = ""
    applies: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """What must be said with it in everything published."""
        doubt = ("confidence medium",) if self.confidence == "medium" else ()
        return (*doubt, *self.applies)


_OWN_WORDS: Final = "Summaries are our own words and no legal advice."
CATALOGUES: Final[Mapping[str, Catalogue]] = MappingProxyType(
    {
        one.id: one
        for one in (
            Catalogue(
                "satre",
                "SATRE: Standard Architecture for Trusted Research Environments",
                "2",
                (
                    "Identifiers and levels are those of the SATRE specification, licensed under "
                    "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/); summaries are our "
                    "own words.",
                    "Pillar 5 speaks of federations and is out of scope for a lab that joins none.",
                    "3.3.09 is labelled optional, although its text reads stronger.",
                ),
            ),
            Catalogue(
                "ai-act",
                "AI Act, Regulation (EU) 2024/1689",
                "2024/1689 as reportedly amended in 2026",
                (
                    _OWN_WORDS,
                    "The act was reportedly amended in 2026: Article 10(5) moved to 4a, and duties "
                    "for high-risk systems apply from 2 December 2027 (Annex III) or 2 August 2028 "
                    "(Annex I). Rows on Articles 9 to 27 and Annex IV are duties to come.",
                ),
            ),
            Catalogue(
                "eudpr",
                "EUDPR, Regulation (EU) 2018/1725",
                "2018/1725",
                (_OWN_WORDS, "Every row was written without the text at hand."),
            ),
            Catalogue(
                "cybersecurity",
                "Cybersecurity of Union institutions, Regulation (EU, Euratom) 2023/2841",
                "2023/2841",
                (
                    _OWN_WORDS,
                    "Letters of Article 8 after 8(2)(d) were written without the text at hand.",
                ),
            ),
            Catalogue(
                "cis-kubernetes",
                "CIS Kubernetes Benchmark",
                "1.10",
                (
                    "Numbers are those of version 1.10, as kube-bench (Apache-2.0) lists them; "
                    "titles are our own words. What each item asks for in detail stands in the "
                    "benchmark alone.",
                ),
            ),
        )
    }
)
_INSTRUMENTS: Final = {"AIA": "ai-act", "EUDPR": "eudpr", "CYB": "cybersecurity"}


@functools.cache
def controls() -> Mapping[str, Control]:
    """Every control by its id: catalogue by catalogue, in the order of its file.

    Raises:
        ValueError: two have one id.
    """
    found: dict[str, Control] = {}
    for one in (*_satre(), *_law(), *_cis()):
        if one.id in found:
            raise ValueError(f"there are two controls {one.id}")
        found[one.id] = one
    return MappingProxyType(found)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        yield from csv.DictReader(file)


def _satre() -> Iterator[Control]:
    for row in _rows("satre.csv"):
        number = row["id"]
        applies = [_CONDITIONS[number]] if number in _CONDITIONS else []
        yield Control(
            id=f"SATRE-{number}",
            catalogue="satre",
            number=number,
            group=f"{row['pillar']}: {row['capability']}",
            title=row["duty"],
            duty=row["duty"],
            level=row["level"],
            applies=tuple(applies),
        )


def _law() -> Iterator[Control]:
    for row in _rows("law.csv"):
        catalogue = _INSTRUMENTS[row["id"].partition("-")[0]]
        applies = [f"for: {row['applies_to']}"]
        if catalogue == "ai-act" and row["article"] in _HIGH_RISK:
            applies.append(_TO_COME)
        article = row["article"]
        yield Control(
            id=row["id"],
            catalogue=catalogue,
            number=f"{article}({row['paragraph']})" if row["paragraph"] else article,
            group=article if article.startswith("Annex") else f"Article {article}",
            title=row["title"],
            duty=row["duty"],
            confidence=row["confidence"],
            applies=tuple(applies),
        )


def _cis() -> Iterator[Control]:
    for row in _rows("cis_kubernetes.csv"):
        yield Control(
            id=f"CIS-K8S-{row['id']}",
            catalogue="cis-kubernetes",
            number=row["id"],
            group=row["section"],
            title=row["title"],
            duty=f"{row['title']}.",
            confidence=row["confidence"],
        )


def by_number(id_: str) -> tuple[str | int, ...]:
    """For sorting: 5.2.10 comes after 5.2.9."""
    return tuple(
        int(part) if part.isdigit() else part for part in re.split(r"(\d+)", id_) if part != ""
    )
