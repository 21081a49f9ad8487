"""What goes wrong between a program and a cluster, and how it is told."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.harness.api_server import ApiServer
from tests.harness.pulumi_project import Project

HEAD = """
import pulumi
import pulumi_kubernetes as k8s
"""


def config_map(name: str) -> str:
    return f"""
k8s.core.v1.ConfigMap("{name}", metadata={{"name": "{name}", "namespace": "default"}},
                      data={{"key": "value"}})
"""


def test_the_apis_own_words_name_the_field_before_anything_is_made(
    api: ApiServer, project: Project
) -> None:
    project.program(
        HEAD
        + config_map("innocent")
        + """
k8s.networking.v1.NetworkPolicy("wrong", metadata={"name": "wrong", "namespace": "default"},
    spec={"podSelector": {}, "policyTypes": ["Inwards"]})
"""
    )
    done = project.run("preview", ok=False)
    assert done.status != 0
    assert "LAB-703 networking.k8s.io/v1 NetworkPolicy default/wrong" in done.text
    assert 'spec.policyTypes[0]: Unsupported value: "Inwards"' in done.text
    path = "/api/v1/namespaces/default/configmaps/innocent"
    assert api.client.get(path).status_code == 404


def test_a_misspelt_field_is_refused(api: ApiServer, project: Project) -> None:
    project.program(
        HEAD
        + """
k8s.apiextensions.CustomResource("wrong", api_version="networking.k8s.io/v1",
    kind="NetworkPolicy", metadata={"name": "wrong", "namespace": "default"},
    spec={"podSelector": {}, "ingres": []})
"""
    )
    done = project.up(ok=False)
    assert "spec.ingres" in done.text
    assert done.status != 0


def test_does_not_take_over_what_others_made(api: ApiServer, project: Project) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    made = {"metadata": {"name": "theirs"}, "data": {"key": "theirs"}}
    api.client.post(path, json=made).raise_for_status()
    project.program(HEAD + config_map("theirs"))
    done = project.up(ok=False)
    assert "exists already and was not made by this stack" in done.text
    assert api.client.get(f"{path}/theirs").json()["data"] == {"key": "theirs"}
    api.client.delete(f"{path}/theirs").raise_for_status()


def test_takes_up_what_a_killed_operation_made(api: ApiServer, project: Project) -> None:
    project.program(HEAD + config_map("lost"))
    project.up()
    urn = project.resources()["lost"]["urn"]
    project.run("state", "delete", urn, "--yes")
    assert "taken up again" in project.up().text
    assert project.changes() == {}
    project.run("destroy", "--yes", "--skip-preview")


def test_waits_out_a_restart_of_the_api(api: ApiServer, project: Project) -> None:
    project.program(HEAD + config_map("patient"))
    api.stop_api()
    restart = threading.Timer(4, api.restart_api)
    restart.start()
    try:
        project.up()
    finally:
        restart.join()
        api.wait()
    assert project.changes() == {}
    project.run("destroy", "--yes", "--skip-preview")


def test_a_missing_kubeconfig_stops_an_update_but_not_a_preview(project: Project) -> None:
    project.environment["KUBECONFIG"] = str(project.folder / "absent")
    project.program(HEAD + config_map("any"))
    assert project.changes()["create"][0] == "any"
    done = project.up(ok=False)
    assert "LAB-705" in done.text
    assert "bring the cluster up first" in done.text


def test_an_unknown_kubeconfig_previews_as_create(api: ApiServer, project: Project) -> None:
    late = project.folder / "late"
    project.program(
        HEAD
        + f"""
first = k8s.core.v1.ConfigMap("first", metadata={{"namespace": "default"}}, data={{}})
path = first.metadata.uid.apply(lambda uid: {str(late)!r})
later = pulumi.ResourceOptions(provider=k8s.Provider("later", kubeconfig=path))
k8s.core.v1.Namespace("late", metadata={{"name": "late"}}, opts=later)
"""
    )
    assert sorted(project.changes()["create"]) == ["first", "late", "later", "project-dev"]
    late.write_text(api.kubeconfig.read_text())
    for name in ("ca.crt", "admin.crt", "admin.key"):
        (project.folder / name).symlink_to(api.folder / name)
    project.up()
    assert project.changes() == {}
    project.run("destroy", "--yes", "--skip-preview")


def test_an_object_that_never_gets_ready_stays_in_state(api: ApiServer, project: Project) -> None:
    text = (
        HEAD
        + """
k8s.apps.v1.Deployment("stuck", metadata={"name": "stuck", "namespace": "default"}, spec={
    "replicas": REPLICAS, "selector": {"match_labels": {"app": "stuck"}},
    "template": {"metadata": {"labels": {"app": "stuck"}},
                 "spec": {"containers": [{"name": "c", "image": "none"}]}}},
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="3s", update="20s")))
"""
    )
    project.program(text.replace("REPLICAS", "1"))
    done = project.up(ok=False)
    assert "LAB-704 apps/v1 Deployment stuck is not ready after 3 s" in done.text.replace(
        "default/", ""
    )
    assert "0 of 1 replicas are available" in done.text
    assert "stuck" in project.resources()
    project.program(text.replace("REPLICAS", "0"))
    project.up()
    assert project.changes() == {}
    project.run("destroy", "--yes", "--skip-preview")
    path = "/apis/apps/v1/namespaces/default/deployments/stuck"
    assert api.client.get(path).status_code == 404


def test_options_that_are_not_honoured_are_refused(project: Project, tmp_path: Path) -> None:
    project.program(
        HEAD
        + """
k8s.Provider("odd", render_yaml_to_directory="out", enable_server_side_apply=False)
"""
    )
    done = project.up(ok=False)
    assert "renderYamlToDirectory" in done.text
    assert "cannot be turned off with the offline provider" in done.text


def test_a_release_is_planned_and_not_made(project: Project) -> None:
    project.program(
        HEAD
        + """
k8s.helm.v3.Release("chart", chart="x")
"""
    )
    assert "helm.sh/v3:Release" in project.run("preview").text
    done = project.up(ok=False)
    assert "the offline provider installs no releases" in done.text
