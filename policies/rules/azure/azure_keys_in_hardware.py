"""Keys on Azure never leave their hardware, do one thing, and turn by themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_OPERATIONS = "properties.keyOps"
_WRAPS, _ENCRYPTS = {"wrapKey", "unwrapKey"}, {"encrypt", "decrypt"}


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    operations = set(decided(properties, _OPERATIONS) or [])
    if operations not in (_WRAPS, _ENCRYPTS):
        yield f"{_OPERATIONS}: it does more than one thing"
    # AKS names a version of the key for etcd, so that one cannot turn by itself.
    if operations == _ENCRYPTS:
        return
    actions = decided(properties, "properties.rotationPolicy.lifetimeActions") or []
    if "rotate" not in [(one.get("action") or {}).get("type") for one in actions]:
        yield "properties.rotationPolicy: nothing turns it"


def _signs_too(properties: dict[str, Any]) -> None:
    properties["properties"]["keyOps"] = ["wrapKey", "unwrapKey", "sign"]


def _never_turns(properties: dict[str, Any]) -> None:
    properties["properties"]["keyOps"] = ["wrapKey", "unwrapKey"]
    properties["properties"]["rotationPolicy"] = {
        "lifetimeActions": [{"action": {"type": "notify"}}]
    }


RULE = Rule(
    id="azure-keys-in-hardware",
    title="Keys are made in hardware and stay there, do one thing only, and turn every year.",
    reason="A key that can be exported may be anywhere; one that never turns opens everything that "
    "was ever written.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.04", "SATRE-2.8.05", "CYB-8.3d"),
    preview=Properties(
        {
            "azure-native:keyvault:Key": (
                must_be("properties.attributes.exportable", False),
                must_be("properties.keySize", 3072, 4096, broken=(2048,)),
                must_be("properties.kty", "RSA-HSM", broken=("RSA",)),
            ),
        },
        check=_check,
        broken=(_signs_too, _never_turns),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `kty` to RSA-HSM, `exportable` to false, and a rotation policy with `rotate`.",
)
