"""Estimates: what has no price is never a zero, and no figure claims more than its source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra import config, costs
from infra.cli import main
from infra.costs import tables, usage
from infra.costs.estimate import NEVER_COVERED, Estimate, estimate
from infra.costs.tables import Basis, Price, PriceTable
from infra.costs.usage import Planned
from infra.errors import PriceTableInvalid
from infra.paths import REPOSITORY, Home
from tests.unit.engine.conftest import FakePulumi, fake_pulumi, home

__all__ = ["fake_pulumi", "home"]

EXAMPLES = sorted((REPOSITORY / "examples" / "valid").glob("*.yaml"))
REGIONS = {"aws": "here-1", "azure": "there"}


def price(key: str, amount: str, *, unit: Any = "hour", basis: Basis = "read") -> Price:
    return Price(
        key=key,
        unit=unit,
        price=Decimal(amount),
        basis=basis,
        source="https://example.org/prices",
        date=date(2026, 1, 2),
    )


TABLE = PriceTable(
    provider="aws",
    region="here-1",
    currency="EUR",
    prices=(
        price("eks/cluster", "0.10"),
        price("ec2/m.large", "0.20", basis="reported"),
        price("ebs/gp3", "0.10", unit="GiB-month", basis="recalled"),
    ),
)
CLUSTER = Planned("aws:eks/cluster:Cluster", "lab", {})
NODES = Planned(
    "aws:eks/nodeGroup:NodeGroup",
    "cpu",
    {"scalingConfig": {"minSize": 3, "maxSize": 9}, "instanceTypes": ["m.large"], "diskSize": 100},
)


class Quiet:
    """Nobody looks."""

    def note(self, text: str) -> None:
        del text

    def event(self, event: object) -> None:
        del event


def lines(found: Estimate) -> dict[str, Any]:
    return {line.what: line for line in found.lines}


def test_a_month_has_730_hours_and_totals_keep_to_their_basis() -> None:
    found = estimate([CLUSTER, NODES], REGIONS, [TABLE])
    months = {what: line.month for what, line in lines(found).items()}
    assert months == {
        "eks/cluster": Decimal("73.00"),
        "ec2/m.large": Decimal("438.00"),
        "ebs/gp3": Decimal("30.00"),
    }
    assert found.totals == {
        "EUR": {
            "read": Decimal("73.00"),
            "reported": Decimal("438.00"),
            "recalled": Decimal("30.00"),
        }
    }
    assert found.without_price == []
    assert not found.lower_bound


@pytest.mark.parametrize(
    ("planned", "what"),
    [
        (Planned("aws:ec2/instance:Instance", "x", {"instanceType": "m.huge"}), "ec2/m.huge"),
        (Planned("aws:new/thing:Thing", "x", {}), "aws:new/thing:Thing"),
        (Planned("aws:ec2/instance:Instance", "x", {}), "aws:ec2/instance:Instance"),
        (Planned("azure-native:new:Thing", "x", {}), "azure-native:new:Thing"),
        (CLUSTER, "eks/cluster"),
    ],
    ids=["unknown-size", "unknown-type", "no-size", "unknown-azure", "another-region"],
)
def test_what_is_not_known_has_no_price_and_is_in_no_total(planned: Planned, what: str) -> None:
    regions = {"aws": "elsewhere-1"} if planned is CLUSTER else REGIONS
    found = estimate([planned], regions, [TABLE])
    line = lines(found)[what]
    assert line.price is None
    assert line.month is None
    assert not found.totals
    assert found.without_price == [what]
    assert found.lower_bound


def test_a_region_that_is_not_known_has_no_prices() -> None:
    found = estimate([CLUSTER], {}, [TABLE])
    assert (found.lines[0].region, found.lines[0].month) == ("unknown", None)


def test_nodes_are_what_their_launch_template_says() -> None:
    template = Planned(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "cpu",
        {
            "instanceType": "m.large",
            "blockDeviceMappings": [{"ebs": {"volumeSize": 50, "volumeType": "gp3"}}],
        },
        id="lt-1",
    )
    nodes = Planned(
        "aws:eks/nodeGroup:NodeGroup",
        "cpu",
        {"scalingConfig": {"minSize": 2}, "launchTemplate": {"id": "lt-1", "version": "1"}},
    )
    found = lines(estimate([template, nodes], REGIONS, [TABLE]))
    assert found["ec2/m.large"].quantity == 2 * 730
    assert found["ebs/gp3"].quantity == 100
    alone = estimate([nodes], REGIONS, [TABLE])
    assert [line.month for line in alone.lines] == [None]


def test_a_table_of_ones_own_comes_first() -> None:
    own = TABLE.model_copy(update={"prices": (price("eks/cluster", "0.05"),)})
    found = estimate([CLUSTER, NODES], REGIONS, [own, TABLE])
    assert lines(found)["eks/cluster"].month == Decimal("36.50")
    assert lines(found)["ec2/m.large"].month == Decimal("438.00")


def test_what_is_paid_by_use_is_told_and_what_only_describes_is_not() -> None:
    found = estimate(
        [
            Planned("aws:s3/bucket:Bucket", "evidence", {}),
            Planned("aws:s3/bucketVersioning:BucketVersioning", "evidence", {}),
            Planned("aws:iam/role:Role", "nodes", {}),
            Planned("kubernetes:core/v1:Namespace", "x", {}),
        ],
        REGIONS,
        [TABLE],
    )
    assert found.by_use == {"aws:s3/bucket:Bucket": 1}
    assert not found.lines


@pytest.mark.parametrize(
    ("type_", "inputs", "expected"),
    [
        ("aws:ec2/eip:Eip", {}, {"vpc/public-ipv4": 730}),
        (
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]},
            {"vpc/interface-endpoint": 2190},
        ),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Gateway"}, {}),
        (
            "aws:rds/instance:Instance",
            {
                "instanceClass": "db.m",
                "multiAz": True,
                "allocatedStorage": 100,
                "storageType": "gp3",
            },
            {"rds/db.m": 1460, "rds/gp3": 200},
        ),
        (
            "aws:ec2/instance:Instance",
            {"instanceType": "m.large", "rootBlockDevice": {"volumeSize": 50}},
            {"ec2/m.large": 730, "ebs/gp3": 50},
        ),
        ("aws:kms/key:Key", {}, {"kms/key": 1}),
        ("aws:ebs/volume:Volume", {"size": 8, "type": "gp3"}, {"ebs/gp3": 8}),
        (
            "azure-native:containerservice:ManagedCluster",
            {
                "sku": {"tier": "Standard"},
                "agentPoolProfiles": [{"vmSize": "D2", "minCount": 3, "osDiskSizeGB": 128}],
            },
            {"aks/standard": 730, "vm/D2": 2190, "disk/managed": 384},
        ),
        (
            "azure-native:containerservice/v20240901:AgentPool",
            {"vmSize": "D4", "count": 2},
            {"vm/D4": 1460},
        ),
        (
            "azure-native:compute:VirtualMachine",
            {
                "hardwareProfile": {"vmSize": "D2"},
                "storageProfile": {"osDisk": {"diskSizeGB": 30}},
            },
            {"vm/D2": 730, "disk/managed": 30},
        ),
        (
            "azure-native:dbforpostgresql:Server",
            {
                "sku": {"name": "D2ds"},
                "highAvailability": {"mode": "ZoneRedundant"},
                "storage": {"storageSizeGB": 64},
            },
            {"postgresql/D2ds": 1460, "postgresql/storage": 128},
        ),
        (
            "azure-native:containerregistry:Registry",
            {"sku": {"name": "Premium"}},
            {"acr/premium": 730},
        ),
    ],
)
def test_what_resources_take(type_: str, inputs: dict[str, Any], expected: dict[str, int]) -> None:
    found = usage.usage(Planned(type_, "x", inputs))
    assert found is not None
    assert {part.key: part.quantity for part in found} == expected


@pytest.mark.parametrize(
    ("machine", "size", "expected"),
    [
        ("Standard_D4ads_v5", 128, {"disk/premium-lrs-p10": 3}),
        ("Standard_D4ads_v5", 129, {"disk/premium-lrs-p15": 3}),
        ("Standard_NC4as_T4_v3", 512, {"disk/premium-lrs-p20": 3}),
        ("Standard_D4ads_v5", 9000, {"disk/Premium_LRS": 27000}),
        ("Standard_D4_v3", 128, {"disk/managed": 384}),
    ],
    ids=["fits", "next-step", "gpu", "beyond-the-steps", "no-premium"],
)
def test_premium_disks_are_paid_for_by_their_step(
    machine: str, size: int, expected: dict[str, int]
) -> None:
    inputs = {"vmSize": machine, "count": 3, "osDiskSizeGB": size}
    found = usage.usage(Planned("azure-native:containerservice:AgentPool", "x", inputs))
    assert found is not None
    assert {part.key: part.quantity for part in found[1:]} == expected


def test_a_machine_says_what_disk_it_has() -> None:
    disk = {"diskSizeGB": 30, "managedDisk": {"storageAccountType": "Premium_LRS"}}
    inputs = {"hardwareProfile": {"vmSize": "D2"}, "storageProfile": {"osDisk": disk}}
    found = usage.usage(Planned("azure-native:compute:VirtualMachine", "x", inputs))
    assert found is not None
    disk_part = found[1]
    assert (disk_part.key, disk_part.unit) == ("disk/premium-lrs-p4", "month")
    assert disk_part.quantity == 1


def test_every_region_of_the_examples_has_a_table() -> None:
    tabled = {(table.provider, table.region) for table in tables.load()}
    used = {place for file in EXAMPLES for place in costs.regions(config.load_file(file)).items()}
    assert len(used) == 5
    assert used <= tabled


def test_each_table_is_named_by_what_it_is_for() -> None:
    for file in tables.FOLDER.glob("*.yaml"):
        [table] = tables.load(tables.FOLDER.parent, own=[file])
        assert file.stem == f"{table.provider}-{table.region}"


def test_every_figure_says_where_it_is_from_and_when() -> None:
    """Nothing has a date of tomorrow, and what nobody checked cannot grow unseen."""
    today = datetime.now(UTC).date()
    known = [(table.region, price) for table in tables.load() for price in table.prices]
    assert all(price.source and price.date <= today for _, price in known)
    assert sorted({region for region, price in known if price.basis == "recalled"}) == [
        "eu-central-1",
        "germanywestcentral",
    ]


def test_a_region_without_a_table_and_a_key_without_a_price_are_told() -> None:
    bad = {"aws": "moon-1", "azure": "there"}
    found = estimate([CLUSTER], bad, [TABLE])
    assert found.without_table == ["aws moon-1"]
    without = TABLE.model_copy(update={"prices": TABLE.prices[1:]})
    found = estimate([CLUSTER, NODES], REGIONS, [without])
    assert found.without_table == []
    assert found.without_price == ["eks/cluster"]


def test_an_estimate_leaves_nothing_of_a_stack_that_was_never_deployed(
    fake_pulumi: FakePulumi, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    document = json.dumps({"steps": []})
    summary: dict[str, Any] = {"summaryEvent": {"resourceChanges": {}}}
    fake_pulumi.play(preview={"output": document, "events": [summary]})
    before = set(tmp_path.rglob("*"))
    costs.of("local", Quiet())
    assert not home.root.exists()
    left = {path for path in set(tmp_path.rglob("*")) - before if "fake-pulumi" not in path.parts}
    assert left == set()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("price: '0.10'", "price: '0'"),
        lambda text: text.replace("basis: read", "basis: certain"),
        lambda text: text.replace("source: 'https:", "source: 'ftp:"),
        lambda text: text + text[text.index("  - ") :],
        lambda text: "[",
        lambda text: text.replace(", date: 2026-11-21", ""),
        lambda text: re.sub("/[0-9a-f]{40}/", "/main/", text),
    ],
    ids=["free", "unknown-basis", "no-page", "twice", "no-yaml", "no-date", "no-commit"],
)
def test_a_table_that_claims_too_much_is_refused(
    tmp_path: Path, spoil: Callable[[str], str]
) -> None:
    text = (tables.FOLDER / "aws-eu-central-1.yaml").read_text()
    (tmp_path / "spoilt.yaml").write_text(text)
    assert tables.load(tmp_path)
    (tmp_path / "spoilt.yaml").write_text(spoil(text))
    with pytest.raises(PriceTableInvalid, match=r"spoilt\.yaml"):
        tables.load(tmp_path)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Planned("aws:new/thing:Thing", "x", {})
    found = estimate([CLUSTER, NODES, unknown], REGIONS, [TABLE])
    monkeypatch.setattr(costs, "of", lambda *_, **__: found)


@pytest.mark.usefixtures("known")
def test_the_command_prints_lines_totals_and_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run(["cost", "aws"]) == 0
    shown = capsys.readouterr().out
    for text in ("eks/cluster", "73.00 EUR", "read 2026-01-02", "no price", "1 lines have no"):
        assert text in shown
    assert NEVER_COVERED[0] in shown
    assert "Total of what was recalled: at least 30.00 EUR a month" in shown
    assert "1 lines have no price and are in no total:\n  aws:new/thing:Thing\n" in shown


@pytest.mark.usefixtures("known")
def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["cost", "aws", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    by_what = {line["what"]: line for line in document["lines"]}
    assert by_what["aws:new/thing:Thing"]["month"] is None
    assert by_what["eks/cluster"]["basis"] == "read"
    assert by_what["eks/cluster"]["source"].startswith("https://")
    assert document["totals"]["EUR"]["read"] == "73.00"
    assert document["lines_without_price"] == 1
    assert document["without_price"] == ["aws:new/thing:Thing"]
    assert document["lower_bound"] is True
    assert document["without_table"] == []
    assert document["not_covered"]
