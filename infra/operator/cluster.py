"""What the operator does with objects of the API: apply, list, delete, wait until they are gone.

Everything is applied server-side by one field manager, so that repeating it costs nothing and
what is no longer said is taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from infra import naming
from infra.cluster.manifests import Manifest
from infra.errors import KubernetesNotReady, KubernetesRefused
from infra.kubernetes.client import APPLY, Answer, Api
from infra.kubernetes.discovery import Discovery

T = TypeVar("T")

#: Owner of every field that the operator sets.
MANAGER = naming.OPERATOR
#: Requests of one step that are under way at the same time.
_WIDTH = 8
#: Seconds that one watch of something that goes lasts at most.
_WATCH = 5


class Cluster:
    """One API server. Safe to use from many threads."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.discovery = Discovery(api)
        self._threads = ThreadPoolExecutor(4 * _WIDTH, thread_name_prefix="requests")

    def side_by_side(self, calls: Iterable[Callable[[], T]]) -> list[T]:
        """Does all of it, and then raises the first error, if there was one."""
        futures = [self._threads.submit(call) for call in calls]
        for future in futures:
            future.exception()  # waits
        return [future.result() for future in futures]

    def apply(self, manifest: Manifest, version: str | None = None) -> dict[str, Any]:
        """Makes an object what it is to be; with a `version`, only if it was not changed since.

        Raises:
            KubernetesRefused, KubernetesUnreachable
        """
        answer = self.try_apply(manifest, version)
        if not answer.ok:
            raise answer.refused(_describe(manifest))
        return answer.body

    def try_apply(self, manifest: Manifest, version: str | None = None) -> Answer:
        """Like `apply`, for who wants to know what the API server says.

        With a `version` an object that has changed since then, or is gone, is refused (409).
        """
        params = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        if version is not None:
            metadata = {**manifest["metadata"], "resourceVersion": version}
            manifest = {**manifest, "metadata": metadata}
        return self.api.request(
            "PATCH", self.path(manifest), params=params, body=manifest, content_type=APPLY
        )

    def path(self, manifest: Mapping[str, Any]) -> str:
        """Where the API has an object."""
        metadata = manifest["metadata"]
        return (
            self.collection(manifest["apiVersion"], manifest["kind"], metadata.get("namespace"))
            + f"/{metadata['name']}"
        )

    def collection(self, api_version: str, kind: str, namespace: str | None = None) -> str:
        """Where the API has all objects of a kind.

        Raises:
            KubernetesRefused: it does not have that kind.
        """
        found = self.discovery.find(api_version, kind)
        if found is None:
            raise KubernetesRefused(
                f"the API server does not know {api_version} {kind}.",
                next_step="run `./lab up`: the cluster's baseline brings every kind that is used.",
            )
        return found.collection(namespace)

    def list(self, collection: str, *, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        """The objects of a collection."""
        found: list[dict[str, Any]] = self._list(collection, labels, fields).get("items") or []
        return found

    def _list(self, collection: str, labels: str, fields: str) -> dict[str, Any]:
        params = {"labelSelector": labels, "fieldSelector": fields}
        answer = self.api.request(
            "GET", collection, params={name: value for name, value in params.items() if value}
        )
        if not answer.ok:
            raise answer.refused(collection)
        return answer.body

    def get(self, path: str) -> dict[str, Any] | None:
        """An object, or None."""
        answer = self.api.request("GET", path)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise answer.refused(path)
        return answer.body

    def delete(
        self, path: str, *, uid: str | None = None, grace: int | None = None, all_of: bool = False
    ) -> None:
        """Deletes an object, or (`all_of`) all of a collection; nothing there is fine.

        Args:
            path: of the object or the collection.
            uid: of the object that is meant; another one of the same name is refused.
            grace: seconds that pods get to end.
            all_of: `path` is a collection.
        """
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        answer = self.api.request("DELETE", path, body=options)
        gone = answer.status == 404 and not all_of
        if not answer.ok and not gone:
            raise answer.refused(path)

    def until_gone(self, collection: str, *, patience: float, fields: str = "") -> None:
        """Waits until nothing is left of a collection.

        Raises:
            KubernetesNotReady: something still is there after so many seconds.
        """
        end = time.monotonic() + patience
        while True:
            body = self._list(collection, "", fields)
            left = {item["metadata"]["name"] for item in body.get("items") or []}
            if not left:
                return
            remaining = end - time.monotonic()
            if remaining <= 0:
                names = ", ".join(sorted(left)[:5])
                raise KubernetesNotReady(
                    f"{len(left)} objects of {collection} do not go: {names}.",
                    next_step="see what their finalizers and nodes wait for; it is tried again.",
                )
            params = {
                "resourceVersion": body["metadata"]["resourceVersion"],
                "timeoutSeconds": str(max(1, round(min(remaining, _WATCH)))),
            }
            if fields:
                params["fieldSelector"] = fields
            self._watch_go(collection, params, left)

    def _watch_go(self, collection: str, params: Mapping[str, str], left: set[str]) -> None:
        """Until all of these are deleted, or the watch ends."""
        for event in self.api.watch(collection, params):
            if event["type"] == "DELETED":
                left.discard(event["object"]["metadata"]["name"])
            if not left:
                return


def _describe(manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    where = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
    return f"{manifest['kind']} {where}"
