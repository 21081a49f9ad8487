"""What `lab destroy` says of a stack elsewhere, against what Pulumi's engine does with one."""

from __future__ import annotations

import json

from infra import removal
from infra.removal import Fate
from tests.harness.api_server import ApiServer
from tests.harness.pulumi_project import Project

PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s

def made(name, **options):
    return k8s.core.v1.ConfigMap(
        name, metadata={"name": f"destroying-{name}", "namespace": "NAMESPACE"},
        opts=pulumi.ResourceOptions(**options))

machine = pulumi.ComponentResource("ailab:hosts:GivenMachine", "machine")
carried = made("carried", deleted_with=machine)
made("carried-by-it", deleted_with=carried)
made("retained", retain_on_delete=True)
needed = made("needed")
data = made("data", protect=True, depends_on=[needed])
made("on-data", deleted_with=data)
made("plain")
"""
FATES = {
    "carried": Fate.FORGOTTEN,
    "carried-by-it": Fate.FORGOTTEN,
    "data": Fate.PROTECTED,
    "needed": Fate.NEEDED,
    "on-data": Fate.DELETED,
    "plain": Fate.DELETED,
    "retained": Fate.FORGOTTEN,
}


def state(project: Project) -> dict[str, Fate]:
    resources = json.loads(project.export())["deployment"].get("resources") or []
    fates = removal.fates_of(resources)
    return {urn.rpartition("::")[2]: fate for urn, fate in fates.items() if "ConfigMap" in urn}


def there(api: ApiServer, namespace: str) -> set[str]:
    path = f"/api/v1/namespaces/{namespace}/configmaps/destroying-"
    return {name for name in FATES if api.client.get(f"{path}{name}").status_code == 200}


def test_pulumi_does_what_is_said(api: ApiServer, project: Project) -> None:
    project.program(PROGRAM.replace("NAMESPACE", "default"))
    project.up()
    assert state(project) == FATES
    assert there(api, "default") == FATES.keys()

    done = project.run("destroy", "--yes", "--skip-preview", "--exclude-protected")
    assert "protected" in done.text
    deleted = {name for name, fate in FATES.items() if fate is Fate.DELETED}
    assert there(api, "default") == FATES.keys() - deleted
    assert set(state(project)) == {"data", "needed"}, "the rest is forgotten"


def test_nothing_that_a_machine_carries_is_deleted(api: ApiServer, project: Project) -> None:
    """As on machines of one's own: Pulumi forgets everything and asks nobody to delete anything."""
    text = PROGRAM.replace("NAMESPACE", "kube-public")
    project.program(text.partition('made("retained"')[0])
    project.up()
    assert set(state(project).values()) == {Fate.FORGOTTEN}
    project.run("destroy", "--yes", "--skip-preview")
    assert state(project) == {}
    assert there(api, "kube-public") == {"carried", "carried-by-it"}
