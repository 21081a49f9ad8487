"""What checkov says of the Azure examples: an outside judge of what is declared.

Its checks of templates know thirteen of the lab's types, and do not ask whose key encrypts a store.
docs/proofs.md says what it was asked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import azure_lab, hybrid_lab
from tests.long.clouds import arm, verdicts

_CLUSTER = "-cluster"
#: What checkov finds and we keep. ADR 12 has the longer reasons.
ACCEPTED: verdicts.Accepted = {
    "CKV_AZURE_4": (_CLUSTER, "wants an agent; Azure takes the logs by a diagnostic setting"),
    "CKV_AZURE_6": (_CLUSTER, "wants ranges that may reach a public API server; it has none"),
    "CKV_AZURE_8": (_CLUSTER, "wants an add-on turned off that Kubernetes 1.19 and later lack"),
    "CKV_AZURE_40": ("/etcd", "AKS stops when it expires and takes no new one: turned by hand"),
    "CKV_AZURE_87": (
        (
            "/pricings.Arm",
            "/pricings.Containers",
            "/pricings.OpenSourceRelationalDatabases",
            "/pricings.StorageAccounts",
            "/pricings.VirtualMachines",
        ),
        "asks of every plan of Defender whether it is the one of Key Vault",
    ),
    "CKV_AZURE_166": ("", "quarantine holds every image for a scanner that is not there"),
    "CKV_AZURE_171": (_CLUSTER, "Kubernetes changes by `up`, under review; node images do weekly"),
    "CKV_AZURE_172": (_CLUSTER, "of an add-on that is off: secrets come from Vault"),
    "CKV_AZURE_206": ("", "a copy in another region leaves the region that was chosen"),
    "CKV_AZURE_226": (_CLUSTER, "such disks do not take the lab's key"),
}
#: Azure's types that checkov has checks for, and how many it made of each (docs/proofs.md).
JUDGED: dict[str, int] = {
    "Microsoft.Compute/virtualMachines": 9,
    "Microsoft.ContainerRegistry/registries": 6,
    "Microsoft.ContainerService/managedClusters": 12,
    "Microsoft.ContainerService/managedClusters/agentPools": 2,
    "Microsoft.KeyVault/vaults": 5,
    "Microsoft.KeyVault/vaults/keys": 2,
    "Microsoft.Network/networkInterfaces": 1,
    "Microsoft.Network/networkSecurityGroups": 3,
    "Microsoft.Network/networkWatchers/flowLogs": 1,
    "Microsoft.Network/virtualNetworks": 2,
    "Microsoft.Security/pricings": 5,
    "Microsoft.Storage/storageAccounts": 7,
    "Microsoft.Storage/storageAccounts/blobServices/containers": 1,
}


def judged(plan: dict[str, Any], folder: Path) -> verdicts.Verdicts:
    return verdicts.judge(plan, folder, framework="arm", file="main.json")


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        return arm.render(azure_lab.deploy_azure(patch, azure_lab.load("azure-full")))


@pytest.fixture(scope="module")
def hybrid() -> dict[str, Any]:
    """The part on Azure of a lab that has its Vault at home."""
    with pytest.MonkeyPatch.context() as patch:
        lab = hybrid_lab.load("hybrid-azure-onprem")
        return arm.render(hybrid_lab.deploy_hybrid(patch, lab))


@pytest.mark.parametrize("example", ["plan", "hybrid"])
def test_checkov_finds_nothing_that_is_not_known_with_its_reason(
    example: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    found = judged(request.getfixturevalue(example), tmp_path)
    assert found.besides(ACCEPTED) == set()
    assert {check for check, _ in found.failed} == ACCEPTED.keys(), "a reason is no longer needed"
    checks: dict[str, set[str]] = defaultdict(set)
    for check, resource in found.failed | found.passed:
        # A type has one dot, after Microsoft.
        checks[".".join(resource.split(".")[:2])].add(check)
    assert {kind: len(made) for kind, made in checks.items()} == JUDGED


def test_every_type_of_azure_has_its_place_in_the_template(plan: dict[str, Any]) -> None:
    for one in plan["resources"]:
        assert one["name"].count("/") == one["type"].count("/") - 1, one["type"]
        assert one["apiVersion"]
        assert "{" not in one["name"]


Change = Callable[[dict[str, Any]], None]


def _with(**values: Any) -> Change:
    return lambda resource: resource["properties"].update(values)


def _without(resource: dict[str, Any]) -> None:
    del resource["properties"]["rotationPolicy"]


def _open(resource: dict[str, Any]) -> None:
    """A rule that lets everybody in, as the first of the group's."""
    resource["properties"]["securityRules"][0]["properties"].update(
        access="Allow",
        direction="Inbound",
        protocol="Tcp",
        destinationPortRange="22",
        sourceAddressPrefix="*",
    )


def _within(name: str, **values: Any) -> Change:
    return lambda resource: resource["properties"][name].update(values)


#: Faults that checkov must find when they are put in, all at once, one or more for each type that
#: it judges: check, type, how the resource's name begins (or its last part), change.
FAULTS: tuple[tuple[str, str, str, Change], ...] = (
    ("CKV_AZURE_44", "Storage/storageAccounts", "evidence", _with(minimumTlsVersion="TLS1_0")),
    ("CKV_AZURE_59", "Storage/storageAccounts", "artifacts", _with(publicNetworkAccess="Enabled")),
    (
        "CKV_AZURE_35",
        "Storage/storageAccounts",
        "artifacts",
        _within("networkAcls", defaultAction="Allow"),
    ),
    ("CKV_AZURE_3", "Storage/storageAccounts", "flows", _with(supportsHttpsTrafficOnly=False)),
    (
        "CKV_AZURE_34",
        "Storage/storageAccounts/blobServices/containers",
        "evidence",
        _with(publicAccess="Blob"),
    ),
    (
        "CKV_AZURE_139",
        "ContainerRegistry/registries",
        "registry",
        _with(publicNetworkAccess="Enabled"),
    ),
    ("CKV_AZURE_137", "ContainerRegistry/registries", "registry", _with(adminUserEnabled=True)),
    (
        "CKV_AZURE_97",
        "Compute/virtualMachines",
        "azure-full-vault-1",
        _within("securityProfile", encryptionAtHost=False),
    ),
    (
        "CKV_AZURE_141",
        "ContainerService/managedClusters",
        "azure-full",
        _with(disableLocalAccounts=False),
    ),
    (
        "CKV_AZURE_227",
        "ContainerService/managedClusters/agentPools",
        "cpu",
        _with(enableEncryptionAtHost=False),
    ),
    ("CKV_AZURE_189", "KeyVault/vaults", "unseal", _with(publicNetworkAccess="Enabled")),
    ("CKV_AZURE_110", "KeyVault/vaults", "etcd", _with(enablePurgeProtection=False)),
    ("CKV_AZURE_112", "KeyVault/vaults/keys", "disks", _with(kty="RSA")),
    ("CKV_AZURE_40", "KeyVault/vaults/keys", "logs", _without),
    ("CKV_AZURE_10", "Network/networkSecurityGroups", "azure-full-nodes", _open),
    (
        "CKV_AZURE_12",
        "Network/networkWatchers/flowLogs",
        "azure-full",
        _within("retentionPolicy", days=7),
    ),
    (
        "CKV_AZURE_182",
        "Network/networkInterfaces",
        "azure-full-vault-1",
        _with(dnsSettings={"dnsServers": ["192.0.2.1"]}),
    ),
    (
        "CKV_AZURE_183",
        "Network/virtualNetworks",
        "azure-full",
        _with(dhcpOptions={"dnsServers": ["192.0.2.1"]}),
    ),
    ("CKV_AZURE_87", "Security/pricings", "KeyVaults", _with(pricingTier="Free")),
)


def test_checkov_finds_faults_that_are_put_in(plan: dict[str, Any], tmp_path: Path) -> None:
    changed = json.loads(json.dumps(plan))
    put: set[tuple[str, str]] = set()
    for check, kind, name, change in FAULTS:
        (resource,) = (
            one
            for one in changed["resources"]
            if one["type"] == f"Microsoft.{kind}"
            and one["name"].rpartition("/")[2].startswith(name)
        )
        change(resource)
        put.add((check, f"{resource['type']}.{resource['name']}"))
    assert {f"Microsoft.{kind}" for _, kind, _, _ in FAULTS} == JUDGED.keys()
    # What is kept with a reason must not hide one of them.
    assert put <= judged(changed, tmp_path).besides(ACCEPTED)
