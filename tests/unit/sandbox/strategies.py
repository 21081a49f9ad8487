"""Sandboxes as hypothesis makes them up: whatever the configuration allows."""

from __future__ import annotations

from ipaddress import IPv4Network

from hypothesis import strategies as st

from infra.config import EgressRule, Quota, SandboxSpec
from infra.sandbox.blueprint import LabFacts
from infra.sandbox.network import NetworkFacts

FACTS = LabFacts(
    lab="local",
    kubernetes_version="1.36.3",
    network=NetworkFacts(
        pods=IPv4Network("10.72.0.0/16"),
        services=IPv4Network("10.73.0.0/16"),
        nodes=(IPv4Network("10.71.0.10"), IPv4Network("10.71.0.11")),
        vault=(IPv4Network("10.71.0.12"),),
        vault_port=8200,
        database=(IPv4Network("10.71.0.12"),),
    ),
)

names = st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
quantities = st.from_regex(r"[1-9][0-9]{0,4}(m|k|Ki|M|Mi|G|Gi|T|Ti)?", fullmatch=True)
quotas = st.builds(
    Quota,
    cpu=quantities,
    memory=quantities,
    storage=quantities,
    pods=st.integers(1, 500),
    gpus=st.integers(0, 64),
)


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    """Any range but those that a sandbox is refused."""
    address = draw(st.integers(0, 2**32 - 1))
    length = draw(st.integers(0, 32))
    return IPv4Network((address, length), strict=False)


def is_allowed(network: IPv4Network) -> bool:
    return not any(network.subnet_of(closed) for closed in FACTS.network.forbidden())


rules = st.builds(
    EgressRule,
    cidr=networks().filter(is_allowed),
    port=st.integers(1, 65535),
    protocol=st.sampled_from(["TCP", "UDP"]),
    reason=st.text(min_size=8, max_size=40),
)
sandboxes = st.builds(
    SandboxSpec,
    name=names,
    purpose=st.text(min_size=8, max_size=200),
    classification=st.sampled_from(["public", "internal", "confidential", "restricted"]),
    principal=st.from_regex(r"[A-Za-z0-9._@-]{3,30}", fullmatch=True),
    quota=quotas,
    egress=st.lists(rules, max_size=4).map(tuple),
)
