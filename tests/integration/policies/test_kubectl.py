"""kubectl apply, client-side and server-side: what comes in, what does not, and what is said."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from policies.rule import Level
from tests.integration.policies.enforced import BUILT_IN, MANDATORY, World, named_in
from tests.live.support.policies import RULES, admission_of

Manifest = dict[str, Any]
WAYS: dict[str, tuple[str, ...]] = {"client-side": (), "server-side": ("--server-side",)}
ADVISORY = {id_ for id_, rule in RULES.items() if rule.level is Level.ADVISORY}


def apply(
    world: World, manifests: list[Manifest], *options: str, user: str = ""
) -> tuple[set[str], str]:
    """What `kubectl apply` takes of these objects, as KIND/NAME, and what it says of the others.
    A dry run by the server: everything is asked, and nothing stored.
    """
    command = [str(world.kubectl), "apply", "--dry-run=server", "-o", "name", "-f", "-", *options]
    command += [f"--as={user}", "--as-group=system:authenticated"] if user else []
    done = subprocess.run(
        command,
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}),
        env={"KUBECONFIG": str(world.server.kubeconfig), "HOME": str(world.server.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return set(done.stdout.split()), done.stderr


def called(manifest: Manifest) -> str:
    """As `-o name` calls it."""
    group = manifest["apiVersion"].rpartition("/")[0]
    kind = ".".join(filter(None, (manifest["kind"].lower(), group)))
    return f"{kind}/{manifest['metadata']['name']}"


def made(world: World, *, right: bool, rules: set[str]) -> Iterator[tuple[str, list[Manifest]]]:
    """Examples that somebody makes, by who it is ("" is the administrator), in groups without two
    of one name. Those in a namespace get names of their own, by which what is said is found.
    """
    by_user: dict[str, list[dict[str, Manifest]]] = {}
    for id_ in sorted(rules):
        admission = admission_of(RULES[id_])
        for number, (attempt, admitted) in enumerate(admission.attempts()):
            kind = admission.kind_of(attempt.manifest)
            creates = attempt.operation == "CREATE" and not attempt.subresource
            if admitted != right or not creates or kind is None or "/" in kind.resource:
                continue
            manifest = copy.deepcopy(world.trial.here(attempt.object))
            if kind.namespaced:
                manifest["metadata"]["name"] = f"{id_}-{number}"
            # Of what is not there yet nobody can name it.
            manifest["metadata"].pop("uid", None)
            asks = admission.of_the_request and not attempt.platform
            user = world.trial.here(attempt.user) if asks else ""
            groups = by_user.setdefault(user, [])
            group = next((one for one in groups if called(manifest) not in one), None)
            if group is None:
                groups.append(group := {})
            group[called(manifest)] = manifest
    for user, groups in by_user.items():
        yield from ((user, list(group.values())) for group in groups)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_rule_admits_is_applied(world: World, way: str) -> None:
    count = 0
    for user, manifests in made(world, right=True, rules=set(RULES)):
        taken, said = apply(world, manifests, *WAYS[way], user=user)
        assert {called(one) for one in manifests} - taken == set(), said
        count += len(manifests)
    assert count > len(RULES) // 2


@pytest.mark.parametrize("way", WAYS)
def test_what_a_rule_refuses_is_not(world: World, way: str) -> None:
    named: set[str] = set()
    for user, manifests in made(world, right=False, rules=set(MANDATORY)):
        taken, said = apply(world, manifests, *WAYS[way], user=user)
        assert taken == set(), f"came in: {taken}"
        for one in manifests:
            about = [line for line in said.splitlines() if f'"{one["metadata"]["name"]}"' in line]
            assert about, f"nothing was said of {called(one)}: {said}"
            by = named_in("\n".join(about))
            assert by or any(told in line for line in about for told in BUILT_IN), about
            named |= by
    # An API server names one policy of those that refuse, and Pod Security before any.
    assert len(named) > len(MANDATORY) // 2, sorted(named)


def test_what_a_rule_advises_against_is_told(world: World) -> None:
    told: set[str] = set()
    for user, manifests in made(world, right=False, rules=ADVISORY):
        told |= named_in(apply(world, manifests, user=user)[1])
    assert told >= ADVISORY


def test_an_applied_object_is_not_applied_again_for_the_worse(world: World) -> None:
    """For real: stored, then changed by what kubectl makes of the difference."""
    good = world.trial.here(admission_of(RULES["no-host-access"]).passes[0])
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "applied", "namespace": good["metadata"]["namespace"]},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "applied"}},
            "template": {"metadata": {"labels": {"app": "applied"}}, "spec": good["spec"]},
        },
    }
    command = [str(world.kubectl), "apply", "-f", "-"]
    environment = {"KUBECONFIG": str(world.server.kubeconfig), "HOME": str(world.server.folder)}

    def run(manifest: Manifest) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            input=json.dumps(manifest),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert run(deployment).returncode == 0
    worse = copy.deepcopy(deployment)
    worse["spec"]["template"]["spec"]["hostNetwork"] = True
    done = run(worse)
    assert done.returncode != 0
    assert "no-host-access" in named_in(done.stderr), done.stderr
    path = f"/apis/apps/v1/namespaces/{good['metadata']['namespace']}/deployments/applied"
    assert "hostNetwork" not in world.api.read(path)["spec"]["template"]["spec"]
    world.api.delete(path)
