"""The keys that sign service account tokens, from a server that speaks as an API server does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from infra.errors import KubernetesRefused, KubernetesUnreachable
from infra.plugins.values import UNKNOWN
from infra.provider import issuer_keys
from infra.provider.issuer_keys import IssuerKeys

ISSUER = "https://oidc.example/id/1"


def _text(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")


def _pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _rsa(kid: str) -> tuple[dict[str, str], str]:
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    numbers = public.public_numbers()
    return {"kty": "RSA", "kid": kid, "n": _text(numbers.n, 256), "e": "AQAB"}, _pem(public)


def _ec(kid: str) -> tuple[dict[str, str], str]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    numbers = public.public_numbers()
    point = {"x": _text(numbers.x, 32), "y": _text(numbers.y, 32)}
    return {"kty": "EC", "crv": "P-256", "kid": kid, **point}, _pem(public)


class ApiServer(ThreadingHTTPServer):
    """Serves `documents` by path to whoever brings the token; anybody else gets 401."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents: dict[str, Any] = {}

    def serve_keys(self, *keys: dict[str, str]) -> None:
        self.documents = {
            "/.well-known/openid-configuration": {"issuer": ISSUER},
            "/openid/v1/jwks": {"keys": list(keys)},
        }

    def kubeconfig(self, folder: Path, *, proof: str = "good") -> str:
        """With a login as clouds have it: a program that prints a token."""
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": proof},
        }
        file = folder / "credential.json"
        file.write_text(json.dumps(credential))
        exec_ = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "cat",
            "args": [str(file)],
            "interactiveMode": "Never",
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [
                {"name": "lab", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}
            ],
            "users": [{"name": "lab", "user": {"exec": exec_}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        }
        return yaml.safe_dump(document)


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "Bearer good"
        found = self.server.documents.get(self.path)
        self.send_response(401 if not allowed else 200 if found else 404)
        self.end_headers()
        if allowed and found:
            self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_reads_keys_of_both_kinds_in_the_order_of_their_names(
    server: ApiServer, tmp_path: Path
) -> None:
    (second, second_pem), (first, first_pem) = _rsa("b"), _ec("a")
    server.serve_keys(second, first)
    found = issuer_keys.read(server.kubeconfig(tmp_path))
    assert found == issuer_keys.Issuer(ISSUER, (first_pem, second_pem))


def test_takes_the_path_of_a_kubeconfig_as_well(server: ApiServer, tmp_path: Path) -> None:
    key, pem = _rsa("a")
    server.serve_keys(key)
    file = tmp_path / "kubeconfig"
    file.write_text(server.kubeconfig(tmp_path))
    assert issuer_keys.read(str(file)).keys == (pem,)


def test_a_login_that_is_refused_is_told(server: ApiServer, tmp_path: Path) -> None:
    server.serve_keys(_rsa("a")[0])
    with pytest.raises(KubernetesRefused, match="401") as caught:
        issuer_keys.read(server.kubeconfig(tmp_path, proof="bad"))
    assert "bad" not in str(caught.value).replace("LAB", "")


def test_a_login_program_that_fails_is_told(server: ApiServer, tmp_path: Path) -> None:
    text = server.kubeconfig(tmp_path).replace("command: cat", "command: 'false'")
    with pytest.raises(KubernetesRefused, match="401") as caught:
        issuer_keys.read(text)
    assert "the kubeconfig's program" in caught.value.next_step


def test_nobody_there_is_told(server: ApiServer, tmp_path: Path) -> None:
    text = server.kubeconfig(tmp_path).replace(str(server.server_port), "1")
    with pytest.raises(KubernetesUnreachable, match="does not say who signs"):
        issuer_keys.read(text)


@pytest.mark.parametrize(
    ("jwks", "told"),
    [
        ({}, "no keys"),
        ({"keys": []}, "no keys"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "of the kind 'oct'"),
        ({"keys": [{"kty": "RSA", "e": "AQAB"}]}, "no 'n'"),
        ({"keys": [{"kty": "EC", "crv": "P-192", "x": "AQ", "y": "AQ"}]}, "no 'P-192'"),
        ({"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]}, "curve"),
    ],
)
def test_documents_without_usable_keys_are_refused(jwks: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        issuer_keys.issuer({"issuer": ISSUER}, jwks)


def test_a_server_that_answers_nonsense_is_refused(server: ApiServer, tmp_path: Path) -> None:
    server.documents = {
        "/.well-known/openid-configuration": {"nothing": 1},
        "/openid/v1/jwks": {"keys": []},
    }
    with pytest.raises(KubernetesRefused, match="cannot be read"):
        issuer_keys.read(server.kubeconfig(tmp_path))


def test_life_of_the_resource(server: ApiServer, tmp_path: Path) -> None:
    resource = IssuerKeys()
    (first, first_pem), (second, second_pem) = _rsa("a"), _rsa("b")
    server.serve_keys(first)
    inputs = {"kubeconfig": server.kubeconfig(tmp_path)}
    assert resource.check({}, inputs).failures == []
    assert resource.preview(inputs)["keys"] is UNKNOWN
    made = resource.create(inputs, timeout=5)
    assert made.id == ISSUER
    assert made.outputs == {**inputs, "issuer": ISSUER, "keys": [first_pem]}
    assert not resource.diff(made.id, inputs, made.outputs, inputs).changes

    server.serve_keys(first, second)
    turned = resource.diff(made.id, inputs, made.outputs, inputs)
    assert turned.changes == {"keys": "update"}
    assert turned.live == {"keys"}
    updated = resource.update(made.id, inputs, made.outputs, inputs, timeout=5)
    assert updated["keys"] == [first_pem, second_pem]
    found = resource.read(made.id, inputs, made.outputs)
    assert found is not None
    assert found.outputs == updated
    server.documents = {}
    resource.delete(made.id, inputs, updated, timeout=5)


def test_a_cluster_that_is_not_there_yet_is_not_asked() -> None:
    resource = IssuerKeys()
    news = {"kubeconfig": UNKNOWN}
    assert resource.check({}, news).failures == []
    assert resource.diff("id", {"kubeconfig": "/old"}, {}, news).changes
    assert [failure.property for failure in resource.check({}, {}).failures] == ["kubeconfig"]


def test_creating_waits_for_a_server_that_is_still_coming(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve_keys(_rsa("a")[0])
    asked = []

    def late(kubeconfig: str) -> issuer_keys.Issuer:
        asked.append(kubeconfig)
        if len(asked) == 1:
            raise KubernetesUnreachable("not yet", next_step="wait")
        return issuer_keys.Issuer(ISSUER, ())

    monkeypatch.setattr(issuer_keys, "read", late)
    monkeypatch.setattr(issuer_keys, "wait_exponential", lambda **_: lambda _state: 0)
    assert IssuerKeys().create({"kubeconfig": "/k"}, timeout=5).id == ISSUER
    assert len(asked) == 2
