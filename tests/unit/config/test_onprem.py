"""Machines of one's own: what an inventory must say before anything is done."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from infra import config
from infra.config import OnPremLab
from infra.errors import ConfigError
from tests.harness.onprem_lab import document


def lab(**changes: Any) -> OnPremLab:
    parsed = config.parse(document(**changes), source="test")
    assert isinstance(parsed, OnPremLab)
    return parsed


def changed(index: int, **values: Any) -> list[dict[str, Any]]:
    machines: list[dict[str, Any]] = document()["machines"]
    machines[index] |= values
    return machines


def only(*roles: str) -> list[dict[str, Any]]:
    """The first machine of each role, as often as the role is named."""
    machines: list[dict[str, Any]] = []
    for role in roles:
        known = [one for one in document()["machines"] if one["role"] == role]
        machines.append(next(one for one in known if one not in machines))
    return machines


def test_several_machines_are_known_by_one_address() -> None:
    found = lab()
    assert str(found.address_of("control-plane")) == "10.71.0.5"
    assert str(found.address_of("vault")) == "10.71.0.6"
    assert [str(address) for address in found.vault_addresses][-1] == "10.71.0.6"
    assert found.forbidden[IPv4Network("10.71.0.5/32")] == "the API server"


def test_one_machine_of_a_kind_is_known_by_its_own() -> None:
    small = lab(
        machines=only("control-plane", "worker", "vault"),
        kubernetes_endpoint=None,
        vault_endpoint=None,
    )
    assert str(small.address_of("control-plane")) == "10.71.0.11"
    assert str(small.address_of("vault")) == "10.71.0.31"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kubernetes_endpoint": None}, r"kubernetes_endpoint: 3 control-planes need one address"),
        ({"vault_endpoint": None}, r"vault_endpoint: 3 vaults need one address"),
        ({"kubernetes_endpoint": {"address": "10.71.0.11"}}, r"belongs to control-plane-1"),
        ({"vault_endpoint": {"address": "10.71.0.5", "router": 9}}, r"belongs to kubernetes_end"),
        ({"kubernetes_endpoint": {"address": "192.0.2.5"}}, r"only an address of network\.mach"),
        ({"vault_endpoint": {"address": "10.71.0.6"}}, r"has the same number"),
        ({"vault_endpoint": {"address": "10.71.0.6", "router": 256}}, r"less than or equal to 255"),
        (
            {"machines": only("control-plane", "control-plane", "worker", "vault")},
            r"2 control-planes survive no more",
        ),
        (
            {"machines": only("control-plane", "worker", "vault", "vault")},
            "2 vaults survive",
        ),
        ({"machines": only("control-plane", "vault")}, r"at least 1 worker is needed"),
        ({"machines": changed(0, data_disk="/dev/sda")}, r"data_disk"),
        (
            {"machines": changed(0, data_disk="/dev/disk/by-id/wwn-1")},
            "would open at",
        ),
        (
            {"tang": [{"url": "http://tang", "thumbprint": "a" * 43}], "tang_threshold": 2},
            "2 of 1",
        ),
        ({"time_servers": []}, r"time_servers"),
        ({"vault": {"seal": "shamir"}}, r"shamir is for the local ground only"),
        ({"backup": {"recipient": "-----BEGIN CERTIFICATE-----"}}, r"backup\.recipient"),
    ],
)
def test_what_would_fail_later_is_refused_now(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        lab(**wrong)


def test_a_load_balancer_of_the_site_may_lie_anywhere() -> None:
    found = lab(kubernetes_endpoint={"address": "192.0.2.5", "carrier": "load-balancer"})
    assert str(found.address_of("control-plane")) == "192.0.2.5"
