"""The cluster that the provider's settings name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.errors import KubernetesUnreachable
from infra.offline.kubernetes.cluster import AGENT, Cluster
from infra.offline.kubernetes.settings import Settings
from infra.plugins import call

DOCUMENT = """
current-context: main
contexts: [{name: main, context: {cluster: c, user: u, namespace: demo}}]
clusters: [{name: c, cluster: {server: "https://api:6443/"}}]
users: [{name: u, user: {token: t}}]
"""


def test_a_cluster_is_reached_late_and_anew_when_its_kubeconfig_changes(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.configure(Settings(kubeconfig=str(tmp_path / "kubeconfig")))
    with pytest.raises(KubernetesUnreachable, match="No such file"):
        cluster.session()
    (tmp_path / "kubeconfig").write_text(DOCUMENT)
    first = cluster.session()
    assert cluster.session() is first
    assert first.default_namespace == "demo"
    os.utime(tmp_path / "kubeconfig", ns=(1, 1))
    assert cluster.session() is not first


def test_the_providers_namespace_wins() -> None:
    cluster = Cluster()
    cluster.configure(Settings(kubeconfig=DOCUMENT, namespace="mine"))
    assert cluster.session().default_namespace == "mine"


def test_requests_are_made_on_behalf_of_the_engines_current_one() -> None:
    cluster = Cluster()
    cluster.configure(Settings(kubeconfig=DOCUMENT))
    api = cluster.session().api
    made = call.Call()
    call.enter(made)
    assert api._caller() is made
    assert api._http.headers["User-Agent"] == AGENT
