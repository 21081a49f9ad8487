"""Puts the operator's parts together, from what it is told."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.evidence.log import EvidenceLog
from infra.evidence.store import Store
from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection as ApiConnection
from infra.operator.clock import ApiClock
from infra.operator.cluster import Cluster
from infra.operator.configuration import Configuration
from infra.operator.destroy import Destroyer
from infra.operator.journal import Journal
from infra.operator.leader import Leader
from infra.operator.metrics import Metrics
from infra.operator.orphans import Orphans
from infra.operator.pool import Size, WarmPool
from infra.operator.probe import PodProber
from infra.operator.provision import Provisioner
from infra.operator.reconcile import Reconciler
from infra.operator.steps import Steps
from infra.operator.stores import stored, vault_connection
from infra.operator.sweep import Sweeper
from infra.operator.transfers import Reviewer
from infra.secrets.client import Vault
from infra.secrets.sandboxes import SandboxVault
from infra.secrets.signing import TransitSigner

#: Seconds for which one step waits for an API server or a Vault that restarts; then it is tried
#: again later, and others have their turn meanwhile.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process runs."""

    reconciler: Reconciler
    reviewer: Reviewer
    pool: WarmPool
    orphans: Orphans
    leader: Leader
    metrics: Metrics
    taken: threading.Event


@contextmanager
def assembled(
    configuration: Configuration, connection: ApiConnection, metrics: Metrics, log: Any
) -> Iterator[Parts]:
    """The parts; nothing is done yet. Connections end with the block.

    Raises:
        LabError: Vault or the evidence store cannot be used.
    """
    clock = ApiClock()
    api = Api(connection, agent=naming.OPERATOR, observer=clock.observe, patience=PATIENCE)
    instance = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    vault = Vault(vault_connection(configuration), patience=PATIENCE)
    try:
        with stored(configuration, _not_renewed(log)) as store:
            leader = Leader(
                api,
                namespace=naming.OPERATOR_NAMESPACE,
                name=naming.OPERATOR,
                identity=instance,
                timing=configuration.lease.timing,
                now=clock.now,
            )
            yield _parts(configuration, _Ways(api, clock, vault, store, leader), metrics, log)
    finally:
        vault.close()


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways out of the process."""

    api: Api
    clock: ApiClock
    vault: Vault
    store: Store
    leader: Leader


def _parts(configuration: Configuration, ways: _Ways, metrics: Metrics, log: Any) -> Parts:
    cluster = Cluster(ways.api)
    clock = ways.clock
    corners = SandboxVault(ways.vault, configuration.vault.mounts)
    provisioner = Provisioner(cluster, corners)
    destroyer = Destroyer(cluster, corners, clock.now)
    prober = PodProber(cluster, configuration.probe)
    taken = threading.Event()
    pool = WarmPool(
        cluster,
        configuration.facts,
        _sizes(configuration),
        provisioner,
        prober,
        destroyer,
        taken.set,
    )
    signer = TransitSigner(ways.vault, mount=configuration.vault.transit)
    journal = Journal(
        configuration.lab, EvidenceLog(ways.store, signer, clock=clock.now), ways.store
    )
    steps = Steps(
        cluster=cluster,
        facts=configuration.facts,
        quotas={name: one.quota for name, one in configuration.profiles.items()},
        journal=journal,
        provisioner=provisioner,
        prober=prober,
        destroyer=destroyer,
        sweeper=Sweeper(cluster, corners, clock.now),
        pool=pool,
    )
    reconciler = Reconciler(
        cluster=cluster,
        clock=clock,
        leader=ways.leader,
        rules=configuration.rules,
        steps=steps,
        metrics=metrics,
        log=log,
        instance=naming.OPERATOR,
    )
    reviewer = Reviewer(
        cluster=cluster,
        clock=clock,
        leader=ways.leader,
        rules=configuration.rules,
        journal=journal,
        metrics=metrics,
        log=log,
    )
    orphans = Orphans(cluster, corners, provisioner, destroyer, _loudly(metrics, log))
    return Parts(reconciler, reviewer, pool, orphans, ways.leader, metrics, taken)


def _sizes(configuration: Configuration) -> Mapping[str, Size]:
    return {name: Size(one.pool, one.quota) for name, one in configuration.profiles.items()}


def _loudly(metrics: Metrics, log: Any) -> Callable[[str], None]:
    def found(name: str) -> None:
        metrics.orphan()
        log.error("orphan", name=name)

    return found


def _not_renewed(log: Any) -> Callable[[Exception], None]:
    return lambda error: log.error("the database's certificate was not renewed", error=str(error))
