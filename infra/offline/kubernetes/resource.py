"""Any object of the Kubernetes API as a Pulumi resource, by server-side apply.

(https://kubernetes.io/docs/reference/using-api/server-side-apply/)
"""

from __future__ import annotations

from typing import Any

from infra.errors import KubernetesNotReady, KubernetesRefused, KubernetesUnreachable
from infra.kubernetes.client import Answer
from infra.kubernetes.discovery import Kind
from infra.offline.kubernetes import objects
from infra.offline.kubernetes.cluster import Cluster, Session
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
from infra.offline.kubernetes.writing import Writer, find_kind, place_of
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


class KubernetesObject(ResourceType):
    """Every kind, or (for a `...Patch` type) some fields of an object that others own."""

    def __init__(self, cluster: Cluster, token: Token) -> None:
        self._cluster = cluster
        self._token = token
        self._writer = Writer(patch=token.patch)

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
        place, settings = place_of(session, kind, new), self._cluster.settings
        answer = self._writer.apply(session, place, new, settings, dry_run=True)
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

        The schema of a custom resource, a quota or a policy may change in the same update, and
        what is in the way of a replacement is deleted; the schema of a built-in kind stays.
        """
        if any(is_immutable(message) for _field, message in answer.causes):
            return
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
            place, settings = place_of(session, kind, manifest), self._cluster.settings
            return self._writer.apply(session, place, manifest, settings, dry_run=True, patience=0)
        except KubernetesUnreachable as error:
            current().log(error.message, severity="debug")
            return None

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        manifest = objects.to_manifest(news)
        session, settings = self._cluster.session(), self._cluster.settings
        place = place_of(session, find_kind(session, manifest, timeout=timeout), manifest)
        self._writer.claim(session, place, manifest, settings)
        item = self._writer.apply_soon(session, place, manifest, settings, timeout=timeout)
        id_ = objects.join_id(place.namespace, place.name)
        return Created(id_, self._settled(session, place, item, id_, timeout))

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
        session, settings = self._cluster.session(), self._cluster.settings
        place = place_of(session, find_kind(session, manifest, timeout=timeout), manifest)
        item = self._writer.apply_soon(session, place, manifest, settings, timeout=timeout)
        return self._settled(session, place, item, id_, timeout)

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
            answer = self._writer.apply(session, place, self._identity(id_), self._cluster.settings)
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

    def _settled(
        self, session: Session, place: Place, item: dict[str, Any], id_: str, timeout: float
    ) -> dict[str, Any]:
        """The outputs, once ready. From here on the object exists, whatever goes wrong."""
        if self._token.patch or objects.annotation(item, objects.SKIP_AWAIT) == "true":
            return objects.to_outputs(item)
        try:
            return objects.to_outputs(until_ready(session.api, place, item, seconds=timeout))
        except (KubernetesNotReady, KubernetesRefused, KubernetesUnreachable) as error:
            raise Incomplete(error, id=id_, outputs=objects.to_outputs(item)) from error


def _spelt(changes: dict[Path, Change]) -> dict[str, Change]:
    return {property_path(path): kind for path, kind in changes.items()}


def _replacement(changes: dict[Path, Change], replaced: frozenset[Path], new: Manifest) -> Diff:
    return Diff(
        _spelt(changes),
        replaces=frozenset(property_path(path) for path in replaced),
        delete_before_replace=not objects.is_autonamed(new),
    )
