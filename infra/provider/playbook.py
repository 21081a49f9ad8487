"""`ailab:ansible:Playbook`: a playbook that has run, as a Pulumi resource.

The resource stands for "these hosts are as this playbook says". It runs again when anything that
it reads changes, never because a refresh looked; `checkOnRefresh` makes a refresh run Ansible's
check mode and record what differs as `drift`, which the next `up` then puts right. That costs
about as long as the playbook itself, hence it is not the default. Deleting undoes nothing: what
was installed goes with the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.errors import PlaybookInvalid
from infra.hosts import playbooks
from infra.hosts.playbook_digest import digest
from infra.plugins import call
from infra.plugins.diffing import compare
from infra.plugins.resource import Checked, Created, Diff, Failure, Read, ResourceType
from infra.plugins.values import contains_unknown
from infra.provider import properties, tokens

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]

#: Inputs that say how to run, not what the hosts shall be: a change of them runs nothing.
_MANNER = ("connection", "timeoutSeconds", "checkOnRefresh")


#: Inputs that no program gives.
_COMPUTED = ("digest", "drift")

#: Of all models here.
_STRICT = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class HostInputs(BaseModel):
    model_config = _STRICT

    name: Word
    address: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.:_-]+$")]
    groups: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]]
    instance: str = ""
    variables: dict[str, Any] = Field(default_factory=dict)


class SshInputs(BaseModel):
    model_config = _STRICT

    user: Word = "root"
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    ssh_key: properties.AbsolutePath
    known_hosts: properties.AbsolutePath
    logs: properties.AbsolutePath


class PlaybookInputs(BaseModel):
    model_config = _STRICT

    playbook: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    hosts: Annotated[list[HostInputs], Field(min_length=1)]
    variables: dict[str, Any] = Field(default_factory=dict)
    triggers: dict[str, Any] = Field(default_factory=dict)
    connection: SshInputs
    timeout_seconds: Annotated[int, Field(ge=10, le=7200)] = playbooks.DEFAULT_TIMEOUT
    check_on_refresh: bool = False


class Playbook(ResourceType):
    token = tokens.PLAYBOOK
    #: `timeoutSeconds` decides, unless the program's custom timeout is shorter.
    default_timeout = 7200.0

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        del olds
        checked = properties.check(PlaybookInputs, news)
        name = checked.inputs.get("playbook")
        failed = {failure.property for failure in checked.failures}
        if name is None or contains_unknown(name) or "playbook" in failed:
            return checked
        try:
            return Checked({**checked.inputs, "digest": digest(name)}, checked.failures)
        except PlaybookInvalid as error:
            return Checked(checked.inputs, [*checked.failures, Failure("playbook", str(error))])

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        del id_, old_outputs
        changes = compare(_matter(old_inputs), _matter(news))
        return Diff(changes, frozenset({"playbook"} & changes.keys()))

    def preview(self, news: dict[str, Any]) -> dict[str, Any]:
        unknown = properties.unknown_outputs("ok", "changed", "facts", "notApplied")
        return {**news, **unknown, "drift": []}

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        return Created(str(news["playbook"]), _run(news, timeout))

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        """What the hosts are like. Drift stands among the inputs, where no program puts it, so
        that the next diff sees it.
        """
        del id_
        if not inputs.get("checkOnRefresh"):
            return Read(inputs, outputs)
        asked = _asked(inputs, self.default_timeout, check=True)
        outcome = playbooks.run(asked, progress=call.current().progress)
        drift = [str(task) for task in outcome.changed]
        declared = {key: value for key, value in inputs.items() if key != "drift"}
        return Read(
            {**declared, "drift": drift} if drift else declared, {**outputs, "drift": drift}
        )

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        del id_, old_inputs, old_outputs
        return _run(news, timeout)

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        """What a playbook did goes with its machine."""


def _matter(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in _MANNER}


def _asked(inputs: dict[str, Any], timeout: float, *, check: bool = False) -> playbooks.Run:
    known = PlaybookInputs.model_validate(
        {key: value for key, value in inputs.items() if key not in _COMPUTED}
    )
    return playbooks.Run(
        playbook=known.playbook,
        hosts=tuple(
            playbooks.Host(host.name, host.address, tuple(host.groups), host.variables)
            for host in known.hosts
        ),
        variables=known.variables,
        ssh=playbooks.Ssh(
            key=Path(known.connection.ssh_key),
            known_hosts=Path(known.connection.known_hosts),
            user=known.connection.user,
            port=known.connection.port,
        ),
        logs=Path(known.connection.logs),
        timeout=int(min(known.timeout_seconds, timeout)),
        check=check,
    )


def _run(news: dict[str, Any], timeout: float) -> dict[str, Any]:
    outcome = playbooks.run(_asked(news, timeout), progress=call.current().progress)
    return {
        **news,
        "ok": outcome.ok,
        "changed": [str(task) for task in outcome.changed],
        "facts": dict(outcome.facts),
        "notApplied": dict(outcome.not_applied),
        "drift": [],
    }
