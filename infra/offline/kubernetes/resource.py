"""Any object of the Kubernetes API as a Pulumi resource, by server-side apply.

(https://kubernetes.io/docs/reference/using-api/server-side-apply/)
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import tenacity

from infra.errors import KubernetesNotReady, KubernetesRefused, KubernetesUnreachable
from infra.offline.kubernetes import objects
from infra.offline.kubernetes.client import APPLY, Answer
from infra.offline.kubernetes.cluster import Cluster, Session
from infra.offline.kubernetes.discovery import Kind
from infra.offline.kubernetes.drift import (
    effective,
    identity_changes,
    is_immutable,
    merge_live,
    preview_outputs,
    replacing,
)
from infra.offline.kubernetes.objects import Manifest, Token, metadata
from infra.offline.kubernetes.readiness import WORKLOADS
from infra.offline.kubernetes.waiting import Place, until_gone, until_ready
from infra.plugins import (
    UNKNOWN,
    Change,
    Checked,
    Created,
    Diff,
    Failure,
    Incomplete,
    Read,
    ResourceType,
    contains_unknown,
    current,
)
from infra.plugins.diffing import Path, changed_paths, property_path

#: Seconds for what a new object needs (its namespace, its kind) and another resource brings.
_SETTLING: Final = 30.0


class KubernetesObject(ResourceType):
    """Every kind, or (for a `...Patch` type) some fields of an object that others own."""

    def __init__(self, cluster: Cluster, token: Token) -> None:
        self._cluster = cluster
        self._token = token

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        inputs = {"apiVersion": self._token.api_version, "kind": self._token.kind, **news}
        failures = []
        if "items" in inputs and self._token.kind.endswith("List"):
            failures.append(Failure("items", "a list is no object; declare its objects singly."))
        given = inputs.get("metadata", {})
        if given is not UNKNOWN and not isinstance(given, dict):
            failures.append(Failure("metadata", "must be a map."))
        failures += [
            Failure(f'metadata.annotations["{name}"]', "is not supported by the offline provider.")
            for name in objects.UNSUPPORTED
            if objects.annotation(inputs, name) is not None
        ]
        if self._token.patch and metadata(inputs).get("name") is None:
            failures.append(Failure("metadata.name", "a patch must say which object it is for."))
        if failures or given is UNKNOWN:
            return Checked(inputs, failures)
        call = current()
        named = objects.with_name(inputs, olds, name=call.name, seed=call.random_seed)
        return Checked(objects.conceal(named))

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        """No request where the program has not changed; else one, a dry run of the update."""
        old, new = objects.to_manifest(old_inputs), objects.to_manifest(news)
        changes = changed_paths(old, new)
        if not changes:
            return Diff()
        session = self._cluster.session()
        replaced = identity_changes(
            old,
            new,
            old_id=objects.split_id(id_),
            default_namespace=session.default_namespace,
        )
        if replaced:
            return _replacement({**dict.fromkeys(replaced, "update"), **changes}, replaced, new)
        if contains_unknown(new):
            return Diff(_spelt(changes))
        kind = session.discovery.find(new["apiVersion"], new["kind"])
        if kind is None:
            return Diff(_spelt(changes))
        return self._confirmed(session, kind, changes, new, old_outputs)

    def _confirmed(
        self,
        session: Session,
        kind: Kind,
        changes: dict[Path, Change],
        new: Manifest,
        old_outputs: dict[str, Any],
    ) -> Diff:
        answer = self._apply(session, self._place(session, kind, new), new, dry_run=True)
        if answer.status == 200:
            return Diff(_spelt(effective(changes, new, old_outputs, answer.body)))
        fixed = [field for field, message in answer.causes if is_immutable(message)]
        if answer.status == 422 and fixed:
            spelt = _spelt(changes)
            return Diff(
                spelt,
                replaces=replacing(changes, fixed),
                delete_before_replace=not objects.is_autonamed(new),
            )
        self._judge_preview(answer, new)
        return Diff(_spelt(changes))

    def _judge_preview(self, answer: Answer, new: Manifest) -> None:
        """A dry run that failed: fatal only if nothing in the same update can mend it.

        The schema of a custom resource, a quota or a policy may change in the same update; the
        schema of a built-in kind does not.
        """
        built_in = "." not in new["apiVersion"] or "k8s.io/" in new["apiVersion"]
        refused = answer.refused(objects.describe(new))
        if answer.status in (400, 422) and built_in:
            raise refused
        if not answer.ok and answer.status != 404:
            current().log(f"the API would refuse this now: {refused.message}", severity="warning")

    def preview(self, news: dict[str, Any]) -> dict[str, Any]:
        return self._previewed(news, new=True)

    def preview_update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> dict[str, Any]:
        return self._previewed(news, new=False)

    def _previewed(self, news: dict[str, Any], *, new: bool) -> dict[str, Any]:
        manifest = objects.to_manifest(news)
        if not contains_unknown(manifest):
            answer = self._try_dry_run(manifest)
            if answer is not None and answer.ok:
                return objects.conceal(preview_outputs(answer.body, new=new, given=news))
            if answer is not None:
                self._judge_preview(answer, manifest)
        return objects.conceal(preview_outputs(news, new=True, given=news))

    def _try_dry_run(self, manifest: Manifest) -> Answer | None:
        """None where there is no cluster to ask yet: then the preview knows less, that is all."""
        try:
            session = self._cluster.session()
            kind = session.discovery.find(manifest["apiVersion"], manifest["kind"], patience=0)
            if kind is None:
                return None
            place = self._place(session, kind, manifest)
            return self._apply(session, place, manifest, dry_run=True, patience=0)
        except KubernetesUnreachable as error:
            current().log(error.message, severity="debug")
            return None

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        manifest = objects.to_manifest(news)
        session = self._cluster.session()
        kind = self._kind(session, manifest, seconds=min(timeout, _SETTLING))
        place = self._place(session, kind, manifest)
        self._claim(session, place, manifest)
        answer = self._apply_new(session, place, manifest, seconds=min(timeout, _SETTLING))
        if not answer.ok:
            raise answer.refused(objects.describe(manifest, place.namespace))
        id_ = objects.join_id(place.namespace, place.name)
        return Created(id_, self._ready(session, place, manifest, answer.body, id_, timeout))

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        manifest = objects.to_manifest(news)
        session = self._cluster.session()
        kind = self._kind(session, manifest, seconds=min(timeout, _SETTLING))
        place = self._place(session, kind, manifest)
        answer = self._apply_new(session, place, manifest, seconds=min(timeout, _SETTLING))
        if not answer.ok:
            raise answer.refused(objects.describe(manifest, place.namespace))
        return self._ready(session, place, manifest, answer.body, id_, timeout)

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        manifest = objects.to_manifest(inputs) or self._identity(id_)
        session = self._cluster.session()
        kind = session.discovery.find(manifest["apiVersion"], manifest["kind"])
        if kind is None:
            return None
        namespace, name = objects.split_id(id_)
        if kind.namespaced:
            namespace = namespace or session.default_namespace
        answer = session.api.request("GET", kind.path(namespace, name))
        if answer.status == 404:
            return None
        if not answer.ok:
            raise answer.refused(objects.describe(manifest, namespace))
        live = answer.body
        found = objects.to_outputs(live)
        spelt = objects.join_id(namespace, name)
        if not inputs:
            return Read(objects.conceal(objects.importable(live)), found, spelt)
        merged = merge_live(manifest, outputs, live)
        same = merged == manifest
        return Read(objects.conceal(inputs if same else merged), found, spelt)

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        manifest = objects.to_manifest(inputs) or self._identity(id_)
        session = self._cluster.session()
        kind = session.discovery.find(manifest["apiVersion"], manifest["kind"])
        if kind is None:
            return  # the kind is gone, and with it every object of it
        namespace, name = objects.split_id(id_)
        place = Place(kind, namespace, name)
        what = objects.describe(manifest, namespace)
        if self._token.patch:
            answer = self._apply(session, place, self._identity(id_))
        else:
            policy = "Foreground" if manifest["kind"] in WORKLOADS else "Background"
            options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
            answer = session.api.request("DELETE", place.path, body=options)
        if answer.status == 404:
            return
        if not answer.ok:
            raise answer.refused(what)
        if not self._token.patch and answer.body.get("kind") != "Status":
            until_gone(session.api, place, answer.body, what=what, seconds=timeout)

    def _identity(self, id_: str) -> Manifest:
        namespace, name = objects.split_id(id_)
        named = {"name": name, **({"namespace": namespace} if namespace else {})}
        return {
            "apiVersion": self._token.api_version,
            "kind": self._token.kind,
            "metadata": named,
        }

    def _kind(self, session: Session, manifest: Manifest, *, seconds: float) -> Kind:
        """Waits a little for a definition that another resource is bringing."""
        call = current()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda kind: kind is None),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(seconds), tenacity.stop_when_event_set(call.cancelled)
            ),
            wait=tenacity.wait_fixed(1),
            sleep=tenacity.sleep_using_event(call.cancelled),
            retry_error_callback=lambda _state: None,
        )
        found = retrying(session.discovery.find, manifest["apiVersion"], manifest["kind"])
        if found is None:
            raise KubernetesRefused(
                f"the API has no kind {manifest['kind']} in {manifest['apiVersion']}.",
                next_step="correct apiVersion and kind, or depend on what defines the kind.",
            )
        return found

    def _place(self, session: Session, kind: Kind, manifest: Manifest) -> Place:
        namespace = metadata(manifest).get("namespace") or session.default_namespace
        return Place(kind, namespace if kind.namespaced else None, metadata(manifest)["name"])

    def _claim(self, session: Session, place: Place, manifest: Manifest) -> None:
        """A new resource must not take over what something else made, nor later delete it.

        What this very stack made and then lost (killed between the API and its state) is taken
        up again; a patch wants an object that is there.
        """
        answer = session.api.request("GET", place.path)
        what = objects.describe(manifest, place.namespace)
        if self._token.patch:
            if not answer.ok:
                raise answer.refused(what)
            return
        if not answer.ok or self._cluster.settings.adopt:
            return
        managers = metadata(answer.body).get("managedFields") or []
        if not any(
            entry.get("manager") == self._manager() and entry.get("operation") == "Apply"
            for entry in managers
        ):
            raise KubernetesRefused(
                f"{what} exists already and was not made by this stack.",
                next_step="import it (`pulumi import`), delete it, or give yours another name.",
            )
        current().log("taken up again: an interrupted operation had made it")

    def _apply_new(
        self, session: Session, place: Place, manifest: Manifest, *, seconds: float
    ) -> Answer:
        """Applies; waits a little for the namespace or service account that comes beside it."""
        call = current()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(_comes_beside),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(seconds), tenacity.stop_when_event_set(call.cancelled)
            ),
            wait=tenacity.wait_fixed(0.5),
            sleep=tenacity.sleep_using_event(call.cancelled),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer: Answer = retrying(self._apply, session, place, manifest)
        return answer

    def _apply(
        self,
        session: Session,
        place: Place,
        manifest: Manifest,
        *,
        dry_run: bool = False,
        patience: float | None = None,
    ) -> Answer:
        # The program owns what it declares, whoever touched it since; a patch owns nothing.
        force = not self._token.patch or self._cluster.settings.patch_force
        if objects.annotation(manifest, objects.PATCH_FORCE) == "true":
            force = True
        params = {
            "fieldManager": self._manager(),
            "force": "true" if force else "false",
            # A misspelt field of a policy must be refused, not ignored.
            "fieldValidation": "Strict",
        }
        if dry_run:
            params["dryRun"] = "All"
        return session.api.request(
            "PATCH", place.path, params=params, body=manifest, content_type=APPLY, patience=patience
        )

    def _manager(self) -> str:
        """Who owns the fields: this stack; for a patch, this one resource."""
        urn = current().urn
        parts = urn.split("::")
        stack = parts[0].removeprefix("urn:pulumi:")
        owner = f"pulumi-{parts[1] if len(parts) > 1 else ''}-{stack}"[:100]
        if self._token.patch:
            return f"{owner}-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
        return owner

    def _ready(
        self,
        session: Session,
        place: Place,
        manifest: Manifest,
        item: dict[str, Any],
        id_: str,
        timeout: float,
    ) -> dict[str, Any]:
        """The outputs, once ready. From here on the object exists, whatever goes wrong."""
        skip = self._token.patch or objects.annotation(manifest, objects.SKIP_AWAIT) == "true"
        if skip:
            return objects.to_outputs(item)
        try:
            return objects.to_outputs(until_ready(session.api, place, item, seconds=timeout))
        except (KubernetesNotReady, KubernetesRefused, KubernetesUnreachable) as error:
            raise Incomplete(error, id=id_, outputs=objects.to_outputs(item)) from error


def _comes_beside(answer: Answer) -> bool:
    if answer.status == 404:
        return True
    return answer.status == 403 and "serviceaccount" in answer.message.lower().replace(" ", "")


def _spelt(changes: dict[Path, Change]) -> dict[str, Change]:
    return {property_path(path): kind for path, kind in changes.items()}


def _replacement(changes: dict[Path, Change], replaced: frozenset[Path], new: Manifest) -> Diff:
    return Diff(
        _spelt(changes),
        replaces=frozenset(property_path(path) for path in replaced),
        delete_before_replace=not objects.is_autonamed(new),
    )
