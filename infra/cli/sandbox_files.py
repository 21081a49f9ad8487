"""`lab sandbox files`: what shall enter or leave a sandbox, agreed on by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import Json, Stack, errors, output, print_json
from infra.cli.sandbox_session import (
    As,
    AsGroup,
    Kubeconfig,
    Name,
    Reason,
    Session,
    Timeout,
    Wait,
    seconds_of,
    session_of,
)
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.sandbox.reviews import Reviews
    from infra.sandbox.transfer import Transfer

app = typer.Typer(
    help="Files that shall enter or leave a sandbox: ask, approve. Nothing moves them yet.",
    no_args_is_help=True,
)
Files = Annotated[
    list[str], typer.Argument(help="Files of this machine, or NAME=SHA256:SIZE:TYPE.")
]
Request = Annotated[str, typer.Argument(help="A request of `lab sandbox files list SANDBOX`.")]


@app.command("ask")
def ask(
    name: Name,
    request: Annotated[str, typer.Argument(help="A name for the request.")],
    files: Files,
    *,
    direction: Annotated[str, typer.Option("--direction", "-d", help="import or export.")],
    content: Annotated[str, typer.Option("--content", "-c", help="data, code, weights, report.")],
    note: Annotated[
        str | None, typer.Option("--note", help="What is disclosed; of every export.")
    ] = None,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Ask for files to enter or leave your sandbox. Others must approve exactly these bytes.

    The lab moves no file yet: an approval is an agreement, and stays on record as one.

    For example:

    - `./lab sandbox files ask bias-audit cases cases.csv -d import -c data`
    - `./lab sandbox files ask case-9 one a.pdf -d export -c report --note "Rates of error by age"`
    """
    from infra.sandbox.reviews import described
    from infra.sandbox.transfer import Content, Direction

    with session_of(stack, kubeconfig, user, groups) as session:
        reviews = _reviews(session)
        asked = reviews.ask(
            name,
            request,
            direction=Direction(_one_of("--direction", direction, Direction)),
            content=Content(_one_of("--content", content, Content)),
            files=[described(text) for text in files],
            note=note,
        )
        told = (
            f"{request} is asked for. Next: somebody else runs "
            f"`./lab sandbox files approve {name} {request} FILES`."
        )
        if wait:
            asked = _waited(reviews, asked, timeout)
            told = f"{request} is approved."
        _answer(asked, told, as_json=as_json)


@app.command("list")
def list_(
    name: Name,
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """List what shall enter or leave a sandbox: which bytes, what they disclose, who agrees.

    For example:

    - `./lab sandbox files list bias-audit`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        found = _reviews(session).all(name)
        if as_json:
            print_json([_document(one) for one in found])
        elif found:
            output.print("\n".join(line for one in found for line in _lines(one)), markup=False)
        else:
            output.print(f"Nobody asks for files in {name}.", markup=False)


@app.command("approve")
def approve(
    name: Name,
    request: Request,
    files: Files,
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Approve exactly the files that you have looked at; others are refused.

    For example:

    - `./lab sandbox files approve bias-audit results report.pdf`
    """
    from infra.sandbox.reviews import described

    with session_of(stack, kubeconfig, user, groups) as session:
        reviews = _reviews(session)
        found = reviews.approve(name, request, [described(text) for text in files])
        if wait:
            found = _waited(reviews, found, timeout)
        _answer(found, f"{reviews.me} approves {request} of {name}.", as_json=as_json)


@app.command("reject")
def reject(
    name: Name,
    request: Request,
    *,
    reason: Reason,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Reject files, for good.

    For example:

    - `./lab sandbox files reject bias-audit results --reason "Cases can be told from it"`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        reviews = _reviews(session)
        found = reviews.reject(name, request, reason)
        _answer(found, f"{reviews.me} rejects {request} of {name}.", as_json=as_json)


@app.command("withdraw")
def withdraw(
    name: Name,
    request: Request,
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Ask no more for files. What was said so far stays on record.

    For example:

    - `./lab sandbox files withdraw bias-audit results`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        found = _reviews(session).withdraw(name, request)
        _answer(found, f"{request} of {name} is withdrawn.", as_json=as_json)


def _reviews(session: Session) -> Reviews:
    from infra.sandbox.reviews import Reviews

    return Reviews(session.client)


def _one_of(option: str, text: str, words: Any) -> str:
    known = [one.value for one in words]
    if text not in known:
        raise BadUsage(
            f"{option} is one of: {', '.join(known)}.", next_step=f"write {option} {known[0]}."
        )
    return text


def _waited(reviews: Reviews, asked: Transfer, timeout: str) -> Transfer:
    told: list[str] = []

    def seen(now: Transfer) -> None:
        said = "; ".join([now.status.phase.value, *(c.message for c in now.status.conditions)])
        if said not in told[-1:]:
            told.append(said)
            errors.print(f"{now.name}: {said}", markup=False)

    return reviews.wait(asked, seconds=seconds_of(timeout), seen=seen)


def _answer(found: Transfer, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(found))
    else:
        output.print(text, markup=False)


def _document(found: Transfer) -> dict[str, Any]:
    """What `--json` prints. Keys are only ever added."""
    spec, status = found.spec, found.status
    return {
        "name": found.name,
        "sandbox": spec.sandbox,
        "phase": status.phase.value,
        "requester": spec.requester,
        "direction": spec.direction.value,
        "content": spec.content.value,
        "files": [one.model_dump() for one in spec.files],
        "note": spec.note,
        "approvals": [one.by for one in spec.approvals],
        "rejection": spec.rejection.model_dump() if spec.rejection else None,
        "said": [one.message for one in status.conditions],
        "evidence_head": status.evidence_head,
    }


def _lines(found: Transfer) -> list[str]:
    spec = found.spec
    told = [f"{found.name}: {spec.direction} of {spec.content}, {found.status.phase}"]
    told += [f"  requester    {spec.requester}"]
    told += [f"  discloses    {spec.note}"] if spec.note else []
    told += [f"  file         {one.name}, {one.size} bytes, {one.type}" for one in spec.files]
    told += [f"    sha256     {one.sha256}  {one.name}" for one in spec.files]
    told += [f"  approved by  {one.by}" for one in spec.approvals]
    if spec.rejection:
        told.append(f"  rejected by  {spec.rejection.by}: {spec.rejection.reason}")
    told += [f"  said         {one.message}" for one in found.status.conditions]
    return told
