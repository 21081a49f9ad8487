"""Writing one object: as which owner, over what, and with how much patience for its neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import tenacity

from infra.errors import KubernetesRefused
from infra.kubernetes.client import APPLY, Answer
from infra.kubernetes.discovery import Kind
from infra.offline.kubernetes import objects
from infra.offline.kubernetes.cluster import Session
from infra.offline.kubernetes.objects import Manifest, metadata
from infra.offline.kubernetes.settings import Settings
from infra.offline.kubernetes.waiting import Place
from infra.plugins import current

#: Seconds for what an object needs (its namespace, its kind) and another resource brings.
SETTLING: Final = 30.0

_Result = TypeVar("_Result")


def place_of(session: Session, kind: Kind, manifest: Manifest) -> Place:
    """Where the object belongs; without a namespace of its own in the default one."""
    namespace = metadata(manifest).get("namespace") or session.default_namespace
    return Place(kind, namespace if kind.namespaced else None, metadata(manifest)["name"])


def find_kind(session: Session, manifest: Manifest, *, timeout: float) -> Kind:
    """Waits a little for a definition that another resource is bringing.

    Raises:
        KubernetesRefused: the API does not have the kind.
    """

    def find() -> Kind | None:
        return session.discovery.find(manifest["apiVersion"], manifest["kind"])

    found = _patiently(find, lambda kind: kind is None, timeout=timeout)
    if found is None:
        raise KubernetesRefused(
            f"the API has no kind {manifest['kind']} in {manifest['apiVersion']}.",
            next_step="correct apiVersion and kind, or depend on what defines the kind.",
        )
    return found


def _patiently(
    work: Callable[[], _Result], again: Callable[[_Result], bool], *, timeout: float
) -> _Result:
    """The first result that is good enough, or the last one when time is up."""
    cancelled = current().cancelled
    last: list[_Result] = []
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(again),
        stop=tenacity.stop_any(
            tenacity.stop_after_delay(min(timeout, SETTLING)),
            tenacity.stop_when_event_set(cancelled),
        ),
        wait=tenacity.wait_fixed(0.5),
        sleep=tenacity.sleep_using_event(cancelled),
        retry_error_callback=lambda _state: last[-1],
    )

    def once() -> _Result:
        last[:] = [work()]
        return last[0]

    return retrying(once)


class Writer:
    """Applies as one owner: the stack; for a patch, the one resource."""

    def __init__(self, *, patch: bool) -> None:
        self._patch = patch

    def claim(self, session: Session, place: Place, manifest: Manifest, settings: Settings) -> None:
        """A new resource must not take over what something else made, nor later delete it.

        What this very stack made and then lost (killed between the API and its state) is taken
        up again; a patch wants an object that is there.

        Raises:
            KubernetesRefused
        """
        answer = session.api.request("GET", place.path)
        what = objects.describe(manifest, place.namespace)
        if self._patch:
            if not answer.ok:
                raise answer.refused(what)
            return
        if not answer.ok or settings.adopt:
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

    def apply(
        self,
        session: Session,
        place: Place,
        manifest: Manifest,
        settings: Settings,
        *,
        dry_run: bool = False,
        patience: float | None = None,
    ) -> Answer:
        """One server-side apply."""
        # The program owns what it declares, whoever touched it since; a patch owns nothing.
        asked = objects.annotation(manifest, objects.PATCH_FORCE) == "true"
        force = not self._patch or settings.patch_force or asked
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

    def apply_soon(
        self,
        session: Session,
        place: Place,
        manifest: Manifest,
        settings: Settings,
        *,
        timeout: float,
    ) -> dict[str, Any]:
        """Applies; waits a little for the namespace or service account that comes beside it.

        Raises:
            KubernetesRefused
        """
        answer: Answer = _patiently(
            lambda: self.apply(session, place, manifest, settings), _comes_beside, timeout=timeout
        )
        if not answer.ok:
            raise answer.refused(objects.describe(manifest, place.namespace))
        return answer.body

    def _manager(self) -> str:
        urn = current().urn
        parts = urn.split("::")
        stack = parts[0].removeprefix("urn:pulumi:")
        owner = f"pulumi-{parts[1] if len(parts) > 1 else ''}-{stack}"[:100]
        if self._patch:
            return f"{owner}-{hashlib.sha256(urn.encode()).hexdigest()[:8]}"
        return owner


def _comes_beside(answer: Answer) -> bool:
    if answer.status == 404:
        return True
    return answer.status == 403 and "serviceaccount" in answer.message.lower().replace(" ", "")
