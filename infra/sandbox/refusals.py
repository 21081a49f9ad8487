"""Why the API server said no, for whoever asked: what to do, and never which policy refused.

The API server decides, always; here its answer is put into the words of the people of a lab. What
the lab's configuration says of them (who approves, which profiles) is added where it is at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.config import People, SandboxService
from infra.errors import (
    LabError,
    LifeTooLong,
    NoSandboxRole,
    NotAnApprover,
    NotAnOfficer,
    NotARequester,
    NotTheRequester,
    OwnRequest,
    ProfileUnknown,
    RequestImpossible,
    SandboxNameTaken,
    SandboxNotFound,
    SandboxOver,
    SandboxServiceMissing,
)
from infra.kubernetes.client import Answer
from infra.sandbox.resource import PATH, Sandbox, duration

_ASK_ANEW = "ask for another one: `./lab sandbox request`."


@dataclass(frozen=True, slots=True)
class Refusals:
    """`service` is what the configuration says; None if there is none at hand."""

    service: SandboxService | None = None

    def request(self, answer: Answer, manifest: Mapping[str, Any], me: str) -> LabError:
        """Somebody asked for a sandbox."""
        name, spec = manifest["metadata"]["name"], manifest["spec"]
        if answer.status == 409:
            return SandboxNameTaken(
                f"there is a sandbox {name} already.", next_step="choose another name."
            )
        if answer.status == 403:
            return NotARequester(
                f"{me} may not ask for sandboxes.",
                next_step=f"ask {self._people('requesters')} to do it"
                ", or be added to sandbox_service.requesters.",
            )
        if answer.status == 422:
            return self._invalid(answer, spec)
        return self.reading(answer, me, name)

    def reading(self, answer: Answer, me: str, name: str = "") -> LabError:
        """Somebody looked at sandboxes, or at one."""
        if answer.status == 403:
            return NoSandboxRole(
                f"{me} may not look at sandboxes.",
                next_step="be added to requesters, approvers or security_officers of the "
                "lab's sandbox_service; or name another user (--as, --kubeconfig).",
            )
        if answer.status == 404 and (not name or not answer.body.get("details", {}).get("name")):
            return SandboxServiceMissing(
                "this cluster does not know what a sandbox is.",
                next_step="run `./lab up` with a sandbox_service in the lab's configuration.",
            )
        if answer.status == 404:
            return SandboxNotFound(
                f"there is no sandbox {name}.", next_step="`./lab sandbox list` shows all."
            )
        return answer.refused(f"{PATH}/{name}".rstrip("/"))

    def approval(self, answer: Answer, sandbox: Sandbox, me: str) -> LabError:
        """Somebody approved or rejected."""
        if answer.status == 403 and me == sandbox.spec.requester:
            return OwnRequest(
                f"{me} asked for {sandbox.name}; one's own approval does not count.",
                next_step=f"ask {self._people('approvers', but=me)} to run "
                f"`./lab sandbox approve {sandbox.name}`.",
            )
        if answer.status == 403 and sandbox.spec.rejection is not None:
            return self.rejected(sandbox)
        if answer.status == 403:
            return NotAnApprover(
                f"{me} may not approve or reject sandboxes.",
                next_step=f"ask {self._people('approvers', but=sandbox.spec.requester)}.",
            )
        return self._changing(answer, sandbox, me)

    def rejected(self, sandbox: Sandbox) -> LabError:
        """It was rejected, which is for good."""
        verdict = sandbox.spec.rejection
        said = f" by {verdict.by}: {verdict.reason}" if verdict else ""
        return SandboxOver(f"{sandbox.name} was rejected{said}.", next_step=_ASK_ANEW)

    def renewal(self, answer: Answer, sandbox: Sandbox, extend: str, me: str) -> LabError:
        """Somebody asked for more time."""
        if answer.status == 403 and me != sandbox.spec.requester:
            return self.not_the_requester(sandbox, me, "asks for more time")
        if answer.status == 403 and sandbox.spec.rejection is not None:
            return self.rejected(sandbox)
        if answer.status == 422:
            return self._invalid(answer, {"ttl": extend})
        return self._changing(answer, sandbox, me)

    def suspension(self, answer: Answer, sandbox: Sandbox, me: str) -> LabError:
        """Somebody suspended it, or let it go on."""
        if answer.status == 403:
            return NotAnOfficer(
                f"{me} may not suspend sandboxes, nor let them go on.",
                next_step=f"ask {self._people('security_officers')}.",
            )
        return self._changing(answer, sandbox, me)

    def destruction(self, answer: Answer, sandbox: Sandbox, me: str) -> LabError:
        """Somebody destroyed it."""
        if answer.status == 403:
            officers = self._people("security_officers")
            return NotTheRequester(
                f"{me} may not destroy {sandbox.name}, which {sandbox.spec.requester} asked for.",
                next_step=f"ask {sandbox.spec.requester}, or {officers}.",
            )
        return self._changing(answer, sandbox, me)

    def not_the_requester(self, sandbox: Sandbox, me: str, what: str) -> LabError:
        """Only one person may."""
        requester = sandbox.spec.requester
        return NotTheRequester(
            f"whoever asked for {sandbox.name} {what}: that was {requester}, and not {me}.",
            next_step=f"ask {requester} to do it.",
        )

    def _changing(self, answer: Answer, sandbox: Sandbox, me: str) -> LabError:
        if answer.status == 422:
            return self._invalid(answer, {})
        return self.reading(answer, me, sandbox.name)

    def _invalid(self, answer: Answer, spec: Mapping[str, Any]) -> LabError:
        fields = {field: text.rstrip(".") for field, text in answer.causes}
        if "spec.profile" in fields:
            return self._no_profile(str(spec.get("profile", "")), fields["spec.profile"])
        if "ttl" in spec and any(
            field == "spec.ttl" or field.endswith(".extend") for field in fields
        ):
            return self._life(str(spec["ttl"]))
        told = "; ".join(f"{field}: {text}" for field, text in fields.items())
        return RequestImpossible(
            f"this cannot be asked for: {told or answer.message}.",
            next_step="correct it; `./lab sandbox request --help` describes each option.",
        )

    def _no_profile(self, profile: str, said: str) -> LabError:
        _, _, supported = said.partition("supported values: ")
        names = ", ".join(self.service.profiles) if self.service else supported.replace('"', "")
        return ProfileUnknown(
            f"this lab has no profile {profile}.", next_step=f"choose one of: {names}."
        )

    def _life(self, text: str) -> LabError:
        try:
            found = duration(text)
        except ValueError as error:
            return RequestImpossible(f"{error}.", next_step="write hours, minutes, seconds: 1h30m.")
        if not found:
            return RequestImpossible(
                f"{text} is no time at all.", next_step="write hours, minutes, seconds: 1h30m."
            )
        most = f"{self.service.longest_life} or less" if self.service else "less"
        return LifeTooLong(
            f"no sandbox of this lab lives for {text}.", next_step=f"ask for {most}."
        )

    def _people(self, role: str, *, but: str = "") -> str:
        """Those of a role, in words; without a configuration, where they are named."""
        who: People | None = getattr(self.service, role) if self.service else None
        if not who:
            return f"somebody of the lab's {role.replace('_', ' ')} (sandbox_service.{role})"
        names = [name for name in who.users if name != but]
        names += [f"a member of {group}" for group in who.groups]
        *most, last = names or [f"somebody of sandbox_service.{role}"]
        return f"{', '.join(most)} or {last}" if most else last
