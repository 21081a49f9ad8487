"""The way to the API server from inside a pod."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from infra.errors import KubernetesUnreachable
from infra.kubernetes import in_cluster
from tests.harness.api_server import Authority

POD = {"KUBERNETES_SERVICE_HOST": "10.73.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """Credentials as the kubelet mounts them."""
    Authority(tmp_path)
    (tmp_path / "token").write_text("t\n")
    return tmp_path


def test_a_pod_knows_server_authority_and_token(mounted: Path) -> None:
    (mounted / "namespace").write_text("lab-auditor\n")
    found = in_cluster.connection(mounted, POD)
    assert found.server == "https://10.73.0.1:443"
    assert found.namespace == "lab-auditor"
    assert len(found.tls.get_ca_certs()) == 1
    assert found.token is not None
    assert found.token() == "t"
    (mounted / "token").write_text("renewed")
    assert found.token() == "renewed"


def test_the_server_is_verified_without_asking_for_more_than_kubectl_does(mounted: Path) -> None:
    tls = in_cluster.connection(mounted, POD).tls
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT


def test_addresses_of_version_6_are_bracketed(mounted: Path) -> None:
    found = in_cluster.connection(mounted, POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"})
    assert found.server == "https://[fd00::1]:443"
    assert found.namespace == "default"


@pytest.mark.parametrize("absent", POD)
def test_outside_of_a_cluster(mounted: Path, absent: str) -> None:
    with pytest.raises(KubernetesUnreachable, match="are not set"):
        in_cluster.connection(mounted, {key: POD[key] for key in POD if key != absent})


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("token", None, "token cannot be read"),
        ("token", "", "token is empty"),
        ("ca.crt", None, "is no certificate authority"),
        ("ca.crt", "no PEM", "is no certificate authority"),
    ],
)
def test_credentials_that_cannot_be_used(
    mounted: Path, name: str, content: str | None, told: str
) -> None:
    (mounted / name).unlink()
    if content is not None:
        (mounted / name).write_text(content)
    with pytest.raises(KubernetesUnreachable, match=told):
        in_cluster.connection(mounted, POD)
