"""The operator of sandboxes taken away by hand and given back (see `takeaway`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from infra.naming import OPERATOR_ROLE, VAULT_EVIDENCE_KEY, VAULT_TRANSIT
from tests.live.support import operator, root_token
from tests.live.support.api import administrator, eventually
from tests.live.support.takeaway import RESTART, World, patched


@contextmanager
def operator_stopped(world: World) -> Iterator[None]:
    """Nothing is made and nothing ends any more, and nothing else changes."""
    with patched(world, operator.DEPLOYMENT, {"spec": {"replicas": 0}}):
        with administrator(world.lab.home.kubeconfig) as api:
            left = eventually(
                lambda: operator.pods(api), until=lambda found: not found, within=RESTART
            )
            assert not left, "the operator's pods do not end."
        yield
    with administrator(world.lab.home.kubeconfig) as api:
        operator.ready(api)


@contextmanager
def operator_widened(world: World) -> Iterator[None]:
    """The operator may read secrets."""
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{OPERATOR_ROLE}"
    with administrator(world.lab.home.kubeconfig) as api:
        rules = api.read(path)["rules"]
    more = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
    with patched(world, path, {"rules": [*rules, more]}):
        yield


@contextmanager
def evidence_key_deletable(world: World) -> Iterator[None]:
    """One command, and no signature can be verified in Vault any more."""
    path = f"{VAULT_TRANSIT}/keys/{VAULT_EVIDENCE_KEY}/config"
    with root_token.made(world.lab) as root:
        root.ask("POST", path, {"deletion_allowed": True})
        try:
            yield
        finally:
            root.ask("POST", path, {"deletion_allowed": False})
