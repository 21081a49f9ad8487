"""Examples of rules, sent to a running API server; nothing of them stays.

Most are created with a dry run. What must be there to be changed or removed is made for the moment,
or is the lab's own and touched by a dry run only. Requests of tenants are sent in the name of users
that exist for as long as the checks run and can log in nowhere: they may do at the API what the
examples try, so that it is the policy, and not a missing right, that refuses them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from infra import naming
from policies import cluster, examples
from policies.admission import Admission, Attempt, Settings
from policies.examples import namespace_of
from policies.kinds import Kind
from policies.registry import all_rules
from policies.rule import Level, Rule
from tests.live.support import sandboxes
from tests.live.support.api import Api, location, say
from tests.live.support.rights import given, right, wait_until_allowed

Manifest = dict[str, Any]

#: Every rule that an API server enforces.
RULES = {rule.id: rule for rule in all_rules().values() if isinstance(rule.admission, Admission)}
#: Kinds of which the lab's own are tried, by dry run: none is made, even for a moment.
_OWN = (
    "APIService",
    "ClusterRole",
    "CustomResourceDefinition",
    "NetworkPolicy",
    "ResourceQuota",
    "ValidatingWebhookConfiguration",
)
#: What the API server's own admission plugins say.
_BUILT_IN = (
    "violates PodSecurity",
    "Use of external IPs is denied by admission control",
    "error looking up service account",
)
_RBAC = "rbac.authorization.k8s.io"
_LAB = naming.LABEL_PREFIX
_WRITE = ("create", "delete", "get", "list", "patch", "update")


def admission_of(rule: Rule) -> Admission:
    assert isinstance(rule.admission, Admission)
    return rule.admission


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said, and whose policies refuse such a request by our own evaluator."""

    what: str
    response: httpx.Response
    by: frozenset[str]

    @property
    def refused_by(self) -> str:
        """The rule whose policy refused it; empty if none did. Only one is ever named."""
        text = self.response.text
        if self.response.status_code != 403 or "ValidatingAdmissionPolicy" not in text:
            return ""
        return next((id_ for id_ in RULES if f"'{cluster.name_of(id_)}'" in text), "")

    @property
    def warned_by(self) -> set[str]:
        """Rules whose policies warn of it."""
        told = " ".join(self.response.headers.get_list("warning"))
        return {id_ for id_ in RULES if f"'{cluster.name_of(id_)}'" in told}

    @property
    def otherwise_refused(self) -> bool:
        """The API server itself refuses it before any policy is asked (what is invalid, Pod
        Security, external addresses); or, of a pod, a policy that does not like what the API server
        has added to it.
        """
        status, text = self.response.status_code, self.response.text
        built_in = any(told in text for told in _BUILT_IN)
        return status == 422 or built_in or (self.what == "CREATE Pod" and bool(self.refused_by))

    def __str__(self) -> str:
        return f"{self.what}: {say(self.response)}"


@dataclass(frozen=True, slots=True)
class Trial:
    """Who tries, and where."""

    api: Api
    #: Of a sandbox.
    namespace: str
    token: str
    #: Whether sandboxes may be asked for, and namespaces made that seem to belong to one, because
    #: no operator is there who would note it for good and destroy them.
    asks: bool
    #: Of files that the lab lets be asked for.
    media_type: str = examples.MEDIA_TYPE

    def user(self, attempt: Attempt) -> Api:
        """Who sends an attempt: the administrator, or one of the users of `trial`."""
        if attempt.platform:
            return self.api
        reads = attempt.connects and not attempt.told.get("may_create")
        return self.acting_as(self.reader if reads else attempt.user)

    def acting_as(self, name: str) -> Api:
        return self.api.acting_as(name, "system:authenticated")

    @property
    def requested(self) -> str:
        """Namespace of a sandbox that seems to have been asked for."""
        prefix = naming.sandbox_namespace(naming.REQUESTED_PREFIX)
        return f"{prefix}lab-verify-{self.token}"

    @property
    def listed(self) -> str:
        """Namespace of a sandbox with a list of images."""
        return f"{examples.LISTED}-lab-verify-{self.token}"

    @property
    def people(self) -> dict[str, str]:
        """Who stands in for whom of the examples."""
        return {
            name: f"lab-verify-{name.partition('@')[0]}-{self.token}" for name in examples.PEOPLE
        }

    @property
    def reader(self) -> str:
        """May open what is asked for by GET, and create nothing."""
        return f"lab-verify-reader-{self.token}"

    @property
    def account(self) -> str:
        return f"system:serviceaccount:{self.namespace}:lab-verify-{self.token}"

    @property
    def accounts(self) -> tuple[str, ...]:
        """Workloads, and programs of people, of either sandbox."""
        principal = naming.PRINCIPAL_SERVICE_ACCOUNT
        spaces = (self.namespace, self.requested)
        return (self.account, *(f"system:serviceaccount:{one}:{principal}" for one in spaces))

    def here(self, example: Any) -> Any:
        """An example, or a part of one, moved into the sandbox."""
        text = json.dumps(example).replace(examples.ACCOUNT, self.account)
        for name, here in self.people.items():
            text = text.replace(f'"{name}"', f'"{here}"')
        text = text.replace(examples.REQUESTED, self.requested)
        text = text.replace(f'"{examples.LISTED}"', f'"{self.listed}"')
        text = text.replace(f'"{examples.MEDIA_TYPE}"', f'"{self.media_type}"')
        return json.loads(text.replace(examples.NAMESPACE, self.namespace))

    def send(self, rule: Rule, attempt: Attempt) -> Iterator[Answer]:
        """Sends one example: as it is and, if it is a pod, by way of a Deployment as well."""
        made = Attempt(
            None if attempt.object is None else self.here(attempt.object),
            None if attempt.before is None else self.here(attempt.before),
            platform=attempt.platform,
            operator=attempt.operator,
            user=self.here(attempt.user),
            groups=attempt.groups,
            subresource=attempt.subresource,
            connects=attempt.connects,
            told=attempt.told,
        )
        if not self.asks and self._is_the_operator_s(made):
            return
        asks = self.user(made) if admission_of(rule).of_the_request else self.api
        with ExitStack() as stack:
            yield from self._answers(rule, made, asks, stack)

    def _is_the_operator_s(self, made: Attempt) -> bool:
        """Whether it needs something that an operator would take for a sandbox of nobody's."""
        metadata = made.manifest["metadata"]
        there = made.before is not None and metadata["name"].startswith(self.requested)
        return bool(there or metadata.get("namespace") == self.requested)

    def _answers(self, rule: Rule, made: Attempt, asks: Api, stack: ExitStack) -> Iterator[Answer]:
        manifest = dict(made.manifest)
        what = f"{made.operation} {manifest['kind']}"
        by = frozenset(_refusing(made))
        match made.operation:
            case "CONNECT":
                yield Answer(what, self._connect(asks, made), by)
            case "CREATE":
                yield Answer(what, self._create(asks, manifest), by)
                if manifest["kind"] == "Pod" and not admission_of(rule).of_the_request:
                    wrapped = examples.deployment()
                    wrapped["metadata"]["namespace"] = manifest["metadata"]["namespace"]
                    wrapped["spec"]["template"]["spec"] = manifest["spec"]
                    by = frozenset(_refusing(Attempt(wrapped, platform=True)))
                    yield Answer(f"{what} by Deployment", self._create(asks, wrapped), by)
            case _:
                there = self._there(made, stack)
                if there:
                    yield Answer(what, self._change(asks, made, there), by)

    def _create(self, asks: Api, manifest: Manifest) -> httpx.Response:
        if manifest["kind"] == "TokenRequest":
            path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/sandbox/token"
            return asks.post(path, manifest, dryRun="All")
        return asks.create(manifest, dry_run=True)

    def _connect(self, asks: Api, made: Attempt) -> httpx.Response:
        """Asked by GET, as a role that may only read could; there is no such pod."""
        way = made.subresource or "exec"
        space = made.manifest["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{space}/pods/lab-verify-{self.token}/{way}"
        return asks.get(path, command="id", stdout="true")

    def _there(self, made: Attempt, stack: ExitStack) -> str:
        """Path of an object to change or remove; empty if the lab has none of that kind."""
        manifest = dict(made.before or {})
        if manifest["kind"] == "Sandbox" and not self.asks:
            return ""
        if manifest["kind"] in _OWN and manifest["metadata"].get("namespace") != self.requested:
            kind = next(
                kind
                for rule in RULES.values()
                for kind in admission_of(rule).kinds
                if kind.name == manifest["kind"] and "/" not in kind.resource
            )
            path = _collection(kind, self.namespace)
            found = self.api.items(path, limit="1")
            return f"{path}/{found[0]['metadata']['name']}" if found else ""
        name = f"lab-verify-{secrets.token_hex(4)}"
        if manifest["kind"] == "Namespace" and manifest["metadata"]["name"].startswith("sandbox-"):
            name = f"{manifest['metadata']['name']}-{secrets.token_hex(4)}"
        manifest = {**manifest, "metadata": {**manifest["metadata"], "name": name}}
        if manifest["kind"] in ("Sandbox", "Transfer"):
            stack.callback(self._remove, location(manifest))
            operator = self.acting_as(self.people[examples.OPERATOR])
            return sandboxes.make(manifest, self.acting_as, operator)
        if manifest["kind"] == "Pod":
            # It is never to run.
            gates = [{"name": "ai-lab.eu/never"}]
            manifest["spec"] = {**manifest["spec"], "schedulingGates": gates}
            manifest["spec"].pop("ephemeralContainers", None)
        answer = self.api.create(manifest)
        assert answer.status_code == 201, f"an object to be changed is refused: {say(answer)}"
        path = location(manifest)
        stack.callback(self._remove, path)
        return path

    def _remove(self, path: str) -> None:
        """With what would keep it from going."""
        self.api.patch(path, {"metadata": {"finalizers": None}})
        self.api.delete(path)

    def _change(self, asks: Api, made: Attempt, path: str) -> httpx.Response:
        if made.object is None:
            return asks.delete(path, dry_run=True)
        there = self.api.read(path)
        wanted = sandboxes.of(made.object, there["metadata"]["uid"])
        if wanted["kind"] == "Sandbox" and made.subresource:
            # By a right that is not the operator's: only who may `update` it counts as that.
            return asks.patch(f"{path}/status", {"status": wanted["status"]}, dryRun="All")
        if made.before is not None and wanted["kind"] in _OWN:
            return asks.patch(path, {"spec": wanted["spec"]}, dryRun="All")
        if made.subresource == "ephemeralcontainers" or wanted["kind"] == "Pod":
            added = {"spec": {"ephemeralContainers": wanted["spec"]["ephemeralContainers"]}}
            return asks.patch(f"{path}/ephemeralcontainers", added, dryRun="All")
        changed = {**there, **{k: v for k, v in wanted.items() if k != "metadata"}}
        kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        metadata = {key: there["metadata"][key] for key in kept if key in there["metadata"]}
        changed["metadata"] = {**wanted["metadata"], **metadata}
        suffix = f"/{made.subresource}" if made.subresource else ""
        return asks.put(f"{path}{suffix}", changed, dryRun="All")


def _refusing(attempt: Attempt) -> Iterator[str]:
    """Rules that refuse an attempt, by our own evaluator."""
    for rule in RULES.values():
        admission = admission_of(rule)
        if rule.level is not Level.MANDATORY:
            continue
        if list(admission.answers(attempt, namespace_of(attempt.manifest), Settings())):
            yield rule.id


def _collection(kind: Kind, namespace: str) -> str:
    if not kind.namespaced:
        return kind.path
    root, _, plural = kind.path.rpartition("/")
    return f"{root}/namespaces/{namespace}/{plural}"


def _media_type(api: Api) -> str:
    """One that the lab's definition of Transfer allows."""
    kinds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    (version,) = api.read(f"{kinds}/transfers.{_LAB}")["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    allowed = spec["files"]["items"]["properties"]["type"].get("enum") or []
    return allowed[0] if allowed else examples.MEDIA_TYPE


@contextmanager
def trial(api: Api, namespace: str, *, asks: bool = False) -> Iterator[Trial]:
    """With users that may do what the examples try, and a sandbox with a list of images.

    Args:
        api: the administrator's.
        namespace: of a sandbox of the lab's configuration.
        asks: also ask for sandboxes, and make what an operator would: where there is none, nor
            evidence.
    """
    found = Trial(api, namespace, secrets.token_hex(4), asks, _media_type(api))
    people = found.people
    with ExitStack() as stack:
        given(api, (*people.values(), *found.accounts), _everything_tried(), stack)
        for who, rights in (
            ((found.reader,), [right("", ["pods/attach", "pods/exec"], ["get"])]),
            (
                (people[examples.APPROVER], people[examples.SECOND_APPROVER]),
                [right(_LAB, ["sandboxes/approval", "transfers/approval"], ["update"])],
            ),
            (
                (people[examples.OFFICER],),
                [right(_LAB, ["sandboxes/suspension"], ["delete", "update"])],
            ),
            (
                (people[examples.OPERATOR],),
                [
                    right(_LAB, ["sandboxes/status"], ["update"]),
                    {
                        **right(_RBAC, ["clusterroles"], ["bind"]),
                        "resourceNames": [naming.PRINCIPAL_ROLE],
                    },
                ],
            ),
        ):
            given(api, who, rights, stack)
        for user in (people[examples.SOMEBODY], found.reader):
            wait_until_allowed(
                found.acting_as(user),
                namespace=namespace,
                verb="get",
                resource="pods",
                subresource="exec",
            )
        for name, what in ((examples.OPERATOR, "status"), (examples.OFFICER, "suspension")):
            wait_until_allowed(
                found.acting_as(people[name]),
                group=_LAB,
                verb="update",
                resource="sandboxes",
                subresource=what,
            )
        sandboxes.namespace(api, found.listed, stack, **{naming.ANNOTATION_IMAGES: examples.IMAGE})
        if asks:
            sandboxes.namespace(api, found.requested, stack)
        yield found


def _everything_tried() -> list[dict[str, list[str]]]:
    by_group: dict[str, set[str]] = {}
    for rule in RULES.values():
        for kind in admission_of(rule).kinds:
            names = {kind.resource, *(f"{kind.resource}/{sub}" for sub in kind.subresources)}
            by_group.setdefault(kind.group, set()).update(names)
    # Who may `update` it counts as the operator.
    by_group[_LAB] -= {"sandboxes/status"}
    rights = [right(group, sorted(names), _WRITE) for group, names in sorted(by_group.items())]
    return [*rights, right(_LAB, ["sandboxes/status"], ["get", "patch"])]


def faults(rule: Rule, tried: Trial) -> list[str]:
    """What a running API server does otherwise than a rule says; empty if nothing."""
    found: list[str] = []
    named = False
    # Only one policy is named of those that refuse: what several do proves this one or another.
    alone = False
    for attempt, admitted in admission_of(rule).attempts():
        for answer in tried.send(rule, attempt):
            if admitted:
                found += _admitted(answer)
            elif rule.level is not Level.MANDATORY:
                named = named or rule.id in answer.warned_by
                if rule.id not in answer.warned_by and not answer.otherwise_refused:
                    found.append(f"nobody is warned of {answer}")
            else:
                named = named or answer.refused_by == rule.id
                alone = alone or answer.by == {rule.id}
                if answer.refused_by not in answer.by and not answer.otherwise_refused:
                    found.append(f"not refused by {cluster.name_of(rule.id)}: {answer}")
    if not named and (alone or rule.level is not Level.MANDATORY):
        found.append(f"no example was answered in the name of {cluster.name_of(rule.id)}")
    return found


def _admitted(answer: Answer) -> list[str]:
    status = answer.response.status_code
    # Nobody is there to connect to.
    gone = status in (400, 404) and answer.what.startswith("CONNECT")
    return [] if answer.response.is_success or gone else [f"refused: {answer}"]
