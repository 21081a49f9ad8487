"""Pushes images into a registry, by the OCI distribution API."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from infra.errors import ImagePushFailed
from infra.toolchain.archive import IMAGE_MANIFEST, Reader

_BLOCK = 1 << 20
_ATTEMPTS = 3
#: Registries on this host may speak plain HTTP, as Docker and containerd have it.
_PLAIN_HOSTS = frozenset({"localhost", "127.0.0.1"})


class _Unavailable(Exception):
    """The registry could not serve a request now; the same one may succeed."""


class _Token(httpx.Auth):
    """Answers a registry's challenge: Basic at once, Bearer by asking for a token.

    Credentials go to the registry and, over TLS, to where it says that tokens are given: never to
    another host that a blob is to be sent to, and never over a network in plain.
    """

    def __init__(self, address: str, basic: str | None) -> None:
        self._address = address
        self._basic = basic
        self._header: str | None = f"Basic {basic}" if basic else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.url.netloc.decode() != self._address:
            yield request
            return
        if self._header:
            request.headers["Authorization"] = self._header
        response = yield request
        challenge = response.headers.get("WWW-Authenticate", "")
        if response.status_code != httpx.codes.UNAUTHORIZED or not challenge.startswith("Bearer "):
            return
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        parameters = {key: fields[key] for key in ("service", "scope") if key in fields}
        realm = httpx.URL(fields.get("realm", ""))
        wanted = httpx.Request("GET", realm, params=parameters)
        if self._basic and (realm.scheme == "https" or realm.host in _PLAIN_HOSTS):
            wanted.headers["Authorization"] = f"Basic {self._basic}"
        answer = yield wanted
        answer.read()
        if answer.status_code != httpx.codes.OK:
            return
        told = answer.json()
        self._header = f"Bearer {told.get('token') or told['access_token']}"
        request.headers["Authorization"] = self._header
        yield request


def credentials(host: str) -> str | None:
    """Basic credentials for a registry from Docker's own configuration file, still encoded."""
    folder = os.environ.get("DOCKER_CONFIG")
    file = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        entries = json.loads(file.read_text()).get("auths", {})
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError) as error:
        raise ImagePushFailed(
            f"{file} is not what Docker writes: {error}.", next_step="log in to the registry again."
        ) from error
    found = entries.get(host, {})
    if "username" in found and "password" in found:
        return base64.b64encode(f"{found['username']}:{found['password']}".encode()).decode()
    encoded = found.get("auth")
    return str(encoded) if encoded else None


def repository(reference: str, prefix: str) -> tuple[str, str]:
    """Repository and tag that an image gets in a registry.

    Args:
        reference: the image's full name, such as registry.k8s.io/pause:3.10.2.
        prefix: path in the registry that all images go below; may be empty.
    """
    name, _, tag = reference.rpartition(":")
    path = name.partition("/")[2]
    return (f"{prefix}/{path}" if prefix else path), tag


def push(archive: Path, registry: str) -> list[str]:
    """Pushes every image of an archive; returns the names that they have now.

    What the registry has already is not sent again, so a second push costs a few requests.

    Args:
        archive: made by `archive.write_archive`.
        registry: host, port and path, such as registry.example.org:5000/lab. HTTPS, except on
            this host itself. Credentials come from Docker's configuration file.

    Raises:
        ImagePushFailed: the registry cannot be reached or refuses something.
    """
    address, _, prefix = registry.partition("/")
    scheme = "http" if address.partition(":")[0] in _PLAIN_HOSTS else "https"
    pushed = []
    with (
        Reader(archive) as reader,
        httpx.Client(
            base_url=f"{scheme}://{address}/v2/",
            auth=_Token(address, credentials(address)),
            timeout=httpx.Timeout(60),
            follow_redirects=True,
        ) as client,
    ):
        for reference, descriptor in reader.images():
            name, tag = repository(reference, prefix)
            target = _Repository(client, name)
            manifest = reader.blob(descriptor["digest"])
            document = json.loads(manifest)
            for blob in (*document["layers"], document["config"]):
                target.put_blob(reader, blob)
            target.put_manifest(tag, manifest)
            pushed.append(f"{address}/{name}:{tag}")
    return pushed


class _Repository:
    def __init__(self, client: httpx.Client, name: str) -> None:
        self._client = client
        self._name = name

    def put_blob(self, reader: Reader, blob: Mapping[str, Any]) -> None:
        """Sends a blob unless it is there."""
        digest, size = str(blob["digest"]), int(blob["size"])
        if self._has(digest):
            return
        for attempt in self._attempts():
            with attempt:
                begun = self._call("POST", f"{self._name}/blobs/uploads/")
                place = httpx.URL(begun.headers.get("Location", ""))
                with reader.open_blob(digest) as stream:
                    self._call(
                        "PUT",
                        # `params=` would replace what the registry put into the query.
                        str(place.copy_merge_params({"digest": digest})),
                        content=_blocks(stream),
                        headers={
                            "Content-Length": str(size),
                            "Content-Type": "application/octet-stream",
                        },
                    )

    def _has(self, digest: str) -> bool:
        for attempt in self._attempts():
            with attempt:
                answer = self._call("HEAD", f"{self._name}/blobs/{digest}", absent_is_fine=True)
        return answer.status_code == httpx.codes.OK

    def put_manifest(self, tag: str, manifest: bytes) -> None:
        """Gives the image its name; it exists only from then on."""
        for attempt in self._attempts():
            with attempt:
                self._call(
                    "PUT",
                    f"{self._name}/manifests/{tag}",
                    content=manifest,
                    headers={"Content-Type": IMAGE_MANIFEST},
                )

    def _attempts(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(_Unavailable),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential(multiplier=0.2, max=5),
            retry_error_callback=self._give_up,
        )

    def _give_up(self, state: Any) -> None:
        raise self._failure(str(state.outcome.exception())) from state.outcome.exception()

    def _failure(self, what: str) -> ImagePushFailed:
        return ImagePushFailed(
            f"{self._client.base_url.host} did not take {self._name}: {what}.",
            next_step="check `registry.address` of the configuration, that the registry runs, and "
            "that you are logged in to it (docker login, podman login); then run it again.",
        )

    def _call(
        self, method: str, url: str, *, absent_is_fine: bool = False, **arguments: Any
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, url, **arguments)
        except httpx.TransportError as error:
            raise _Unavailable(f"{method} failed: {error}") from error
        status = answer.status_code
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
            raise _Unavailable(f"{method} was answered with {status}")
        if answer.is_error and not (absent_is_fine and status == httpx.codes.NOT_FOUND):
            raise self._failure(f"{method} was answered with {status} {answer.text[:200]}".rstrip())
        return answer


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
