"""The Kubernetes API as different callers meet it: status codes and bodies, nothing wrapped."""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

T = TypeVar("T")

_BASES = {"v1": "/api/v1"}
#: Path segment of every kind that the checks touch.
_PLURALS = {
    "APIService": "apiservices",
    "CiliumIdentity": "ciliumidentities",
    "CiliumNetworkPolicy": "ciliumnetworkpolicies",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "EndpointSlice": "endpointslices",
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
    "LimitRange": "limitranges",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolume": "persistentvolumes",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Sandbox": "sandboxes",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "Transfer": "transfers",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
_CLUSTER_WIDE = {
    "APIService",
    "CiliumIdentity",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "Namespace",
    "PersistentVolume",
    "Sandbox",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}


class Api:
    """One caller of the API server."""

    def __init__(self, client: httpx.Client, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._client = client
        self._headers = list(headers)

    def get(self, path: str, **query: str) -> httpx.Response:
        """Reads; an API server that is still filling its caches (429) is waited for."""
        return eventually(
            lambda: self._client.get(path, params=query, headers=self._headers),
            until=lambda answer: answer.status_code != 429,
            within=15,
        )

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """A list that must be readable."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, f"GET {path} answered {say(answer)}"
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def read(self, path: str) -> dict[str, Any]:
        """An object that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, f"GET {path} answered {say(answer)}"
        document: dict[str, Any] = answer.json()
        return document

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> httpx.Response:
        query = {"dryRun": "All"} if dry_run else {}
        return self.post(collection(manifest), manifest, **query)

    def post(self, path: str, body: Mapping[str, Any], **query: str) -> httpx.Response:
        return self._client.post(path, json=body, params=query, headers=self._headers)

    def put(self, path: str, body: Mapping[str, Any], **query: str) -> httpx.Response:
        """Replaces an object."""
        return self._client.put(path, json=body, params=query, headers=self._headers)

    def patch(self, path: str, body: Mapping[str, Any], **query: str) -> httpx.Response:
        """A merge patch."""
        kind = ("Content-Type", "application/merge-patch+json")
        return self._client.patch(path, json=body, params=query, headers=[*self._headers, kind])

    def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> httpx.Response:
        """A server-side apply that wins over other managers."""
        return self._client.patch(
            path,
            content=json.dumps(body),
            params={"fieldManager": manager, "force": "true"},
            headers=[*self._headers, ("Content-Type", "application/apply-patch+yaml")],
        )

    def delete(self, path: str, *, dry_run: bool = False) -> httpx.Response:
        """Deletes at once, without a grace period."""
        query = {"gracePeriodSeconds": "0"} | ({"dryRun": "All"} if dry_run else {})
        return self._client.delete(path, params=query, headers=self._headers)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> httpx.Response:
        """Any request; of headers that it has already, those given here win."""
        own = [(key, value) for key, value in self._headers if key not in headers]
        told = {"Content-Type": "application/json", **headers}
        return self._client.request(
            method,
            path,
            content=None if body is None else json.dumps(body),
            params=query or None,
            headers=[*own, *told.items()],
        )

    def acting_as(self, user: str, *groups: str) -> Api:
        """The same connection, every request in another user's name."""
        return Api(
            self._client,
            [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)],
        )


def collection(manifest: Mapping[str, Any]) -> str:
    """Path to which an object is posted."""
    version = str(manifest["apiVersion"])
    base = _BASES.get(version, f"/apis/{version}")
    kind = str(manifest["kind"])
    if kind in _CLUSTER_WIDE:
        return f"{base}/{_PLURALS[kind]}"
    return f"{base}/namespaces/{manifest['metadata']['namespace']}/{_PLURALS[kind]}"


def location(manifest: Mapping[str, Any]) -> str:
    """Path of an object."""
    return f"{collection(manifest)}/{manifest['metadata']['name']}"


def say(answer: httpx.Response) -> str:
    """Status and the server's own message, for people."""
    try:
        message = answer.json().get("message", answer.text)
    except ValueError:
        message = answer.text
    return f"{answer.status_code}: {str(message)[:300]}"


@contextmanager
def administrator(kubeconfig: Path, *, timeout: float = 10) -> Iterator[Api]:
    """The lab's administrator, by kubeconfig."""
    document = yaml.safe_load(kubeconfig.read_text())
    cluster = document["clusters"][0]["cluster"]
    user = document["users"][0]["user"]
    context = trusting(certificate_authority(kubeconfig))
    with (
        _memory_file(base64.b64decode(user["client-certificate-data"])) as certificate,
        _memory_file(base64.b64decode(user["client-key-data"])) as key,
    ):
        context.load_cert_chain(certificate, key)
    with httpx.Client(
        base_url=cluster["server"], verify=context, timeout=timeout, trust_env=False
    ) as client:
        yield Api(client)


@contextmanager
def stranger(address: tuple[str, int], authority: str = "", *, token: str = "") -> Iterator[Api]:
    """Somebody without a certificate; with `token`, its bearer.

    Without `authority` (PEM) the server's certificate is not checked, as a stranger would not.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(
        base_url=f"https://{address[0]}:{address[1]}",
        verify=trusting(authority) if authority else _trusting_anybody(),
        timeout=10,
        trust_env=False,
        headers=headers,
    ) as client:
        yield Api(client)


def certificate_authority(kubeconfig: Path) -> str:
    """The cluster's own CA (PEM), as a kubeconfig has it."""
    document = yaml.safe_load(kubeconfig.read_text())
    encoded = document["clusters"][0]["cluster"]["certificate-authority-data"]
    return base64.b64decode(encoded).decode()


def _trusting_anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def trusting(authority: str) -> ssl.SSLContext:
    """A client context for servers whose certificates this PEM authority signed."""
    context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    """A path to secret bytes that never touch a disk."""
    descriptor = os.memfd_create("lab-credential")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def eventually(
    look: Callable[[], T], *, until: Callable[[T], bool], within: float, every: float = 0.2
) -> T:
    """Looks again and again until the answer fits; returns the last one, fitting or not."""

    def last(state: Any) -> T:
        answer: T = state.outcome.result()
        return answer

    answer: T = Retrying(
        retry=retry_if_result(lambda seen: not until(seen)),
        stop=stop_after_delay(within),
        wait=wait_fixed(every),
        retry_error_callback=last,
    )(look)
    return answer
