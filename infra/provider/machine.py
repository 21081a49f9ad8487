"""`ailab:hosts:Machine`: a machine of the local ground as a Pulumi resource."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any, ClassVar

from infra import paths
from infra.hosts import base_image, machine
from infra.plugins.resource import Change, Checked, Created, Diff, Failure, Read, ResourceType
from infra.plugins.values import UNKNOWN
from infra.provider import tokens

#: Inputs that make another machine when they change; role alone is a label.
_IDENTITY = ("lab", "name", "address", "network", "home", "baseImage")
_ROLES = ("control-plane", "worker", "vault")


class MachineResource(ResourceType):
    """Inputs: lab, name, role, address, network (CIDR), home (folder); `baseImage` is computed.

    Outputs: the inputs, `instance` (changes when the machine is made anew), `running`, `sshKey`
    and `knownHosts` (paths). A machine whose processes are gone (the host was rebooted) shows as
    a change of `running`, and an update boots it again with its files as they were.
    """

    token: ClassVar[str] = tokens.MACHINE

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        failures = [
            Failure(name, "is missing")
            for name in ("lab", "name", "role", "address", "network", "home")
            if name not in news
        ]
        if news.get("role", UNKNOWN) is not UNKNOWN and news["role"] not in _ROLES:
            failures.append(Failure("role", f"is none of {', '.join(_ROLES)}"))
        for name, kind in (("address", IPv4Address), ("network", IPv4Network)):
            try:
                if news.get(name, UNKNOWN) is not UNKNOWN:
                    kind(news[name])
            except ValueError as error:
                failures.append(Failure(name, str(error)))
        if not failures and UNKNOWN not in (news["address"], news["network"]):
            if IPv4Address(news["address"]) not in IPv4Network(news["network"]):
                failures.append(Failure("address", f"lies outside {news['network']}"))
            if news["home"] != str(paths.Home(news["lab"]).root):
                failures.append(Failure("home", "is not the lab's folder; set LAB_HOME"))
        return Checked({**news, "baseImage": base_image.digest()}, failures)

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        changed = {name for name in news if news[name] != old_inputs.get(name)}
        replaces = frozenset(changed.intersection(_IDENTITY))
        changes: dict[str, Change] = dict.fromkeys(sorted(changed), "update")
        if not replaces:
            found = machine.read(_args(old_inputs))
            if found is None:
                # Its files are gone: only a new machine can take its place.
                changes["instance"], replaces = "update", frozenset({"instance"})
            elif not found.running:
                changes["running"] = "update"
        live = frozenset(changes).intersection(("instance", "running"))
        return Diff(changes, replaces, delete_before_replace=True, live=live)

    def preview(self, news: dict[str, Any]) -> dict[str, Any]:
        return {**news, **_paths(news), "instance": UNKNOWN, "running": True}

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        state = machine.create(_args(news), timeout=timeout)
        return Created(state.args.hostname, _outputs(news, state))

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        state = machine.read(_args(inputs))
        return None if state is None else Read(inputs, _outputs(inputs, state))

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        return _outputs(news, machine.start(_args(news), timeout=timeout))

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        machine.delete(_args(inputs))


def _args(inputs: dict[str, Any]) -> machine.MachineArgs:
    return machine.MachineArgs(
        lab=inputs["lab"],
        name=inputs["name"],
        role=inputs["role"],
        address=IPv4Address(inputs["address"]),
        network=IPv4Network(inputs["network"]),
    )


def _paths(inputs: dict[str, Any]) -> dict[str, str]:
    home = paths.Home(inputs["lab"])
    return {"sshKey": str(home.ssh_key), "knownHosts": str(home.known_hosts)}


def _outputs(inputs: dict[str, Any], state: machine.MachineState) -> dict[str, Any]:
    return {**inputs, **_paths(inputs), "instance": state.instance, "running": state.running}
