"""kube-bench on the machines of a lab: an outside judge, by the CIS Kubernetes Benchmark.

It is copied to a machine for the moment, reads there what runs and how files lie, and changes
nothing. Its own target `policies` is left out: it scores nothing of it, and needs programs that
machines do not have; the lab's own rules judge objects.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra import toolchain
from tests.live.support.machines import Host, output

#: The newest one that kube-bench has, made for Kubernetes 1.32 to 1.34. Its numbers of sections 1
#: to 4 are those of the catalogue (1.10), and two more.
BENCHMARK: Final = "cis-1.12"
#: What it judges on a machine, by its role.
TARGETS: Final = {"control-plane": "master,etcd,controlplane,node", "worker": "node"}
#: What it leaves to people: it says WARN, whatever is there.
MANUAL: Final = frozenset(("1.2.20", "3.1.1", "3.1.2", "3.1.3", "3.2.2"))
#: Fewer were judged than a healthy run has: then it saw nothing.
LEAST: Final = {"control-plane": 90, "worker": 24}
KNOWN: Final = Path(__file__).parents[1] / "judges" / "kube_bench.yaml"
#: Seconds for a whole run on a machine.
_JUDGED: Final = 120


@dataclass(frozen=True, slots=True)
class Verdict:
    """What it says of one control: PASS, FAIL, WARN or INFO, and what it saw."""

    control: str
    says: str
    manual: bool
    why: str


@dataclass(frozen=True, slots=True)
class Known:
    """A verdict that stays, on machines of these roles, and the reason."""

    control: str
    says: str
    roles: tuple[str, ...]
    because: str


def known(file: Path = KNOWN) -> dict[str, Known]:
    """Verdicts that stay, by control.

    Raises:
        ValueError: one is there twice.
    """
    entries = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - texts alone
    found: dict[str, Known] = {}
    for entry in entries:
        one = Known(**{**entry, "roles": tuple(entry["roles"])})
        if one.control in found:
            raise ValueError(f"{one.control} is listed twice")
        found[one.control] = one
    return found


def parse(text: str) -> dict[str, Verdict]:
    """Every verdict of a run, by control.

    Args:
        text: what `kube-bench run --json` prints (kube-bench: check/controls.go, check/check.go).

    Raises:
        ValueError: it is not that, or a control is in it twice.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or "Controls" not in document:
        raise ValueError("this is not what kube-bench prints")
    found: dict[str, Verdict] = {}
    for result in _results(document):
        control = result["test_number"]
        if control in found:
            raise ValueError(f"{control} is judged twice")
        why = result.get("reason") or result.get("actual_value") or result["test_desc"]
        manual = result["type"] == "manual"
        found[control] = Verdict(control, result["status"], manual, why.strip()[:300])
    return found


def _results(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for controls in document["Controls"]:
        # A section of which nothing was asked says null.
        for group in controls["tests"] or ():
            yield from group["results"]


def differences(
    role: str, verdicts: Mapping[str, Verdict], listed: Mapping[str, Known]
) -> list[str]:
    """What a machine's verdicts have that the list does not, and the other way round."""
    faults = []
    for one in verdicts.values():
        expected = listed.get(one.control)
        right = "PASS" if expected is None or role not in expected.roles else expected.says
        if not one.manual and one.says != right:
            faults.append(f"{one.control} is {one.says}, not {right}: {one.why}")
    for control, expected in listed.items():
        if role in expected.roles and control not in verdicts:
            faults.append(f"{control} is listed and was not judged")
    manual = {one.control for one in verdicts.values() if one.manual}
    faults += [f"{one} is new among what is left to people" for one in sorted(manual - MANUAL)]
    return faults


def judge(host: Host, role: str, *, only: Sequence[str] = ()) -> dict[str, Verdict]:
    """What it says of a machine; of some controls only, if they are named.

    Raises:
        ToolMissing: it was not built.
    """
    program = toolchain.binary("kube-bench")
    with _copied(host, program, program.with_name("kube-bench-data.tgz")) as folder:
        command = ["./kube-bench", "run", "--config-dir", folder, "--benchmark", BENCHMARK]
        command += ["--config", f"{folder}/config.yaml", "--noremediations", "--json"]
        command += ["--check", ",".join(only)] if only else ["--targets", TARGETS[role]]
        words = f"cd {folder} && timeout {_JUDGED} {shlex.join(command)}"
        return parse(output(host, "sh", "-c", words))


@contextmanager
def _copied(host: Host, program: Path, data: Path) -> Iterator[str]:
    """The program and what it reads in a folder of root's own, which is gone again afterwards."""
    folder = output(host, "mktemp", "-d", "/var/lib/lab-judge.XXXXXX").strip()
    try:
        _send(host, program, f"cat > {folder}/kube-bench && chmod 0700 {folder}/kube-bench")
        _send(host, data, f"tar -xz -C {folder}")
        yield folder
    finally:
        output(host, "rm", "-rf", folder)


def _send(host: Host, file: Path, command: str) -> None:
    """Runs a command on the machine with a file of this host as its input."""
    backend = host.backend
    ssh = ["ssh", "-F", str(backend.ssh_config), backend.get_hostname(), command]
    with file.open("rb") as stream:
        done = subprocess.run(ssh, stdin=stream, capture_output=True, check=False, timeout=120)
    told = done.stderr.decode(errors="replace").strip()
    assert done.returncode == 0, f"{file.name} did not reach {backend.get_hostname()}: {told}"
