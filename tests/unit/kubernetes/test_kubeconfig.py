from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.errors import KubernetesUnreachable
from infra.kubernetes import kubeconfig
from tests.harness.api_server import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def document(**user: Any) -> dict[str, Any]:
    return {
        "current-context": "main",
        "contexts": [
            {"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "demo"}},
            {"name": "other", "context": {"cluster": "gone", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443/"}}],
        "users": [{"name": "u", "user": user}],
    }


def write(folder: Path, content: Any) -> str:
    path = folder / "kubeconfig"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path, authority: Authority) -> None:
    authority.issue("admin")
    made = document(**{"client-certificate": "admin.crt", "client-key": "admin.key"})
    made["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    connection = kubeconfig.load(write(tmp_path, made))
    assert connection.server == "https://api:6443"
    assert connection.namespace == "demo"
    assert connection.token is None
    assert connection.tls.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(connection.tls.get_ca_certs()) == 1


def encode(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_content_with_embedded_credentials(authority: Authority) -> None:
    certificate, key = authority.issue("admin")
    made = document(
        **{"client-certificate-data": encode(certificate), "client-key-data": encode(key)}
    )
    made["clusters"][0]["cluster"]["certificate-authority-data"] = encode(authority.certificate)
    connection = kubeconfig.load(yaml.safe_dump(made))
    assert connection.server == "https://api:6443"


def test_tokens(tmp_path: Path) -> None:
    written = kubeconfig.load(write(tmp_path, document(token="t"))).token
    assert written is not None
    assert written() == "t"
    (tmp_path / "token").write_text("from a file\n")
    in_file = kubeconfig.load(write(tmp_path, document(tokenFile="token"))).token
    assert in_file is not None
    assert in_file() == "from a file"
    (tmp_path / "token").write_text("a newer one\n")
    assert in_file() == "a newer one"


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", write(tmp_path, document()))
    assert kubeconfig.load().namespace == "demo"


def _broken() -> list[Any]:
    insecure = document()
    insecure["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    return [
        (insecure, "turns off the check of the server's certificate"),
        (document(exec={}), "logs in by exec"),
        (document(tokenFile="absent"), "cannot be read: No such file"),
        (document(**{"client-certificate": "absent.crt", "client-key": "k"}), "cannot be read"),
        (document(**{"client-certificate-data": "%"}), "cannot be read"),
        ("a: [", "is not YAML"),
        ("just text", "is not a kubeconfig"),
        ({"current-context": "nowhere"}, "no entry 'nowhere' in contexts"),
    ]


@pytest.mark.parametrize(("content", "message"), _broken())
def test_what_cannot_be_used_is_said(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(KubernetesUnreachable, match=message):
        kubeconfig.load(write(tmp_path, content))


def test_a_context_may_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, document())
    with pytest.raises(KubernetesUnreachable, match="no entry 'gone' in clusters"):
        kubeconfig.load(path, context="other")
    assert kubeconfig.load(path, context="other", cluster="c").namespace == "default"


def test_a_broken_kubeconfig_is_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(KubernetesUnreachable) as caught:
        kubeconfig.load(write(tmp_path, "token: {geheim"))
    assert "geheim" not in str(caught.value)


def test_a_server_that_a_preview_made_up_is_not_asked(tmp_path: Path) -> None:
    content = document(token="t")
    content["clusters"][0]["cluster"]["server"] = "https://0123.eks.invalid"
    with pytest.raises(KubernetesUnreachable, match="a preview made up"):
        kubeconfig.load(write(tmp_path, content))
