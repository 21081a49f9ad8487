from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from infra import toolchain
from infra.errors import ImagePushFailed, ToolMissing
from infra.toolchain import archive, registry
from infra.toolchain.archive import Image
from infra.toolchain.tarball import Entry
from tests.unit.toolchain.conftest import Recorder, Site


@dataclass
class Registry:
    """What the server has, and how it shall behave."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    #: Answer so many requests with 503 first.
    busy: int = 0
    #: Refuse manifests with this status.
    refuse: int = 0
    #: Ask for a token of this kind.
    challenge: str = ""
    tokens: int = 0
    address: str = ""

    def uploads(self) -> int:
        return sum(x.startswith("POST") for x in self.requests)


class _Handler(BaseHTTPRequestHandler):
    registry: Registry

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        assert "chunked" not in self.headers.get("Transfer-Encoding", "")
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _serve(self) -> None:
        body = self._body()
        known = self.registry
        url = urlsplit(self.path)
        known.requests.append(f"{self.command} {url.path}")
        if url.path == "/token":
            known.tokens += 1
            wanted = "Basic " + base64.b64encode(b"me:secret").decode()
            if self.headers.get("Authorization") != wanted:
                return self._answer(401)
            assert parse_qs(url.query)["service"] == ["reg"]
            return self._answer(200, body=json.dumps({"access_token": "t0ken"}).encode())
        if known.busy > 0:
            known.busy -= 1
            return self._answer(503)
        if known.challenge == "bearer" and self.headers.get("Authorization") != "Bearer t0ken":
            realm = f'Bearer realm="http://{known.address}/token",service="reg",scope="push"'
            return self._answer(401, {"WWW-Authenticate": realm})
        if known.challenge == "basic" and not self.headers.get("Authorization"):
            return self._answer(401, {"WWW-Authenticate": "Basic"})
        return self._store(url.path, parse_qs(url.query), body)

    def _store(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        known = self.registry
        last = path.rsplit("/", 1)[-1]
        if self.command == "HEAD":
            return self._answer(200 if last in known.blobs else 404)
        if self.command == "POST":
            return self._answer(202, {"Location": f"{path}session?state=1"})
        if "/blobs/uploads/" in path:
            (digest,) = query["digest"]
            assert query["state"] == ["1"]
            assert digest == "sha256:" + hashlib.sha256(body).hexdigest()
            known.blobs[digest] = body
            return self._answer(201)
        if known.refuse:
            return self._answer(known.refuse, body=b"no")
        known.manifests[path] = body
        return self._answer(201)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 # names that the library calls


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    state = Registry()
    handler = type("Handler", (_Handler,), {"registry": state})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        state.address = f"127.0.0.1:{listener.server_address[1]}"
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listener.shutdown()
        thread.join()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    shared = archive.write_layer(tmp_path, "shared", [Entry("a", content=b"a" * 3_000_000)])
    file = tmp_path / "images.tar"
    archive.write_archive(
        file,
        [
            Image("registry.k8s.io/coredns/coredns:v1", [shared], {"User": "1"}),
            Image("lab.local/probe:1", [shared], {"User": "2"}),
        ],
    )
    return file


def log_in(tmp_path: Path, document: object) -> None:
    (tmp_path / "docker").mkdir()
    text = document if isinstance(document, str) else json.dumps(document)
    (tmp_path / "docker" / "config.json").write_text(text)


def test_every_image_is_pushed_with_its_blobs(server: Registry, images: Path) -> None:
    assert registry.push(images, f"{server.address}/lab") == [
        f"{server.address}/lab/coredns/coredns:v1",
        f"{server.address}/lab/probe:1",
    ]
    assert set(server.manifests) == {
        "/v2/lab/coredns/coredns/manifests/v1",
        "/v2/lab/probe/manifests/1",
    }
    for manifest in server.manifests.values():
        document = json.loads(manifest)
        for blob in (document["config"], *document["layers"]):
            assert len(server.blobs[blob["digest"]]) == blob["size"]


def test_what_is_there_is_not_sent_again(server: Registry, images: Path) -> None:
    registry.push(images, server.address)
    count = server.uploads()
    # The shared layer once, two configurations.
    assert count == 3
    registry.push(images, server.address)
    assert server.uploads() == count


def test_a_busy_registry_is_asked_again(server: Registry, images: Path) -> None:
    server.busy = 2
    assert len(registry.push(images, server.address)) == 2
    server.busy = 3
    with pytest.raises(ImagePushFailed, match="503"):
        registry.push(images, server.address)


def test_a_refusal(server: Registry, images: Path) -> None:
    server.refuse = 403
    with pytest.raises(ImagePushFailed, match="403 no") as caught:
        registry.push(images, server.address)
    assert "docker login" in caught.value.next_step


def test_a_registry_that_is_not_there(images: Path) -> None:
    with pytest.raises(ImagePushFailed, match="HEAD failed"):
        registry.push(images, "127.0.0.1:1")


@pytest.mark.parametrize(
    "entry",
    [
        {"username": "me", "password": "secret"},
        {"auth": base64.b64encode(b"me:secret").decode()},
    ],
)
@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_credentials_of_docker_login(
    server: Registry, images: Path, tmp_path: Path, challenge: str, entry: dict[str, str]
) -> None:
    server.challenge = challenge
    log_in(tmp_path, {"auths": {server.address: entry}})
    assert len(registry.push(images, server.address)) == 2
    # A token is asked for once and kept.
    assert server.tokens == (1 if challenge == "bearer" else 0)


def test_credentials_go_nowhere_else() -> None:
    token = registry._Token("reg.example:5000", "c2VjcmV0")
    elsewhere = httpx.Request("PUT", "https://storage.example/blob?signed=1")
    assert "Authorization" not in next(token.auth_flow(elsewhere)).headers
    own = httpx.Request("GET", "https://reg.example:5000/v2/")
    assert next(token.auth_flow(own)).headers["Authorization"] == "Basic c2VjcmV0"


@pytest.mark.parametrize(
    ("realm", "told"),
    [("https://auth.example/token", True), ("http://auth.example/token", False)],
)
def test_credentials_are_sent_to_a_token_service_over_tls_only(realm: str, told: bool) -> None:
    flow = registry._Token("reg.example", "c2VjcmV0").auth_flow(
        httpx.Request("GET", "https://reg.example/v2/")
    )
    next(flow)
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="reg"'}
    asked = flow.send(httpx.Response(401, headers=challenge))
    assert asked.url.host == "auth.example"
    assert ("Authorization" in asked.headers) is told


@pytest.mark.parametrize("challenge", ["bearer", "basic"])
def test_without_credentials(
    server: Registry, images: Path, tmp_path: Path, challenge: str
) -> None:
    server.challenge = challenge
    log_in(tmp_path, {"auths": {"elsewhere": {"auth": "x"}}})
    with pytest.raises(ImagePushFailed, match="401"):
        registry.push(images, server.address)


@pytest.mark.parametrize("text", ["not json", "[]"])
def test_a_broken_docker_configuration(tmp_path: Path, server: Registry, text: str) -> None:
    log_in(tmp_path, text)
    with pytest.raises(ImagePushFailed, match="is not what Docker writes"):
        registry.credentials("elsewhere")


def test_docker_keeps_its_configuration_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert registry.credentials("elsewhere") is None


def test_everything_is_pushed(site: Site, server: Registry, progress: Recorder) -> None:
    with pytest.raises(ToolMissing):
        toolchain.push(server.address, progress=progress)
    toolchain.ensure(progress=progress)
    names = toolchain.push(server.address, progress=progress)
    assert len(names) == len(set(names)) == 10
    (own,) = toolchain.push(server.address, ["image-ai-lab"], progress=progress)
    assert own == toolchain.image_name(server.address, "ai-lab")
    server.refuse = 400
    with pytest.raises(ImagePushFailed):
        toolchain.push(server.address, progress=progress)
    assert progress.ended[-1] == ("image-control-plane", True)
