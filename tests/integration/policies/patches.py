"""Patches that make what is right break a rule, in each of the forms that an API server takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from policies import examples
from policies.rule import Rule
from tests.integration.policies.enforced import MANDATORY, Manifest, deployed
from tests.live.support.api import Api, location, say
from tests.live.support.policies import Trial, admission_of


def merge(there: Any, wanted: Any) -> dict[str, Any]:
    """From one object to another (RFC 7386)."""
    patch: dict[str, Any] = {}
    for key in sorted({*there, *wanted}):
        old, new = there.get(key), wanted.get(key)
        if old != new:
            both = isinstance(old, dict) and isinstance(new, dict)
            patch[key] = merge(old, new) if both else new
    return patch


def strategic(there: Any, wanted: Any) -> dict[str, Any]:
    """Maps are replaced as a whole, or lists in them would be joined by the names of items."""
    patch = merge(there, wanted)
    for key, value in patch.items():
        if isinstance(value, dict) and key != "metadata":
            patch[key] = {"$patch": "replace", **wanted[key]}
    return patch


def pointed(there: Any, wanted: Any) -> list[dict[str, Any]]:
    """Operations (RFC 6902)."""
    steps: list[dict[str, Any]] = []
    for key in merge(there, wanted):
        if key == "metadata":
            for inner in merge(there["metadata"], wanted["metadata"]):
                value = wanted["metadata"].get(inner, {})
                steps.append({"op": "add", "path": f"/metadata/{inner}", "value": value})
        elif key in wanted:
            steps.append({"op": "add", "path": f"/{key}", "value": wanted[key]})
        else:
            steps.append({"op": "remove", "path": f"/{key}"})
    return steps


FORMS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "json-patch+json": pointed,
    "merge-patch+json": merge,
    "strategic-merge-patch+json": strategic,
}


@dataclass(frozen=True, slots=True)
class Case:
    """An object that a rule admits, and what somebody would make of it."""

    rule: str
    number: int
    good: Manifest
    wrong: Manifest
    #: Who asks; the administrator, if nobody is named.
    user: str = ""
    #: The lab has it; else it is made for the moment.
    there: bool = False


#: What nobody but the platform may change at all, by rule, where it is always there.
_THE_PLATFORM_S: Final = {
    "api-extensions-by-the-platform": (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sandboxes.ai-lab.eu",
        "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps",
    ),
    "cluster-rights-by-the-platform": (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:discovery",
    ),
}
#: The same, where the rule's example has to be made.
_AS_IN_ITS_EXAMPLE: Final = "webhooks-by-the-platform"
TAKEN_OVER: Final = frozenset({*_THE_PLATFORM_S, _AS_IN_ITS_EXAMPLE})


def cases(trial: Trial, prefix: str) -> Iterator[Case]:
    """Rules that judge objects, and those of takeovers; further ones about who asks are tried by
    `Patching`. Names begin with `prefix`.
    """
    for rule in MANDATORY.values():
        if not admission_of(rule).of_the_request:
            yield from _pairs(rule, trial, prefix)
    somebody = trial.people[examples.SOMEBODY]
    for id_, paths in _THE_PLATFORM_S.items():
        for number, path in enumerate(paths):
            good = trial.api.read(path)
            yield Case(id_, number, good, _labelled(good), somebody, there=True)
    example, *_ = admission_of(MANDATORY[_AS_IN_ITS_EXAMPLE]).fails
    good = _called(example, f"{prefix}-webhooks")
    yield Case(_AS_IN_ITS_EXAMPLE, 0, good, _labelled(good), somebody)


def _pairs(rule: Rule, trial: Trial, prefix: str) -> Iterator[Case]:
    """Of one kind, name and namespace; pods as Deployments. What is asked rather than stored cannot
    be changed.
    """
    admission = admission_of(rule)
    right = [trial.here(one) for one in admission.passes if admission.kind_of(one)]
    for number, fails in enumerate(admission.fails):
        kind = admission.kind_of(fails)
        if kind is None or "/" in kind.resource:
            continue
        wrong, name = trial.here(fails), f"{prefix}-{number}-{rule.id}"[:63].rstrip("-")
        good = next((one for one in right if one["kind"] == wrong["kind"]), None)
        if wrong["kind"] == "Pod":
            pod = trial.here(examples.pod())
            pod["metadata"]["namespace"] = wrong["metadata"]["namespace"]
            good, wrong = deployed(pod, name, replicas=0), deployed(wrong, name, replicas=0)
            yield Case(rule.id, number, good, wrong)
        elif good is not None:
            yield Case(rule.id, number, _called(good, name), _called(wrong, name))


def _called(manifest: Mapping[str, Any], name: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


def _labelled(manifest: Manifest) -> Manifest:
    labels = {**manifest["metadata"].get("labels", {}), "example.org/mine": "yes"}
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels}}


def patched(
    client: httpx.Client, trial: Trial, prefix: str
) -> dict[tuple[str, int, str], httpx.Response]:
    """What the API server says to every such patch, by the rule's id, the number of its example and
    the form; nothing of it stays.
    """
    found: dict[tuple[str, int, str], httpx.Response] = {}
    for case in cases(trial, prefix):
        path = location(case.good)
        who = [("Impersonate-User", case.user)] if case.user else []
        if not case.there:
            answer = trial.api.create(case.good)
            assert answer.status_code == 201, f"{case.rule}: {say(answer)}"
        for form, patch in FORMS.items():
            found[case.rule, case.number, form] = client.patch(
                path,
                content=json.dumps(patch(case.good, case.wrong)),
                params={"dryRun": "All"},
                headers=[*who, ("Content-Type", f"application/{form}")],
            )
        if not case.there:
            trial.api.delete(path)
    return found


class Patching(Api):
    """A caller who patches what others replace."""

    def put(self, path: str, body: Any, **query: str) -> httpx.Response:
        return self.patch(path, merge(self.read(path), body), **query)

    def acting_as(self, user: str, *groups: str) -> Patching:
        other = super().acting_as(user, *groups)
        return Patching(other._client, other._headers)
