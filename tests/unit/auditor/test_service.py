"""The auditor's life: rounds, results, failures, health; and what of it is seen over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from infra import paths
from infra.auditor.service import ILL_AFTER, RETRY, Auditor
from infra.auditor.serving import serving
from infra.auditor.told import Told
from policies import cluster
from policies.admission import Settings
from tests.unit.auditor.fakes import CLOSED, NAMESPACE, OPEN, SECRETS, SERVICES, Lists

RULES = [SERVICES, SECRETS]
TOLD = Told("1.36.3", interval_seconds=100)
ENFORCED = cluster.objects(Settings(), "1.36.3", rules=RULES)


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Waits(threading.Event):
    """Not set until it was waited for so often; each wait passes at once."""

    def __init__(self, clock: Clock, rounds: int, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._clock, self._left, self._meanwhile = clock, rounds, meanwhile
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0.0)
        self._clock.now += timeout or 0.0
        self._left -= 1
        self._meanwhile()
        if self._left == 0:
            self.set()
        return self.is_set()


class Log:
    """Remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    error = info


def nothing() -> None:
    """Nobody does anything meanwhile."""


def lived(
    api: Lists, rounds: int = 1, meanwhile: Callable[[], None] = nothing
) -> tuple[Auditor, Waits, Log, Clock]:
    clock, log = Clock(), Log()
    auditor = Auditor(api, RULES, TOLD, log=log, clock=clock)
    stop = Waits(clock, rounds, meanwhile)
    auditor.run(stop)
    return auditor, stop, log, clock


def shown(auditor: Auditor) -> dict[str, float]:
    """Every sample by its name and labels as Prometheus writes them."""
    registry = CollectorRegistry()
    registry.register(auditor.state)
    text = generate_latest(registry).decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}" if sample.labels else sample.name: (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def status(found: dict[str, float], rule: str, place: str) -> dict[str, float]:
    """A rule's samples by the way that it stands."""
    return {
        key.split("('stand', '")[1].split("'")[0]: value
        for key, value in found.items()
        if key.startswith("ailab_policy_rule_status")
        and f"('rule', '{rule}')" in key
        and f"('place', '{place}')" in key
    }


def test_before_the_first_round_nothing_is_said_of_rules() -> None:
    found = shown(Auditor(Lists(), RULES, TOLD, log=Log()))
    assert found == {
        "ailab_policy_audit_timestamp_seconds": 0.0,
        "ailab_policy_audit_duration_seconds": 0.0,
        "ailab_policy_audit_interval_seconds": 100.0,
        "ailab_policy_audits_total": 0.0,
        "ailab_policy_audit_failures_total": 0.0,
    }


def test_a_round_is_shown() -> None:
    auditor, _, log, _ = lived(Lists(NAMESPACE, CLOSED, OPEN, *ENFORCED))
    found = shown(auditor)
    assert status(found, "services", "live") == {
        "holds": 0.0,
        "broken": 1.0,
        "undecided": 0.0,
        "nothing": 0.0,
    }
    assert status(found, "services", "admission")["holds"] == 1.0
    assert status(found, "secrets", "live") == {}
    assert found["ailab_policy_faults[('place', 'live'), ('rule', 'services')]"] == 1.0
    assert found["ailab_policy_faults[('place', 'admission'), ('rule', 'services')]"] == 0.0
    severity = [key for key in found if "('severity', 'high')" in key]
    assert len(severity) == 8
    assert found["ailab_policy_audits_total"] == 1.0
    assert found["ailab_policy_audit_timestamp_seconds"] > 1.7e9
    assert log.lines[0] == (
        "fault",
        {
            "rule": "services",
            "severity": "high",
            "place": "live",
            "object": "Service sandbox-example/example",
            "message": "it is not inside.",
        },
    )
    finished = dict(log.lines)["audit finished"]
    assert (finished["rules"], finished["broken"], finished["faults"]) == (2, 1, 1)


def test_what_is_mended_goes_away() -> None:
    api = Lists(NAMESPACE, OPEN, *ENFORCED)

    def mend() -> None:
        api.manifests = [one for one in api.manifests if one is not OPEN]

    auditor, stop, _, _ = lived(api, 2, mend)
    assert status(shown(auditor), "services", "live")["nothing"] == 1.0
    assert stop.pauses == [100.0, 100.0]


def test_a_failure_is_counted_and_tried_again_sooner_and_what_was_seen_stays() -> None:
    api = Lists(NAMESPACE, OPEN, *ENFORCED)

    def refuse() -> None:
        api.status = 403

    auditor, stop, log, _ = lived(api, 3, refuse)
    found = shown(auditor)
    assert found["ailab_policy_audits_total"] == 1.0
    assert found["ailab_policy_audit_failures_total"] == 2.0
    assert status(found, "services", "live")["broken"] == 1.0
    assert stop.pauses == [100.0, RETRY, RETRY]
    assert [fields["code"] for event, fields in log.lines if event == "audit failed"] == [
        "LAB-703",
        "LAB-703",
    ]


def test_it_is_ill_when_no_round_is_finished_for_three_intervals() -> None:
    api = Lists(NAMESPACE, *ENFORCED)
    auditor, _, _, clock = lived(api)
    assert auditor.fault() == ""
    clock.now += (ILL_AFTER - 1) * 100
    assert auditor.fault() == ""
    clock.now += 1
    assert "no audit was finished for 301 s" in auditor.fault()


def test_it_is_well_before_its_first_round_but_not_for_ever() -> None:
    clock = Clock()
    auditor = Auditor(Lists(), RULES, TOLD, log=Log(), clock=clock)
    assert auditor.fault() == ""
    clock.now = 301
    assert auditor.fault()


def test_what_nobody_foresaw_ends_it() -> None:
    """Its pod is started anew, rather than showing what was."""
    broken = Lists({"kind": "Service"}, NAMESPACE, *ENFORCED)
    with pytest.raises(KeyError):
        lived(broken)


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    answer = httpx.request(method, f"http://127.0.0.1:{port}{path}", trust_env=False)
    return answer.status_code, answer.text


def test_over_http() -> None:
    ill: list[str] = []
    registry = CollectorRegistry()
    registry.register(Auditor(Lists(), RULES, TOLD, log=Log()).state)
    with serving("127.0.0.1", 0, registry, lambda: "".join(ill)) as port:
        assert get(port, "/healthz") == (200, "ok\n")
        ill.append("too late")
        assert get(port, "/healthz") == (503, "too late\n")
        code, text = get(port, "/metrics")
        assert code == 200
        assert "ailab_policy_audits_total 0.0" in text
        assert get(port, "/")[0] == 404
        assert get(port, "/metrics", "POST")[0] == 405


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.auditor", *words],
        capture_output=True,
        text=True,
        cwd=paths.REPOSITORY,
        env={"PATH": "/usr/bin"},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("content", "code"), [(None, "LAB-101"), ("{}", "LAB-101"), (TOLD.document, "LAB-705")]
)
def test_what_it_cannot_begin_with_is_said(tmp_path: Path, content: str | None, code: str) -> None:
    file = tmp_path / "auditor.json"
    if content is not None:
        file.write_text(content)
    done = run("--configuration", str(file), "--credentials", str(tmp_path))
    assert done.returncode == 3
    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (line["event"], line["code"], line["level"]) == ("cannot begin", code, "error")


def test_sigterm_ends_it(tmp_path: Path) -> None:
    """Even while it waits for an API server that does not answer."""
    from tests.harness.api_server import Authority, free_port

    Authority(tmp_path)
    (tmp_path / "token").write_text("t")
    (tmp_path / "auditor.json").write_text(TOLD.document)
    words = ["--configuration", str(tmp_path / "auditor.json"), "--credentials", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "infra.auditor", *words, "--address", "127.0.0.1", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=paths.REPOSITORY,
        env={
            "PATH": "/usr/bin",
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(free_port()),
        },
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["event"] == "serving"
        child.send_signal(signal.SIGTERM)
        rest = [json.loads(line)["event"] for line in child.stdout]
    assert child.returncode == 0
    assert rest[-1] == "stopped"
