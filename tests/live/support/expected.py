"""What the configuration asks for, as the pure parts of the library draw it."""

from __future__ import annotations

from infra import naming, toolchain
from infra.cluster import auditor_objects, objects, policies
from infra.cluster.manifests import Manifest
from infra.hosts.database import PORT
from infra.operator import objects as operator_objects
from infra.sandbox import blueprint, service
from infra.sandbox.blueprint import Blueprint
from policies import cluster
from stacks import machines, sandbox_service
from tests.live.support.api import Api
from tests.live.support.lab import Lab


def kubernetes_version(api: Api) -> str:
    """The cluster's own version, without the leading v."""
    version: str = api.read("/version")["gitVersion"]
    return version.removeprefix("v")


def sandboxes(lab: Lab, version: str) -> dict[str, Blueprint]:
    """Every configured sandbox by name."""
    facts = blueprint.facts_of(lab.name, lab.config, version)
    return {spec.name: blueprint.draw(spec, facts) for spec in lab.config.sandboxes}


def baseline(lab: Lab, version: str) -> dict[str, Manifest]:
    """Every object of the cluster's baseline and of its policies' auditor by its title."""
    enforced = cluster.objects(policies.settings(lab.config), version, policies.levels(lab.config))
    made = objects.baseline(
        lab.name, version, policies=enforced, extensions=service.extensions(lab.config)
    )
    ground = machines.auditor_ground(lab.config, toolchain.artifacts(planned=True))
    auditor = auditor_objects.objects(
        lab.name, policies.told(lab.config, version), ground.image, audience=ground.audience
    )
    return {title(found): found for found in (*made, *auditor, *operator(lab, version))}


def operator(lab: Lab, version: str) -> list[Manifest]:
    """Objects of the operator of sandboxes, without what is known only once the lab is up: what
    the operator is told. Another check reads that.
    """
    database = lab.config.database_machine
    if lab.config.sandbox_service is None or database is None:
        return []
    facts = blueprint.facts_of(lab.name, lab.config, version)
    artifacts = toolchain.artifacts(planned=True)
    ground = sandbox_service.ground(lab.config, facts, artifacts, "")
    ways = operator_objects.Ways(
        facts.network.vault, facts.network.vault_port, facts.network.database, PORT
    )
    papers = operator_objects.Papers("", "", "", "")
    made = operator_objects.objects(
        lab.name, version, ground.image, ways, papers, audience=naming.KUBERNETES_AUDIENCE
    )
    for one in made:
        if one["kind"] == "Deployment":
            del one["spec"]["template"]["metadata"]["annotations"][operator_objects.ANNOTATION_TOLD]
    return [one for one in made if one["kind"] != "ConfigMap"]


def title(manifest: Manifest) -> str:
    """KIND/NAME, or KIND/NAMESPACE/NAME."""
    metadata = manifest["metadata"]
    parts = [manifest["kind"], metadata.get("namespace"), metadata["name"]]
    return "/".join(part for part in parts if part)
