"""Probe pods: the script is run by a real shell, and the answers are read."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.live.support import probes
from tests.live.support.probes import Answer, Target

REFUSED = "nc: can't connect to remote host (10.0.0.1): Connection refused"


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (0, "SSH-2.0-x", "open"),
        (143, "", "open"),
        (1, "nc: timed out", "blocked"),
        (1, "nc: can't connect to remote host: Network is unreachable", "blocked"),
        (1, REFUSED, "refused"),
        (1, "nc: bad address", "unclear"),
        (0, "nslookup: read: Connection refused", "refused"),
    ],
)
def test_verdicts(status: int, text: str, verdict: str) -> None:
    assert Answer(status, text).verdict == verdict


def _run(script: str, folder: Path) -> dict[str, Answer]:
    """Runs a client's script with a stand-in for busybox's nc that connects with bash."""
    nc = folder / "nc"
    nc.write_text(
        "#!/bin/bash\n"
        'if : 2>/dev/null </dev/tcp/"$3"/"$4"; then echo hello; else\n'
        'echo "nc: can\'t connect to remote host ($3): Connection refused" >&2; exit 1; fi\n'
    )
    nc.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
    )
    assert done.stderr == ""
    return probes.parse(done.stdout)


def test_the_script_answers_for_every_target(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text("one  two\nthree\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        targets = [
            Target("open", "tcp", "127.0.0.1", port),
            *probes.must_succeed([Target("closed", "tcp", "127.0.0.1", 1)]),
            Target("table", "read", str(table)),
        ]
        answers = _run(probes.client_script(targets), tmp_path)
    assert answers["open"] == Answer(0, "hello")
    assert answers["closed"].verdict == "refused"
    assert answers["table"] == Answer(0, "one two three")


def test_a_client_that_is_not_done_has_no_answers() -> None:
    assert probes.parse("PROBE a 0 text\n") == {}


def test_connections_to_a_server() -> None:
    log = "10.72.1.5:60598: connected\n10.72.1.5:60598: url:/x\n[::ffff:10.72.0.9]:1: connected\n"
    assert probes.connections(log) == ["10.72.1.5", "10.72.0.9"]


def test_probe_pods_are_restricted() -> None:
    spec = probes.client("c", "n", [], node="w", labels={"a": "b"})["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["nodeSelector"] == {"kubernetes.io/hostname": "w"}
    assert probes.first_packet("f", "n", "10.0.0.1")["spec"]["containers"][0]["command"][0] == "nc"


LINK_LOCAL = "fe80000000000000444e0ffffeb808c4 21 40 20 80 eth0 "
HOST = "00000000000000000000000000000001 01 80 10 80 lo"
GLOBAL = "20010db8000000000000000000000001 21 40 00 80 eth0 "


def test_ipv6_addresses_that_matter() -> None:
    assert probes.usable_ipv6(LINK_LOCAL + HOST) == []
    assert probes.usable_ipv6(GLOBAL + HOST) == ["20010db8000000000000000000000001 on eth0"]
    assert probes.usable_ipv6("") == []


def test_ipv6_routes_that_matter() -> None:
    nothing = "0" * 32
    rest = f"{nothing} 00 {nothing} 00000100 00000001 00000000"
    link = f"fe80{'0' * 28} 40 {rest} 00000001 eth0\n"
    refused = f"{nothing} 00 {rest} 00200200 lo\n"
    default = f"{nothing} 00 {rest} 00000003 eth0\n"
    assert probes.ipv6_ways_out(link + refused) == []
    assert probes.ipv6_ways_out(link + default) == [f"{nothing}/0 by eth0"]


@pytest.mark.parametrize(("failures", "status"), [(2, 0), (3, 1)])
def test_what_must_succeed_is_tried_three_times(failures: int, status: int, tmp_path: Path) -> None:
    timeout = tmp_path / "timeout"
    timeout.write_text(
        f'#!/bin/sh\necho x >>{tmp_path}/tries\n[ "$(wc -l <{tmp_path}/tries)" -gt {failures} ]\n'
    )
    timeout.chmod(0o755)
    target = Target("dns", "dns", "", name="kubernetes.default")
    answers = _run(probes.client_script(probes.must_succeed([target])), tmp_path)
    assert answers["dns"].status == status


def test_upstreams_of_the_clusters_dns() -> None:
    own = ".:53 {\n    errors\n    kubernetes cluster.local {\n        pods disabled\n    }\n}\n"
    assert probes.upstreams(own) == []
    open_ = own.replace("errors", "errors\n    forward . 192.0.2.1")
    assert probes.upstreams(open_) == ["forward . 192.0.2.1"]
