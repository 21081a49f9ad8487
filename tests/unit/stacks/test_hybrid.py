"""The composition of hybrid labs: one Vault, work where it may be, a tunnel for logins alone.

What must hold is a function from what was declared to its faults; each has mutants that it finds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from infra import paths
from infra.cluster import policies
from infra.config import EgressRule, HybridLab
from infra.errors import ConfigError
from tests.harness.deploy import Deployment
from tests.harness.hybrid_lab import deploy_hybrid, load
from tests.unit.stacks.hybrid_faults import ADDRESSES, HUB, MACHINES, faults

EXAMPLES = ["hybrid-aws-onprem", "hybrid-azure-onprem"]


@pytest.fixture(scope="module")
def known() -> dict[str, tuple[Deployment, HybridLab]]:
    with pytest.MonkeyPatch.context() as patch:
        labs = {name: load(name) for name in EXAMPLES}
        return {name: (deploy_hybrid(patch, lab), lab) for name, lab in labs.items()}


Known = dict[str, tuple[Deployment, HybridLab]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_is_wrong_with_an_example(known: Known, example: str) -> None:
    assert not faults(*known[example])


def _change(kind: str, name: str, path: str, value: Any) -> Callable[[Deployment], Deployment]:
    """Sets one input of every resource of a type whose name ends so."""

    def changed(made: Deployment) -> Deployment:
        found = 0
        resources = []
        for entry in made.resources:
            if entry.type == kind and entry.name.endswith(name):
                inputs = copy.deepcopy(entry.inputs)
                place: Any = inputs
                *way, last = path.split(".")
                for part in way:
                    place = place[int(part)] if part.isdigit() else place[part]
                place[int(last) if last.isdigit() else last] = value
                resources.append(replace(entry, inputs=inputs))
                found += 1
            else:
                resources.append(entry)
        assert found, f"no {kind} {name} to change"
        return Deployment(resources, made.exports)

    return changed


def _twice(kind: str, name: str) -> Callable[[Deployment], Deployment]:
    def doubled(made: Deployment) -> Deployment:
        found = [entry for entry in made.of_type(kind) if entry.name.endswith(name)]
        assert found
        return Deployment([*made.resources, *found], made.exports)

    return doubled


def _elsewhere(made: Deployment) -> Deployment:
    """Restricted work in the cloud's cluster."""
    there = made.named("cloud/namespace/sandbox-benchmarks").provider
    return Deployment(
        [
            replace(entry, provider=there) if entry.name == "namespace/sandbox-case-17" else entry
            for entry in made.resources
        ],
        made.exports,
    )


def _without_dns(made: Deployment) -> Deployment:
    gone = "cloud/kube-system/networkpolicy/allow-dns-to-api-server"
    return Deployment([one for one in made.resources if one.name != gone], made.exports)


PLAYBOOK = "ailab:ansible:Playbook"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
TABLE = "azure-native:network:RouteTable"
GROUP = "azure-native:network:NetworkSecurityGroup"
SETTING = "azure-native:monitor:DiagnosticSetting"
_EVERYBODY = {"ipBlock": {"cidr": "0.0.0.0/0"}}
EVERYWHERE: list[tuple[str, Callable[[Deployment], Deployment], str]] = [
    ("a-second-vault", _twice(PLAYBOOK, "vault"), "one_vault"),
    ("same-keys", _change("ailab:vault:AuthMethod", "", "config", {}), "own_logins"),
    ("work-elsewhere", _elsewhere, "right_places"),
    ("no-names", _without_dns, "names_resolve"),
    (
        "login-at-home",
        _change("ailab:vault:Role", "sandbox-benchmarks/role", "mount", "jwt"),
        "right_places",
    ),
    (
        "sandbox-reaches-more",
        _change(
            POLICY,
            "sandbox-benchmarks/networkpolicy/allow-secret-store",
            "spec.egress.0.to",
            [_EVERYBODY],
        ),
        "only_vault_beyond",
    ),
    (
        "ssh-crosses",
        _change(PLAYBOOK, "home/gateway", "variables.wireguard_gateway_flows.0.ports", [22]),
        "narrow_tunnel",
    ),
    (
        "all-of-home",
        _change(
            PLAYBOOK, "cloud/gateway", "variables.wireguard_gateway_flows.0.to", ["10.71.0.0/24"]
        ),
        "narrow_tunnel",
    ),
    (
        "another-key",
        _change(PLAYBOOK, "home/gateway", "variables.wireguard_gateway_peers.0.public_key", "x"),
        "narrow_tunnel",
    ),
    (
        "anybody-calls",
        _change(PLAYBOOK, "home/gateway_key", "variables.gateway_peers_from", ["0.0.0.0/0"]),
        "known_callers",
    ),
    (
        "routes-on-nodes",
        _change(PLAYBOOK, "gateway_routes", "hosts.0.groups", ["workers"]),
        "known_callers",
    ),
]
MUTANTS: dict[str, list[tuple[str, Callable[[Deployment], Deployment], str]]] = {
    "hybrid-aws-onprem": [
        (
            "way-out",
            _change("aws:ec2/route:Route", "gateway-hub", "destinationCidrBlock", "0.0.0.0/0"),
            "a_wire",
        ),
        ("open-to-all", _change(INGRESS, f"udp-51820-{HUB}", "cidrIpv4", "0.0.0.0/0"), "a_wire"),
        ("tcp-from-hub", _change(INGRESS, f"udp-51820-{HUB}", "ipProtocol", "tcp"), "a_wire"),
        ("says-more", _change(EGRESS, f"udp-51820-{HUB}", "fromPort", 53), "a_wire"),
        ("second-address", _twice(ADDRESSES[0], "gateway"), "a_wire"),
        (
            "drops",
            _change("aws:ec2/networkInterface:NetworkInterface", "", "sourceDestCheck", True),
            "forwards",
        ),
        ("plain-disk", _change(MACHINES[0], "", "rootBlockDevice.encrypted", False), "forwards"),
        (
            "old-imds",
            _change(MACHINES[0], "", "metadataOptions.httpTokens", "optional"),
            "forwards",
        ),
    ],
    "hybrid-azure-onprem": [
        ("way-out", _change(TABLE, "gateway", "routes.0.addressPrefix", "0.0.0.0/0"), "a_wire"),
        (
            "open-to-all",
            _change(GROUP, "gateway", "securityRules.0.sourceAddressPrefixes", ["0.0.0.0/0"]),
            "a_wire",
        ),
        ("tcp-from-hub", _change(GROUP, "gateway", "securityRules.0.protocol", "Tcp"), "a_wire"),
        (
            "says-more",
            _change(GROUP, "gateway", "securityRules.3.destinationPortRange", "53"),
            "a_wire",
        ),
        (
            "nobody-hears",
            _change(SETTING, "gateway-rules", "resourceUri", "another"),
            "groups_report",
        ),
        ("second-address", _twice(ADDRESSES[1], "gateway"), "a_wire"),
        (
            "drops",
            _change("azure-native:network:NetworkInterface", "", "enableIPForwarding", False),
            "forwards",
        ),
        (
            "plain-disk",
            _change(MACHINES[1], "", "storageProfile.osDisk.managedDisk.diskEncryptionSet", None),
            "forwards",
        ),
        (
            "plain-host",
            _change(MACHINES[1], "", "securityProfile.encryptionAtHost", False),
            "forwards",
        ),
    ],
}


@pytest.mark.parametrize(
    ("example", "mutant", "rule"),
    [
        pytest.param(example, mutant, rule, id=f"{example}-{name}")
        for example in EXAMPLES
        for name, mutant, rule in [*EVERYWHERE, *MUTANTS[example]]
    ],
)
def test_a_protection_taken_away_is_found(
    known: Known, example: str, mutant: Callable[[Deployment], Deployment], rule: str
) -> None:
    made, lab = known[example]
    found = faults(mutant(made), lab)
    assert [fault for fault in found if fault.startswith(rule)], found


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_first_preview_declares_the_same_resources(
    known: Known, monkeypatch: pytest.MonkeyPatch, example: str
) -> None:
    made, lab = known[example]
    preview = deploy_hybrid(monkeypatch, lab, preview=True)
    assert {entry.urn for entry in preview.resources} == {entry.urn for entry in made.resources}


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_resource_is_declared_twice_and_no_secret_is_an_input(
    known: Known, example: str
) -> None:
    made, _ = known[example]
    urns = [entry.urn for entry in made.resources]
    assert len(urns) == len(set(urns))
    text = json.dumps([entry.inputs for entry in made.resources])
    for sign in ("PRIVATE KEY", "secret_id", "hvs.", "client-key-data"):
        assert sign not in text


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_part_takes_images_from_its_own_registry(known: Known, example: str) -> None:
    """And the policy pack, which sees both at once, knows both."""
    made, lab = known[example]
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for policy in made.of_type(
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
    ):
        for entry in policy.inputs["spec"].get("variables", []):
            if entry["name"] == "settings":
                found[policy.name.startswith("cloud/")] |= set(
                    json.loads(entry["expression"])["registries"]
                )
    assert found[False] == set(policies.settings(lab).registries)
    assert len(found[True]) == 1
    assert found[True] | found[False] == set(policies.settings_of_stack(lab).registries)


@pytest.mark.parametrize("example", EXAMPLES)
def test_exports_say_where_work_is(known: Known, example: str) -> None:
    made, _ = known[example]
    assert made.exports["places"] == {
        "sandboxes.benchmarks": "cloud",
        "sandboxes.case-17": "home",
        "queues.training": "cloud",
        "queues.evaluation": "home",
    }
    assert set(made.exports["endpoints"]) == {"home", "cloud"}
    assert set(made.exports["sandboxes"]) == {"benchmarks", "case-17"}
    assert made.exports["gateways"]["home"] == "192.0.2.10"


def test_a_sandbox_that_may_not_be_leaves_nothing_half_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The program itself refuses a way into another ground, whoever read the configuration."""
    lab = load("hybrid-aws-onprem")
    rule = EgressRule(cidr=IPv4Network("10.72.3.0/24"), port=80, reason="to another ground")
    wrong = lab.model_copy(
        update={
            "sandboxes": tuple(
                box.model_copy(update={"egress": (rule,)}) if box.name == "benchmarks" else box
                for box in lab.sandboxes
            )
        }
    )
    declared: list[str] = []
    monkeypatch.setattr("stacks.hybrid.OnPremGround", lambda *_, **__: declared.append("ground"))
    with pytest.raises(ConfigError, match="another ground of the lab"):
        deploy_hybrid(monkeypatch, wrong)
    assert not declared


def test_the_vaults_own_policy_lets_the_lab_make_these_logins() -> None:
    rules = (paths.REPOSITORY / "ansible/roles/vault_server/files/lab.hcl").read_text()
    for mount in ("jwt", "jwt-aws", "jwt-azure"):
        for path in ("config", "role", "role/*"):
            assert f'path "auth/{mount}/{path}"' in rules
