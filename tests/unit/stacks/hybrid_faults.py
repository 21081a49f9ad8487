"""What must hold of every hybrid lab: functions from what was declared to the faults in it.

Each has mutants in test_hybrid.py: a declaration with one thing changed, which it finds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Any

from infra.config import HybridLab
from tests.harness.deploy import Deployment, Resource

MACHINES = ("aws:ec2/instance:Instance", "azure-native:compute:VirtualMachine")
ADDRESSES = ("aws:ec2/eip:Eip", "azure-native:network:PublicIPAddress")
VAULTS = {f"10.71.0.{last}/32" for last in (30, 31, 32, 101)}
HUB = "192.0.2.10/32"


def is_public(range_: str) -> bool:
    """Everything that is no private range: the addresses of documentation stand for public ones."""
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    return not any(IPv4Network(range_).subnet_of(IPv4Network(one)) for one in private)


def playbooks(made: Deployment, name: str) -> list[Resource]:
    return [
        entry
        for entry in made.of_type("ailab:ansible:Playbook")
        if entry.name.rpartition("/")[2] == name
    ]


def one_vault(made: Deployment, _: HybridLab) -> Iterator[str]:
    """One Vault, at home; no cloud has machines or keys for one of its own."""
    if len(playbooks(made, "vault")) != 1:
        yield f"{len(playbooks(made, 'vault'))} Vaults"
    for entry in made.resources:
        if entry.type in MACHINES and "vault" in entry.name:
            yield f"{entry.name}: a machine for another Vault"


def own_logins(made: Deployment, lab: HybridLab) -> Iterator[str]:
    """Each cluster has an auth method of its own, with its own keys, in the same Vault."""
    methods = {
        entry.inputs["path"]: entry
        for entry in made.of_type("ailab:vault:AuthMethod")
        if entry.inputs["type"] == "jwt"
    }
    expected = {"jwt", *(f"jwt-{member.site.ground}" for member in lab.clouds)}
    if set(methods) != expected:
        yield f"login methods {sorted(methods)}"
    keys = [json.dumps(entry.inputs["config"]) for entry in methods.values()]
    if len(set(keys)) != len(keys):
        yield "two clusters' tokens open the same method"
    addresses = {entry.inputs["connection"]["address"] for entry in methods.values()}
    if len(addresses) != 1:
        yield "login methods in several Vaults"


def right_places(made: Deployment, lab: HybridLab) -> Iterator[str]:
    """Each sandbox is in the cluster of its ground, and logs in by the method of that cluster."""
    for box in lab.sandboxes:
        place = lab.places[f"sandboxes.{box.name}"]
        cluster = lab.name if place == lab.primary else f"{lab.name}-{place}"
        spaces = [
            entry
            for entry in made.of_type("kubernetes:core/v1:Namespace")
            if entry.inputs["metadata"]["name"] == f"sandbox-{box.name}"
        ]
        if len(spaces) != 1:
            yield f"{box.name} is in {len(spaces)} clusters"
            continue
        if spaces[0].provider.rpartition("::")[0].rpartition("::")[2] != cluster:
            yield f"{box.name} is not in {cluster}"
        kind = next(member.site.ground for member in lab.members if member.name == place)
        mount = "jwt" if place == lab.primary else f"jwt-{kind}"
        role = made.named(f"sandbox-{box.name}/role", "ailab:vault:Role")
        if role.inputs["mount"] != mount:
            yield f"{box.name} logs in at {role.inputs['mount']}"


def names_resolve(made: Deployment, lab: HybridLab) -> Iterator[str]:
    """A provider's API server is no node of its cluster: DNS gets to it by addresses."""
    for member in lab.clouds:
        prefix = f"{member.name}/kube-system"
        names = {entry.name for entry in made.resources}
        if f"{prefix}/networkpolicy/allow-dns-to-api-server" not in names:
            yield f"{member.name}: DNS does not get to the API server"
        if f"{prefix}/ciliumnetworkpolicy/allow-dns-to-api-server" in names:
            yield f"{member.name}: a way by a node that is none"


def only_vault_beyond(made: Deployment, lab: HybridLab) -> Iterator[str]:
    """A sandbox that asks for Vault reaches it at home, and nothing else there."""
    for box in lab.sandboxes:
        policies = [
            entry
            for entry in made.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
            if entry.inputs["metadata"]["namespace"] == f"sandbox-{box.name}"
        ]
        targets = {
            target["ipBlock"]["cidr"]
            for entry in policies
            for rule in entry.inputs["spec"].get("egress", [])
            for target in rule.get("to", [])
            if "ipBlock" in target
        }
        if targets != VAULTS:
            yield f"{box.name} reaches {sorted(targets)}"


def narrow_tunnel(made: Deployment, lab: HybridLab) -> Iterator[str]:
    """At both ends only logins to Vault cross, and each end knows the other's key and ranges."""
    ends = playbooks(made, "gateway")
    if len(ends) != len(lab.members):
        yield f"{len(ends)} ends"
    for end in ends:
        variables = end.inputs["variables"]
        ground = end.name.partition("/")[0]
        if variables["wireguard_gateway_public_key"] != f"public key of {ground}":
            yield f"{end.name}: does not know its own key"
        for flow in variables["wireguard_gateway_flows"]:
            if flow["ports"] != [8200] or flow["protocol"] != "tcp":
                yield f"{end.name}: {flow['protocol']} {flow['ports']} may cross"
            if not set(flow["to"]) <= VAULTS:
                yield f"{end.name}: {flow['to']} may be reached"
        for peer in variables["wireguard_gateway_peers"]:
            if peer["public_key"] != f"public key of {peer['name']}":
                yield f"{end.name}: not the key of {peer['name']}"
            if any(IPv4Network(range_).prefixlen < 16 for range_ in peer["ranges"]):
                yield f"{end.name}: {peer['name']} has a wide range"


def known_callers(made: Deployment, _: HybridLab) -> Iterator[str]:
    """Only the other gateways may call one, and only Vault's machines answer into the tunnel."""
    for key in playbooks(made, "gateway_key"):
        for caller in key.inputs["variables"]["gateway_peers_from"]:
            if IPv4Network(caller).prefixlen != 32:
                yield f"{key.name}: {caller} may call"
    for routes in playbooks(made, "gateway_routes"):
        if {group for host in routes.inputs["hosts"] for group in host["groups"]} != {"vault"}:
            yield "other machines than Vault's have a route to the clouds"


def a_wire_not_a_way_out(made: Deployment, _: HybridLab) -> Iterator[str]:
    """A cloud has one public address; behind it is a route to the hub and to nobody else, from
    the internet comes UDP of the hub, and to it goes nothing else.
    """
    addresses = [entry for entry in made.resources if entry.type in ADDRESSES]
    if len(addresses) != 1:
        yield f"{len(addresses)} public addresses"
    for name, destination in ways_out(made):
        if destination != HUB:
            yield f"{name}: a way to {destination}"
    for name, range_, protocol, port in openings(made):
        if is_public(range_) and (range_, protocol, port) != (HUB, "udp", 51820):
            yield f"{name}: {protocol} {port} with {range_}"


def ways_out(made: Deployment) -> Iterator[tuple[str, str]]:
    for route in made.of_type("aws:ec2/route:Route"):
        if route.inputs.get("gatewayId"):
            yield route.name, route.inputs["destinationCidrBlock"]
    for table in made.of_type("azure-native:network:RouteTable"):
        for route in table.inputs["routes"]:
            if route["nextHopType"] == "Internet":
                yield table.name, route["addressPrefix"]


def openings(made: Deployment) -> Iterator[tuple[str, str, str, int]]:
    """Name, range, protocol and port of each rule that lets something in or out."""
    for entry in made.resources:
        inputs = entry.inputs
        if entry.type.startswith("aws:vpc/securityGroup") and "cidrIpv4" in inputs:
            yield entry.name, inputs["cidrIpv4"], inputs["ipProtocol"], inputs["fromPort"]
        if entry.type == "azure-native:network:NetworkSecurityGroup":
            for rule in inputs["securityRules"]:
                if rule["access"] == "Allow":
                    yield from _azure_openings(entry.name, rule)


def _azure_openings(name: str, rule: dict[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    side = "source" if rule["direction"] == "Inbound" else "destination"
    ranges = rule.get(f"{side}AddressPrefixes") or [rule[f"{side}AddressPrefix"]]
    for range_ in ranges:
        if "/" in range_:
            port = rule.get("destinationPortRange") or rule["destinationPortRanges"][0]
            yield name, range_, rule["protocol"].lower(), int(port) if port.isdigit() else -1


def forwards(made: Deployment, _: HybridLab) -> Iterator[str]:
    """The gateway's card passes packets on, and no other card does; its machine is hardened."""
    for card in made.of_type("aws:ec2/networkInterface:NetworkInterface"):
        if card.inputs.get("sourceDestCheck") is not False:
            yield f"{card.name} drops what it should pass on"
    for card in made.of_type("azure-native:network:NetworkInterface"):
        if card.inputs.get("enableIPForwarding") is not True:
            yield f"{card.name} drops what it should pass on"
    for machine in made.of_type("aws:ec2/instance:Instance"):
        disk, metadata = machine.inputs["rootBlockDevice"], machine.inputs["metadataOptions"]
        if not (disk.get("encrypted") and disk.get("kmsKeyId")):
            yield f"{machine.name}: a disk without the lab's key"
        if metadata["httpTokens"] != "required" or metadata["httpPutResponseHopLimit"] != 1:
            yield f"{machine.name}: metadata without a token"
    for machine in made.of_type("azure-native:compute:VirtualMachine"):
        disk = machine.inputs["storageProfile"]["osDisk"]["managedDisk"]
        if not disk.get("diskEncryptionSet"):
            yield f"{machine.name}: a disk without the lab's key"
        if not machine.inputs["securityProfile"].get("encryptionAtHost"):
            yield f"{machine.name}: not encrypted at its host"


def groups_report(made: Deployment, _: HybridLab) -> Iterator[str]:
    """What Azure's security groups let through and refuse is told, the gateway's one as well."""
    heard = {
        setting.inputs["resourceUri"]
        for setting in made.of_type("azure-native:monitor:DiagnosticSetting")
    }
    for group in made.of_type("azure-native:network:NetworkSecurityGroup"):
        if f"{group.name}-id" not in heard:
            yield f"nobody hears {group.name}"


RULES: tuple[Callable[[Deployment, HybridLab], Iterator[str]], ...] = (
    one_vault,
    own_logins,
    right_places,
    names_resolve,
    only_vault_beyond,
    narrow_tunnel,
    known_callers,
    a_wire_not_a_way_out,
    forwards,
    groups_report,
)


def faults(made: Deployment, lab: HybridLab) -> list[str]:
    return [f"{rule.__name__}: {fault}" for rule in RULES for fault in rule(made, lab)]
