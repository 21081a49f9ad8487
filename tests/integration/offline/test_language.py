"""The language host: programs, configuration, failures, policy packs."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.harness.pulumi_project import Project


def test_runs_a_program_with_plain_and_secret_configuration(offline_project: Project) -> None:
    offline_project.program(
        """
        import os, sys
        import pulumi
        config = pulumi.Config()
        print("hello from", pulumi.get_project(), pulumi.get_stack())
        pulumi.export("plain", config.require("plain"))
        pulumi.export("secret", config.require_secret("secret"))
        seen = [*sys.argv, *map(str, os.environ.items())]
        pulumi.export("leaked", any("only-in-memory" in text for text in seen))
        """
    )
    offline_project.run("config", "set", "plain", "text")
    offline_project.run("config", "set", "--secret", "secret", "only-in-memory")
    done = offline_project.up()
    assert "hello from bare dev" in done.text
    outputs = offline_project.run("stack", "output", "--json", "--show-secrets").json()
    assert outputs == {"plain": "text", "secret": "only-in-memory", "leaked": False}
    assert "only-in-memory" not in offline_project.export()


def test_shows_the_programs_own_traceback_once(offline_project: Project) -> None:
    offline_project.program(
        """
        def inner():
            raise ValueError("it broke")
        inner()
        """
    )
    done = offline_project.up(ok=False)
    assert done.status != 0
    assert "ValueError: it broke" in done.text
    assert "in inner" in done.text
    assert "infra/offline/language/program.py" not in done.text


def test_shows_an_error_of_ours_as_one_sentence(offline_project: Project) -> None:
    offline_project.program(
        """
        from infra.errors import ConfigError
        raise ConfigError("network.pods: too small.", next_step="enlarge it.")
        """
    )
    done = offline_project.up(ok=False)
    assert "LAB-101 network.pods: too small. Next: enlarge it." in done.text
    assert "Traceback" not in done.text
    assert "line " not in done.text


def test_a_program_that_exits_by_itself_fails_the_update(offline_project: Project) -> None:
    offline_project.program("import sys; sys.exit(3)")
    done = offline_project.up(ok=False)
    assert done.status != 0
    assert "the program ended with status 3" in done.text


def test_leaves_no_process_when_interrupted(offline_project: Project) -> None:
    offline_project.program(
        """
        import os, pathlib, threading
        pathlib.Path("pid").write_text(str(os.getpid()))
        print("waiting now", flush=True)
        threading.Event().wait()
        """
    )
    command = offline_project.command("up", "--yes", "--skip-preview")
    with subprocess.Popen(
        command,
        cwd=offline_project.folder,
        env=offline_project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("waiting now" in line for line in lines)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        process.wait(timeout=30)
    assert "Traceback" not in rest
    program = int((offline_project.folder / "pid").read_text())
    assert not Path(f"/proc/{program}").exists()


def test_runs_a_policy_pack(offline_project: Project) -> None:
    pack = offline_project.folder / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(
        "from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy\n"
        "def check(args, report):\n"
        "    if len(args.resources) < 99:\n"
        "        report('too few resources')\n"
        "PolicyPack('tiny', enforcement_level=EnforcementLevel.MANDATORY, policies=[\n"
        "    StackValidationPolicy('enough', 'There must be enough.', check)])\n"
    )
    done = offline_project.run("preview", "--policy-pack", str(pack), ok=False)
    assert done.status != 0
    assert "too few resources" in done.text
