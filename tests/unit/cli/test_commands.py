from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from infra import config, engine, lifecycle, preflight, removal, suite, verify
from infra.benchmarks import at_lab, labs
from infra.cli import main
from infra.cli.exit_codes import ExitCode
from infra.errors import NotRoot, SandboxServiceMissing
from infra.hosts.cleanup import Leftovers
from infra.paths import Home
from infra.verify import Check, Report
from tests.unit.cli.conftest import STATUS, document

pytestmark = pytest.mark.usefixtures("world")


@pytest.mark.parametrize(
    ("words", "hoisted"),
    [
        (["--yes", "test"], ["test", "--yes"]),
        (["-y", "--stack", "x", "up"], ["up", "-y", "--stack", "x"]),
        (["--stack=x", "machines", "list"], ["machines", "list", "--stack=x"]),
        (["up", "--yes"], ["up", "--yes"]),
        (["--yes"], ["--yes"]),
        ([], []),
        (["--help"], ["--help"]),
    ],
)
def test_shared_options_may_stand_first(words: list[str], hoisted: list[str]) -> None:
    assert main.hoist(words) == hoisted


COMMANDS = ["init", "up", "cost", "preview", "destroy", "status", "verify", "env", "kubeconfig"]
COMMANDS += ["doctor"]
COMMANDS += ["bench up", "bench sandbox", "test", "machines list", "machines reboot"]
COMMANDS += ["machines ssh-command"]
COMMANDS += ["machines console-log", "restore etcd", "toolchain"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_one_page_of_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([*command.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert len(page.splitlines()) <= 60
    assert "--help" in page
    if command != "toolchain":
        assert f"./lab {command}" in page


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    main.run([])
    assert "Commands" in capsys.readouterr().out


def test_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["up", "--yes"]) == 0
    shown = capsys.readouterr().out
    for text in ("worker", "10.71.0.11", "1024 MiB", "sandbox-demo", "./lab verify"):
        assert text in shown
    assert "  disk_encryption (vault, worker): no dm_crypt\n" in shown
    assert "  wireguard (worker): no WireGuard\n" in shown


def test_up_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["up", "--json"]) == 0
    found = document(capsys)
    assert found["changes"] == {"create": 2, "same": 1}
    assert found["status"] == STATUS


def test_preview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["preview"]) == 0
    shown = capsys.readouterr().out
    assert "update" in shown
    assert "(rules)" in shown
    assert "kept" not in shown
    assert "1 changes" in shown
    assert main.run(["preview", "local", "--json"]) == 0
    found = document(capsys)
    assert found["steps"][0]["properties"] == ["rules"]
    assert [one["protect"] for one in found["resources"]] == [False, True]


def test_preview_of_a_file_is_of_nothing_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["preview", "--file", "x.yaml"]) == 0
    assert main.run(["preview", "--file", "x.yaml", "--refresh"]) == ExitCode.BAD_INPUT
    assert "--file plans what is not deployed" in capsys.readouterr().err


def test_preview_draws(tmp_path: Path) -> None:
    file = tmp_path / "plan.svg"
    assert main.run(["preview", "--graph", str(file)]) == 0
    assert file.read_text().startswith("<svg")


def test_destroy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["destroy", "--yes"]) == 0
    assert "gone" in capsys.readouterr().out
    assert main.run(["destroy", "--dry-run"]) == 0
    assert "lab-local" in capsys.readouterr().out
    assert main.run(["--json", "destroy", "--yes"]) == 0
    assert document(capsys)["found"]["links"] == ["lab-local"]


def test_destroy_of_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lifecycle.DestroyReport(Leftovers((), (), (), (), ()), None, 0.1)
    monkeypatch.setattr(lifecycle, "destroy", lambda *_, **__: nothing)
    assert main.run(["destroy", "--yes"]) == 0
    assert "no such lab" in capsys.readouterr().out


def test_destroy_of_a_lab_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = removal.Removal(
        ("3 resources on AWS",), ("1 machines",), ("urn::key",), (), ("machines a",), ("wipe",), 2.0
    )
    asked: list[dict[str, bool]] = []

    def destroy(_: str, __: object, **options: bool) -> removal.Removal:
        asked.append(options)
        return found

    monkeypatch.setattr(removal, "made_here", lambda _: False)
    monkeypatch.setattr(removal, "destroy", destroy)
    monkeypatch.setattr(lifecycle, "destroy", lambda *_, **__: pytest.fail("as if it were here"))
    assert main.run(["destroy"]) == ExitCode.BAD_INPUT, "it asks"
    assert asked == []
    assert main.run(["destroy", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "Protected, so nothing goes:\n  urn::key" in shown
    assert "Would be deleted with --keep-protected:\n  3 resources on AWS" in shown
    assert main.run(["destroy", "--yes", "--keep-protected"]) == 0
    shown = capsys.readouterr().out
    for line in ("Protected, and stays:", "Deleted:", "Left:\n  machines a", "Next:\n  wipe"):
        assert line in shown
    assert asked == [
        {"dry_run": True, "keep_protected": False},
        {"dry_run": False, "keep_protected": True},
    ]
    assert main.run(["--json", "destroy", "--yes"]) == 0
    told = document(capsys)
    assert (told["stays"], told["next_steps"], told["dry_run"]) == (["machines a"], ["wipe"], False)
    monkeypatch.setattr(
        removal, "destroy", lambda *_, **__: removal.Removal((), (), (), (), (), ())
    )
    assert main.run(["destroy", "--yes"]) == 0
    shown = capsys.readouterr().out
    assert "Nothing of this stack is deployed." in shown
    assert "destroyed" not in shown


def test_destroy_asks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "destroy", lambda *_, **__: pytest.fail("destroyed"))
    assert main.run(["destroy"]) == ExitCode.BAD_INPUT
    assert "LAB-210" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    assert main.run(["destroy"]) == ExitCode.BAD_INPUT


def test_a_yes_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    assert main.run(["destroy"]) == 0


def test_status(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main.run(["status", "--json"]) == 0
    assert document(capsys) == STATUS
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS | {"machines": []})
    assert main.run(["status"]) == 0
    assert "not up" in capsys.readouterr().out


def test_a_lab_without_sandboxes_and_another_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = STATUS | {"sandboxes": [], "not_applied": {}, "stack": "other"}
    monkeypatch.setattr(lifecycle, "status", lambda _: other)
    assert main.run(["up"]) == 0
    shown = capsys.readouterr().out
    assert "Sandboxes" not in shown
    assert "./lab verify --stack other" in shown


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("failed", 1)])
def test_verify(
    outcome: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report((Check("audit", "vault", outcome, "" if code == 0 else "it is off"),))
    asked: list[Any] = []

    def run(*_: object, **more: object) -> Report:
        asked.append(more)
        return report

    monkeypatch.setattr(verify, "run", run)
    assert main.run(["verify", "--only", "vault", "--junit", "x.xml"]) == code
    shown = capsys.readouterr().out
    assert f"1 {outcome}" in shown
    assert ("vault/audit: it is off" in shown) is (code == 1)
    assert asked == [{"only": ["vault"], "junit": Path("x.xml"), "judges": False}]
    assert main.run(["verify", "--json"]) == code
    found = document(capsys)
    assert found[outcome] == 1
    assert found["checks"][0]["id"] == "audit"


def test_env(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "environment", lambda _: {"A": "with space", "B": "$x"})
    assert main.run(["env"]) == 0
    assert capsys.readouterr().out == "export A='with space'\nexport B='$x'\n"
    assert main.run(["env", "--json"]) == 0
    assert document(capsys) == {"A": "with space", "B": "$x"}


def test_kubeconfig(capsys: pytest.CaptureFixture[str], world: Home) -> None:
    assert main.run(["kubeconfig"]) == ExitCode.FAILED
    assert "LAB-802" in capsys.readouterr().err
    world.root.mkdir(parents=True)
    world.kubeconfig.write_text("")
    assert main.run(["kubeconfig"]) == 0
    assert capsys.readouterr().out == f"{world.kubeconfig}\n"
    assert main.run(["kubeconfig", "--json"]) == 0
    assert document(capsys) == {"kubeconfig": str(world.kubeconfig)}


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [
        preflight.Finding("a", "fine"),
        preflight.Finding("b", "odd", advice="turn it"),
    ]
    monkeypatch.setattr(preflight, "examine", lambda _: findings)
    assert main.run(["doctor"]) == 0
    assert "turn it" in capsys.readouterr().out
    error = NotRoot("not root [here].", next_step="be root")
    findings.append(preflight.Finding("c", error.message, error=error))
    assert main.run(["doctor"]) == ExitCode.HOST_UNFIT
    assert "not root [here]." in capsys.readouterr().out
    assert main.run(["doctor", "--json"]) == ExitCode.HOST_UNFIT
    found = document(capsys)
    assert found["fit"] is False
    assert [entry["outcome"] for entry in found["findings"]] == ["ok", "warning", "fault"]


def test_bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [labs.Run(100, 10, 20, 2**31, {"machines": 3})]
    monkeypatch.setattr(labs, "measure", lambda *_: runs)
    assert main.run(["bench", "up"]) == ExitCode.BAD_INPUT  # a lab is up and nobody agreed
    capsys.readouterr()
    assert main.run(["bench", "up", "--yes"]) == 0
    assert "| up | 100.0 s" in capsys.readouterr().out
    monkeypatch.setattr(lifecycle, "status", lambda _: STATUS | {"machines": []})
    assert main.run(["bench", "up", "--json"]) == 0
    assert document(capsys)["noop"] == 10


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 1)])
def test_test(
    failed: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = suite.Totals()
    totals.add("unit", 5, failed, 0)
    asked: list[dict[str, bool]] = []

    def run(_: suite.Suite, **more: bool) -> suite.Totals:
        asked.append(more)
        return totals

    monkeypatch.setattr(suite.Suite, "run", run)
    assert main.run(["--yes", "test"]) == code
    assert "5 passed" in capsys.readouterr().out.splitlines()[-1]
    main.run(["test", "--unit-only"])
    main.run(["test", "--live-only"])
    assert asked == [
        {"offline": True, "live": True},
        {"offline": True, "live": False},
        {"offline": False, "live": True},
    ]
    assert main.run(["test", "--live-only", "--faults"]) == code
    assert main.run(["test", "--live-only", "--unit-only"]) == ExitCode.BAD_INPUT
    assert main.run(["test", "--long", "--unit-only"]) == ExitCode.BAD_INPUT
    monkeypatch.setattr(suite.Suite, "run_long", run)
    assert main.run(["test", "--long"]) == code
    assert {} in asked


@pytest.mark.parametrize("slope", ["ten", "10,5", "0,10", "10,10"])
def test_a_slope_that_is_none_begins_nothing(slope: str) -> None:
    assert main.run(["bench", "sandbox", "--yes", "--slope", slope]) == ExitCode.BAD_INPUT


def test_a_lab_without_the_service_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = config.load("local").model_copy(update={"sandbox_service": None})
    monkeypatch.setattr(config, "load", lambda _: lab)
    with pytest.raises(SandboxServiceMissing):
        at_lab.measure("local", runs=2, concurrent=0, steps=(), report=print)
