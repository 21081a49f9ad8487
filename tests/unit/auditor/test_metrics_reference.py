"""docs/reference/metrics.md has each metric of the auditor, and no other."""

from __future__ import annotations

import re
from typing import Any, cast

from infra import paths
from infra.auditor import contract
from infra.auditor.metrics import STANDS, State
from infra.cluster.auditor_objects import NAME, NAMESPACE
from infra.naming import LABEL_MONITORING

TEXT = (paths.REPOSITORY / "docs" / "reference" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(ailab_\w+)` \| (gauge|counter) \| ([^|]*)\|", re.MULTILINE)


def test_every_metric_is_in_the_reference() -> None:
    told = {
        (name.removesuffix("_total"), kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(TEXT)
    }
    shown = {
        (one.name, one.type, tuple(cast("Any", one)._labelnames)) for one in State(1).collect()
    }
    assert told == shown


def test_what_else_it_says_is_so() -> None:
    for stand in STANDS:
        assert f"`{stand.name.lower()}`" in TEXT
    for word in (NAME, NAMESPACE, str(contract.PORT), contract.METRICS, contract.HEALTH):
        assert word in TEXT
    assert f"`{LABEL_MONITORING}: prometheus`" in TEXT
