"""One round of the auditor: the cluster read and judged, and how each rule stands in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.auditor import observation, scope
from infra.auditor.observation import Reader
from infra.auditor.told import Told
from policies import cluster
from policies.audit import Stand, Standing, audit
from policies.rule import Place, Rule


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule in one place."""

    rule: Rule
    place: Place
    standing: Standing


@dataclass(frozen=True, slots=True)
class Round:
    """A finished audit."""

    judged: tuple[Judged, ...]
    #: Seconds since 1970 at which it ended.
    ended: float
    #: Seconds that it took.
    seconds: float

    @property
    def broken(self) -> Iterator[Judged]:
        """What does not hold."""
        return (one for one in self.judged if one.standing.stand is Stand.BROKEN)


def go(api: Reader, rules: Sequence[Rule], told: Told) -> Round:
    """Looks at a cluster once.

    Raises:
        KubernetesUnreachable: the API server does not answer.
        KubernetesRefused: it refuses something.
    """
    begun = time.monotonic()
    observed = observation.observe(api, rules, told, unseen=scope.UNSEEN)
    found = audit(rules, observed, object_name=cluster.name_of)
    judged = tuple(
        Judged(one.rule, place, one.places[place])
        for one in found
        for place in scope.places(one.rule)
    )
    return Round(judged, time.time(), time.monotonic() - begun)
