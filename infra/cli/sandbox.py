"""`lab sandbox`: ask for sandboxes, approve them, and everything else that people do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import sandbox_enter
from infra.cli.options import Json, Stack, Yes, confirm, output, print_json
from infra.cli.sandbox_session import (
    As,
    AsGroup,
    Kubeconfig,
    Name,
    Reason,
    Timeout,
    Wait,
    session_of,
)
from infra.errors import BadUsage

if TYPE_CHECKING:
    from infra.sandbox.resource import Sandbox

app = typer.Typer(
    help="Sandboxes: ask for one, approve what others ask for, go in, destroy.",
    no_args_is_help=True,
)


def _answer(sandbox: Sandbox | None, text: str, *, as_json: bool, **more: Any) -> None:
    from infra.cli.sandbox_show import document

    if as_json:
        found = document(sandbox) if sandbox is not None else {}
        print_json({**found, **more})
    else:
        output.print(text, markup=False)


@app.command("request")
def request(
    name: Annotated[str, typer.Argument(help="A name for it; it is nobody's secret.")],
    *,
    purpose: Annotated[
        str,
        typer.Option("--purpose", "-p", help="What for, in a sentence. No secrets: all see it."),
    ],
    ttl: Annotated[
        str, typer.Option("--ttl", help="How long it lives once it is ready: 8h, 1h30m.")
    ],
    classification: Annotated[
        str | None, typer.Option(help="Of the data: public, internal, confidential, restricted.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Its size; a profile of the lab.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Euro that it may cost; then it ends: 20, 12.50.")
    ] = None,
    egress: Annotated[
        list[str] | None,
        typer.Option(help='A way out: "192.0.2.0/24:443/TCP=Reason". May be repeated.'),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="The only image that may run. May be repeated.")
    ] = None,
    retention: Annotated[
        int | None, typer.Option(help="Days for which its evidence is kept.")
    ] = None,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Ask for a sandbox. Somebody else must approve it before it is made.

    For example:

    - `./lab sandbox request bias-audit --purpose "Measure the bias of model 7" --ttl 8h`
    - `./lab sandbox request case-9 -p "Test with files" --ttl 2h --profile gpu --wait`
    """
    from infra.sandbox.client import Asked

    with session_of(stack, kubeconfig, user, groups) as session:
        asked = Asked(
            name,
            purpose,
            ttl,
            classification,
            profile,
            tuple(_egress(text) for text in egress or ()),
            tuple(image or ()),
            retention,
            budget,
        )
        found: Sandbox | None = session.client.request(asked)
        told = f"{name} is asked for. Next: somebody else runs `./lab sandbox approve {name}`."
        if wait and found is not None:
            found = session.waited(found, session.client.is_ready, timeout)
            told = f"{name} is ready: `./lab sandbox kubeconfig {name}` lets you in."
        _answer(found, told, as_json=as_json)


def _egress(text: str) -> dict[str, Any]:
    """RANGE:PORT[/PROTOCOL]=REASON."""
    way, equals, reason = text.partition("=")
    cidr, colon, rest = way.rpartition(":")
    port, _, protocol = rest.partition("/")
    if not equals or not colon or not port.isdigit():
        raise BadUsage(
            f"--egress {text!r} is not RANGE:PORT[/PROTOCOL]=REASON.",
            next_step='write it like "192.0.2.0/24:443/TCP=Data of the city".',
        )
    return {"cidr": cidr, "port": int(port), "protocol": protocol or "TCP", "reason": reason}


@app.command("list")
def list_(
    *,
    mine: Annotated[bool, typer.Option("--mine", help="Only what I asked for.")] = False,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """List sandboxes: what became of each, how long it lives on, what it waits for.

    For example:

    - `./lab sandbox list`
    - `./lab sandbox list --mine --json`
    """
    from infra.cli import sandbox_show

    with session_of(stack, kubeconfig, user, groups) as session:
        client = session.client
        found = [one for one in client.all() if not mine or one.spec.requester == client.me]
        if as_json:
            print_json([sandbox_show.document(one) for one in found])
        elif found:
            output.print(sandbox_show.table(found))
        else:
            output.print("There are none. Next: `./lab sandbox request`.")


@app.command("show")
def show(
    name: Name,
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Show one sandbox: what was asked for, who said what, what it waits for.

    With --wait it waits until somebody is let in.

    For example:

    - `./lab sandbox show bias-audit`
    - `./lab sandbox show bias-audit --wait --timeout 1h`
    """
    from infra.cli import sandbox_show

    with session_of(stack, kubeconfig, user, groups) as session:
        found: Sandbox | None = session.client.get(name)
        if wait and found is not None:
            found = session.waited(found, session.client.is_ready, timeout)
        if found is not None:
            _answer(found, "\n".join(sandbox_show.lines(found)), as_json=as_json)


@app.command("approve")
def approve(
    name: Name,
    *,
    renewal: Annotated[
        str | None, typer.Option("--renewal", help="Approve this renewal instead of the request.")
    ] = None,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Approve what somebody else asked for; one's own approval of one's own request never counts.

    Look at it first: `./lab sandbox show NAME`. An approval stays on record.

    For example:

    - `./lab sandbox approve bias-audit`
    - `./lab sandbox approve bias-audit --renewal renewal-1`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        client = session.client
        found: Sandbox | None = (
            client.approve(name) if renewal is None else client.approve_renewal(name, renewal)
        )
        told = f"{client.me} approves {renewal or 'the request'} of {name}."
        if wait and found is not None:
            until = client.is_ready if renewal is None else client.is_renewed(renewal)
            found = session.waited(found, until, timeout)
        _answer(found, told, as_json=as_json)


@app.command("reject")
def reject(
    name: Name,
    *,
    reason: Reason,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    as_json: Json = False,
) -> None:
    """Reject what somebody asked for. That is for good, and ends what is there already.

    For example:

    - `./lab sandbox reject bias-audit --reason "Not with data of this case"`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        client = session.client
        _answer(client.reject(name, reason), f"{client.me} rejects {name}.", as_json=as_json)


@app.command("renew")
def renew(
    name: Name,
    *,
    extend: Annotated[str, typer.Option("--extend", "-e", help="How much more: 4h, 30m.")],
    reason: Reason,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Ask for more time. Others must approve it, as they did the request.

    For example:

    - `./lab sandbox renew bias-audit --extend 4h --reason "The second run takes longer"`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        sandbox, renewal = session.client.renew(name, extend, reason)
        found: Sandbox | None = sandbox
        told = (
            f"{extend} more are asked for. Next: somebody else runs "
            f"`./lab sandbox approve {name} --renewal {renewal}`."
        )
        if wait:
            found = session.waited(sandbox, session.client.is_renewed(renewal), timeout)
            told = f"{name} lives on for {extend} more."
        _answer(found, told, as_json=as_json, renewal=renewal)


@app.command("suspend")
def suspend(
    name: Name,
    *,
    reason: Reason,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Let nobody in any more, and lose nothing; its time goes on. For security officers.

    For example:

    - `./lab sandbox suspend bias-audit --reason "It reaches for what it must not" --wait`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        found: Sandbox | None = session.client.suspend(name, reason)
        if wait and found is not None:
            found = session.waited(found, session.client.is_suspended, timeout)
        _answer(found, f"{name} is suspended.", as_json=as_json)


@app.command("resume")
def resume(
    name: Name,
    *,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Let a suspended sandbox go on. For security officers.

    For example:

    - `./lab sandbox resume bias-audit`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        found: Sandbox | None = session.client.resume(name)
        if wait and found is not None:
            found = session.waited(found, session.client.is_ready, timeout)
        _answer(found, f"{name} goes on.", as_json=as_json)


@app.command("destroy")
def destroy(
    name: Name,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go, and whether I may.")
    ] = False,
    yes: Yes = False,
    stack: Stack = "local",
    kubeconfig: Kubeconfig = None,
    user: As = None,
    groups: AsGroup = None,
    wait: Wait = False,
    timeout: Timeout = "10m",
    as_json: Json = False,
) -> None:
    """Destroy a sandbox with everything in it, for good, before its time is over.

    For example:

    - `./lab sandbox destroy bias-audit --dry-run`
    - `./lab sandbox destroy bias-audit --yes --wait`
    """
    with session_of(stack, kubeconfig, user, groups) as session:
        if not dry_run:
            confirm(f"Destroy sandbox {name} with everything in it?", yes=yes)
        found: Sandbox | None = session.client.destroy(name, dry_run=dry_run)
        told = f"{name} is being destroyed."
        if dry_run:
            told = f"{name} would be destroyed, with everything in it, its keys and its secrets."
        elif wait and found is not None:
            session.waited(found, session.client.is_gone(found.uid), timeout)
            told = f"{name} is gone."
        _answer(found, told, as_json=as_json, dry_run=dry_run)


sandbox_enter.register(app)
