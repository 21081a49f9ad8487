"""`lab init`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, Yes, output, print_json
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.starter import Draft

_STACK_NAME = r"[a-z0-9][a-z0-9-]{0,39}"


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def _flag(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", help=text, show_default=False)


def init(
    *,
    ground: Annotated[str | None, _flag("ground", "local, onprem, aws, azure or hybrid.")] = None,
    name: Annotated[str | None, _flag("name", "Name of the lab.")] = None,
    owner: Annotated[str | None, _flag("owner", "Clouds: who answers for it.")] = None,
    cost_center: Annotated[str | None, _flag("cost-center", "Clouds: who pays.")] = None,
    monthly_budget: Annotated[int | None, _flag("monthly-budget", "Clouds: euros.")] = None,
    region: Annotated[str | None, _flag("region", "Clouds: where it is.")] = None,
    account: Annotated[str | None, _flag("account", "AWS account.")] = None,
    engineers: Annotated[str | None, _flag("engineers", "Clouds: their range (CIDR).")] = None,
    subscription_id: Annotated[str | None, _flag("subscription-id", "Azure.")] = None,
    tenant_id: Annotated[str | None, _flag("tenant-id", "Azure.")] = None,
    machines: Annotated[str | None, _flag("machines", "Range of the machines (CIDR).")] = None,
    pods: Annotated[str | None, _flag("pods", "Range of the pods (CIDR).")] = None,
    services: Annotated[str | None, _flag("services", "Range of the services.")] = None,
    sandbox: Annotated[
        list[str] | None, _flag("sandbox", "One, as `{name: a, principal: b, purpose: ...}`.")
    ] = None,
    setting: Annotated[
        list[str] | None, _flag("set", "Any other key, as PATH=VALUE (YAML).")
    ] = None,
    stack: Annotated[str | None, _flag("stack", "Name of the file; else the lab's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Ask a few questions and write the configuration of a new lab.

    It begins with the example of the ground (examples/valid); `--yes` asks nothing.

    For example:

    - `./lab init`
    - `./lab init --ground local --name trial --yes --dry-run`
    """
    from infra import starter

    ask = not yes and sys.stdin.isatty()
    chosen = _ground(ground, list(starter.EXAMPLES), ask=ask)
    given = {
        "name": name,
        "owner": owner,
        "cost-center": cost_center,
        "monthly-budget": monthly_budget,
        "region": region,
        "account": account,
        "engineers": engineers,
        "subscription-id": subscription_id,
        "tenant-id": tenant_id,
        "machines": machines,
        "pods": pods,
        "services": services,
    }
    answers = _answers(chosen, {k: v for k, v in given.items() if v is not None}, ask=ask)
    made = starter.draft(
        chosen,
        {**answers, **dict(_setting(text) for text in setting or [])},
        stack=_stack(stack),
        sandboxes=None if sandbox is None else [_mapping(text) for text in sandbox],
    )
    written = None if dry_run else starter.write(made, force=force)
    _show(made, chosen, written=written is not None, as_json=as_json)


def _show(made: Draft, ground: str, *, written: bool, as_json: bool) -> None:
    steps = _next_steps(made.stack, ground)
    if as_json:
        print_json(
            {
                "stack": made.stack,
                "ground": ground,
                "written": written,
                "file": f"stacks/config/Pulumi.{made.stack}.yaml",
                "lab": dict(made.document),
                "kept_from_example": list(made.kept),
                "next_steps": steps,
            }
        )
        return
    if not written:
        output.print(made.text, markup=False, end="")
        return
    lines = [f"Wrote stacks/config/Pulumi.{made.stack}.yaml."]
    if made.kept:
        lines.append(f"These values are the example's; look at them: {', '.join(made.kept)}")
    lines += ["What to do next:", *(f"  {step}" for step in steps)]
    output.print("\n".join(lines), markup=False)


def _ground(given: str | None, known: list[str], *, ask: bool) -> str:
    if given is None and ask:
        given = typer.prompt(f"Ground ({', '.join(known)})", default="local", err=True)
    given = given or "local"
    if given not in known:
        raise BadUsage(
            f"{given!r} is no ground.", next_step=f"--ground is one of {', '.join(known)}."
        )
    return given


def _answers(ground: str, given: dict[str, Any], *, ask: bool) -> dict[str, Any]:
    """By their paths, what was given by its flag and what is asked now; the example's value is
    the default.

    Raises:
        BadUsage: something was given that this ground has not, or nobody can be asked for what
            has no sensible default.
    """
    from infra import starter

    questions = {question.flag: question for question in starter.questions(ground)}
    strange = [f"--{flag}" for flag in given if flag not in questions]
    if strange:
        raise BadUsage(
            f"{', '.join(strange)}: not for the ground {ground}.",
            next_step="leave it out; `./lab init --help` says what is for which ground.",
        )
    answers = {questions[flag].path: value for flag, value in given.items()}
    defaults = starter.example(ground)
    for question in questions.values():
        if question.path in answers or not ask:
            continue
        default = None if question.own else _find(defaults, question.path)
        answers[question.path] = typer.prompt(question.text, default=default, err=True)
    missing = [
        f"--{question.flag}"
        for question in questions.values()
        if question.own and question.path not in answers
    ]
    if missing:
        raise BadUsage(
            f"{', '.join(missing)}: needed, and nobody can be asked here.",
            next_step="give them, or run it on a terminal without --yes.",
        )
    return answers


def _find(document: dict[str, Any], path: str) -> str:
    place: Any = document
    for part in path.split("."):
        place = place[int(part)] if part.isdigit() else place[part]
    return str(place)


def _stack(given: str | None) -> str | None:
    if given is not None and not re.fullmatch(_STACK_NAME, given):
        raise BadUsage(
            f"{given!r} cannot be the name of a stack.",
            next_step="use small letters, digits and hyphens.",
        )
    return given


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise BadUsage(f"--set {text}: no PATH=VALUE.", next_step="for example --set vault.seal=x")
    return path, _yaml(text, value)


def _mapping(text: str) -> dict[str, Any]:
    value = _yaml(text, text)
    if not isinstance(value, dict):
        raise BadUsage(
            f"--sandbox {text}: no mapping.",
            next_step="for example --sandbox '{name: a, principal: b, purpose: what it is for}'",
        )
    return value


def _yaml(shown: str, text: str) -> Any:
    import yaml  # here, so that commands which need no lab start without it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadUsage(f"{shown}: not YAML.", next_step="quote it as YAML needs it.") from error


def _next_steps(stack: str, ground: str) -> list[str]:
    suffix = "" if stack == "local" else f" --stack {stack}"
    return [
        f"edit stacks/config/Pulumi.{stack}.yaml (docs/reference/configuration.md)",
        f"./lab preview{suffix}",
        f"./lab cost {stack}" if ground != "local" else f"./lab doctor{suffix}",
        f"docs/runbooks/{ground}.md says how to go on",
    ]
