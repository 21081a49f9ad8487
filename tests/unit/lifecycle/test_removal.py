"""What `lab destroy` does with a lab that this host does not carry, and what it says is left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra import config, lifecycle, paths, removal
from infra.config import OnPremLab
from infra.engine import Operation, Result, recovery
from infra.engine.events import Event
from infra.engine.target import Target
from infra.errors import DataProtected, OperationStopped, StateDamaged, WrongGround
from infra.hosts import cleanup
from infra.paths import Home
from infra.removal import Fate
from stacks import onprem
from tests.harness import aws_lab, hybrid_lab, local_lab
from tests.harness.deploy import Deployment, deploy
from tests.harness.onprem_lab import document

STACK = "site"
KEY, VOLUME = "urn::aws:kms/key:Key::key", "urn::aws:ec2/volume:Volume::volume"


class Silent:
    def step(self, title: str) -> None:
        del title

    def note(self, text: str) -> None:
        del text

    def event(self, event: Event) -> None:
        del event


@dataclass
class FakeStack:
    """Stands for `infra.engine.Stack`; remembers what it was asked."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    fails: bool = False

    def recover(self) -> list[str]:
        return ["ended 2 processes"]

    def run(self, operation: Operation, *options: str) -> Result:
        self.asked.append((operation.value, *options))
        if self.fails:
            raise OperationStopped("Vault does not answer.", next_step="look.")
        return Result(operation, 1.0, {"delete": 2}, (), ())


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStack:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    fake = FakeStack()
    monkeypatch.setattr(removal, "Stack", lambda *_, **__: fake)
    monkeypatch.setattr(cleanup, "sweep", lambda _: pytest.fail("the lab's folder was removed"))
    return fake


@pytest.fixture
def target(driver: FakeStack, tmp_path: Path) -> Target:
    """Seven given machines, one with an encrypted disk, and copies."""
    machines = document()["machines"]
    machines[3]["data_disk"] = "/dev/disk/by-id/data"
    tang = [{"url": "http://192.0.2.8", "thumbprint": "a" * 43}]
    backup = {"recipient": "/keys/backup.crt"}
    found = OnPremLab.model_validate(document(machines=machines, tang=tang, backup=backup))
    return Target(STACK, tmp_path / "Pulumi.site.yaml", found, Home(found.name))


def keep(*resources: dict[str, Any]) -> Home:
    """Makes these the stack's state, and puts a key beside it."""
    home = Home("site")
    file = recovery.checkpoint(home, STACK)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": list(resources)}}}))
    (home.root / "luks").mkdir()
    (home.root / "luks" / "worker-1.key").write_text("opens the disk")
    return home


def resource(urn: str, **changes: Any) -> dict[str, Any]:
    return {"urn": urn, "type": urn.split("::")[1], "custom": True, **changes}


PLAYBOOK = "urn::ailab:ansible:Playbook::network"
NAMESPACE = "urn::kubernetes:core/v1:Namespace::sandbox"
DEPLOYED = (
    resource("urn::pulumi:pulumi:Stack::site", custom=False),
    resource("urn::pulumi:providers:kubernetes::default"),
    resource("urn::ailab:hosts:GivenMachine::worker-1", custom=False),
    resource(PLAYBOOK, deletedWith="urn::ailab:hosts:GivenMachine::worker-1"),
    resource(NAMESPACE, deletedWith=PLAYBOOK),
)


def test_machines_of_ones_own_are_left_as_they_are_and_named(
    driver: FakeStack, target: Target
) -> None:
    home = keep(*DEPLOYED)
    report = removal.destroy(target, Silent())
    assert driver.asked == [("destroy",)]
    assert (report.deleted, report.protected, report.needed) == ((), (), ())
    assert report.forgotten == (
        "1 objects of Kubernetes",
        "1 machines",
        "1 playbooks' settings of machines",
    )
    stays = "\n".join(report.stays)
    for one in (
        *(machine["name"] for machine in document()["machines"]),
        "/var/backups/ai-lab",
        str(home.root),
    ):
        assert one in stays
    assert "encrypted disks of worker-1:" in stays
    steps = "\n".join(report.next_steps)
    assert "cryptsetup erase" in steps
    assert "docs/runbooks/onprem.md" in steps
    assert (home.root / "luks" / "worker-1.key").is_file(), "keys of what is still there"


def test_a_dry_run_says_the_same_and_does_nothing(driver: FakeStack, target: Target) -> None:
    keep(*DEPLOYED)
    dry = removal.destroy(target, Silent(), dry_run=True)
    assert driver.asked == []
    done = removal.destroy(target, Silent())
    assert dry.stays == done.stays
    assert dry.forgotten == done.forgotten


def test_what_is_left_is_said_even_if_nothing_is_deployed(
    driver: FakeStack, target: Target
) -> None:
    keep()
    report = removal.destroy(target, Silent())
    assert not report
    assert driver.asked == []
    assert report.stays


PROTECTED = (
    resource(KEY, protect=True, retainOnDelete=True),
    resource("urn::aws:ec2/vpc:Vpc::vpc"),
    resource(
        "urn::aws:eks/cluster:Cluster::c", protect=True, dependencies=["urn::aws:ec2/vpc:Vpc::vpc"]
    ),
    resource(NAMESPACE, deletedWith="urn::aws:eks/cluster:Cluster::c"),
    resource(VOLUME, retainOnDelete=True),
    resource("urn::aws:sns/topic:Topic::topic"),
)


def test_nothing_goes_while_data_is_protected(driver: FakeStack, target: Target) -> None:
    keep(*PROTECTED)
    with pytest.raises(DataProtected, match="aws:kms/key:Key key") as refused:
        removal.destroy(target, Silent())
    assert driver.asked == []
    assert "pulumi state unprotect" in refused.value.next_step
    assert removal.destroy(target, Silent(), dry_run=True).protected[0] == KEY


def test_what_is_protected_can_be_left_with_what_it_needs(
    driver: FakeStack, target: Target
) -> None:
    keep(*PROTECTED)
    report = removal.destroy(target, Silent(), keep_protected=True)
    assert driver.asked == [("destroy", "--exclude-protected")]
    assert len(report.protected) == 2
    assert report.needed == ("1 resources on AWS",)
    assert report.deleted == ("1 objects of Kubernetes", "1 resources on AWS")
    assert report.forgotten == ("1 resources on AWS",)


def test_keys_stay_when_pulumi_cannot(driver: FakeStack, target: Target) -> None:
    """What Pulumi did not get at is still there, and only these keys open it."""
    home = keep(*DEPLOYED)
    driver.fails = True
    with pytest.raises(OperationStopped):
        removal.destroy(target, Silent())
    assert (home.root / "luks" / "worker-1.key").is_file()
    assert recovery.checkpoint(home, STACK).is_file()


def test_a_damaged_state_is_not_a_reason_to_forget_a_lab(driver: FakeStack, target: Target) -> None:
    home = keep()
    recovery.checkpoint(home, STACK).write_text('{"checkpoint": {"la')
    with pytest.raises(StateDamaged) as damaged:
        removal.destroy(target, Silent())
    assert "docs/runbooks/onprem.md" in damaged.value.next_step
    assert driver.asked == []


def test_the_way_of_this_hosts_labs_is_closed_to_others(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = keep(*DEPLOYED)
    for module in (config, config.loading):
        monkeypatch.setattr(module, "load", lambda _: target.lab)
    assert not removal.made_here(STACK)
    with pytest.raises(WrongGround):
        lifecycle.destroy(STACK, _Nobody())
    assert home.root.is_dir()


class _Nobody(Silent):
    def begin(self, name: str, action: str, log: Path) -> None:
        raise AssertionError(name)

    def line(self, name: str, text: str) -> None:
        raise AssertionError(name)

    def end(self, name: str, seconds: float, *, failed: bool) -> None:
        raise AssertionError(name)


def state_of(made: Deployment) -> list[dict[str, Any]]:
    """What a program declares, as Pulumi keeps it."""
    return [
        {
            "urn": one.urn,
            "type": one.type,
            "custom": one.custom,
            "protect": one.protect,
            "retainOnDelete": one.retain_on_delete,
            "deletedWith": one.deleted_with,
            "dependencies": list(one.depends_on),
            "parent": one.parent,
            "provider": one.provider,
        }
        for one in made.resources
    ]


def given(patch: pytest.MonkeyPatch) -> Deployment:
    patch.setenv("LAB_HOME", local_lab.HOME)
    patch.setattr("infra.toolchain.version", lambda _: local_lab.KUBERNETES)
    patch.setattr("infra.toolchain.artifacts", local_lab.artifacts)
    wanted = OnPremLab.model_validate(document())
    return deploy(lambda: onprem.compose(wanted), computed=local_lab.COMPUTED, stack="onprem")


def aws(patch: pytest.MonkeyPatch) -> Deployment:
    return aws_lab.deploy_aws(patch, aws_lab.load(aws_lab.FULL))


def hybrid(patch: pytest.MonkeyPatch) -> Deployment:
    return hybrid_lab.deploy_hybrid(patch, hybrid_lab.load("hybrid-azure-onprem"))


@pytest.mark.parametrize(
    ("make", "fates"),
    [
        (given, {Fate.FORGOTTEN}),
        (aws, {Fate.PROTECTED, Fate.NEEDED, Fate.DELETED}),
        (hybrid, {Fate.PROTECTED, Fate.NEEDED, Fate.DELETED, Fate.FORGOTTEN}),
    ],
)
def test_our_own_programs(
    make: Callable[[pytest.MonkeyPatch], Deployment],
    fates: set[Fate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On machines of one's own nothing is deleted at all, which the runbook says; on a cloud data
    and keys are protected.
    """
    made = make(monkeypatch)
    found = removal.fates_of(state_of(made))
    assert fates <= set(found.values())
    if make is given:
        assert set(found.values()) == fates
    of = {one.urn: one.type for one in made.resources}
    protected = Counter(of[urn] for urn, fate in found.items() if fate is Fate.PROTECTED)
    if make is aws:
        assert {"aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:rds/instance:Instance"} <= set(
            protected
        )


def test_the_runbook_says_what_is_left() -> None:
    text = (paths.REPOSITORY / "docs" / "runbooks" / "onprem.md").read_text()
    chapter = text.partition("## Removing the lab")[2]
    for word in ("lab destroy", "kubeadm reset", "cryptsetup erase", "copies"):
        assert word in chapter
