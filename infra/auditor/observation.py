"""Reads a cluster for an audit of its policies: what enforces rules in it, and what they are about.

One function for the audit from the lab's host and for the auditor inside: both see the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from infra.auditor.scope import ENFORCING, GROUP, kinds
from infra.auditor.told import Told
from infra.kubernetes.client import Answer
from policies import cluster
from policies.audit import Observed
from policies.kinds import NAMESPACE, Kind
from policies.rule import Rule

#: Objects that one answer lists.
_PAGE: Final = 500


class Reader(Protocol):
    """Who asks the API server; an `Api`."""

    def request(self, method: str, path: str, *, params: Mapping[str, str]) -> Answer:
        """One request."""


def observe(
    api: Reader, rules: Collection[Rule], told: Told, *, unseen: Collection[Kind] = ()
) -> Observed:
    """What an audit must know of a cluster.

    Args:
        api: the cluster's.
        rules: that are to be audited.
        told: what the lab says of its policies.
        unseen: kinds that the caller may not read.

    Raises:
        KubernetesUnreachable: the API server does not answer.
        KubernetesRefused: it refuses something.
    """
    installed = (
        {**one, "kind": kind}
        for kind, plural in ENFORCING.items()
        for one in _listed(api, f"/apis/{GROUP}/v1/{plural}")
    )
    wanted = cluster.objects(told.settings, told.kubernetes_version, told.levels, rules)
    seen = sorted(kinds(rules) - set(unseen), key=lambda kind: kind.path)
    return Observed(
        wanted=_by_name(wanted),
        installed=_by_name(installed),
        objects={(kind.api_version, kind.name): list(_of(api, kind)) for kind in seen},
        namespaces={one["metadata"]["name"]: one for one in _of(api, NAMESPACE)},
        settings=told.settings,
    )


def _by_name(manifests: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in manifests}


def _of(api: Reader, kind: Kind) -> Iterator[dict[str, Any]]:
    """Every object of a kind; lists do not say it of their items."""
    for one in _listed(api, kind.path):
        # Half of what an object says, and of no use to a rule.
        one["metadata"].pop("managedFields", None)
        yield {"apiVersion": kind.api_version, "kind": kind.name, **one}


def _listed(api: Reader, path: str) -> Iterator[dict[str, Any]]:
    following = ""
    while True:
        answer = api.request("GET", path, params={"limit": str(_PAGE), "continue": following})
        if answer.status == 404:  # a cluster without this kind has no objects of it
            return
        if not answer.ok:
            raise answer.refused(path)
        yield from answer.body["items"]
        following = answer.body["metadata"].get("continue", "")
        if not following:
            return
