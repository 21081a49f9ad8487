"""One tree of errors, each with a code that a user can look up in docs/reference/errors.md.

Every error names its cause (`message`) and the next step (`next_step`). Codes are grouped:
1xx configuration, 2xx the machine it runs on, 3xx toolchain and images, 4xx local machines,
5xx Ansible, 6xx Vault, 7xx Pulumi and its plugins, 8xx verification and
evidence, 9xx sandboxes that people ask for. A code is never reused.
"""

from __future__ import annotations

from typing import Any, ClassVar


class LabError(Exception):
    """Root of the tree. Raise a subclass, never this class."""

    code: ClassVar[str] = "LAB-000"
    title: ClassVar[str] = "unexpected failure"

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.code} {self.message} Next: {self.next_step}"

    def as_dict(self) -> dict[str, str]:
        """The error as `--json` prints it."""
        return {
            "code": self.code,
            "title": self.title,
            "message": self.message,
            "next_step": self.next_step,
        }


class ConfigError(LabError):
    code = "LAB-101"
    title = "the configuration does not describe a lab"


class StackNotFound(LabError):
    code = "LAB-102"
    title = "no such stack"


class BadUsage(LabError):
    code = "LAB-103"
    title = "the command line is wrong"


class WrongGround(LabError):
    code = "LAB-104"
    title = "the stack's ground cannot do that"


class FileInTheWay(LabError):
    code = "LAB-105"
    title = "a file is there already and would be lost"


class PriceTableInvalid(LabError):
    code = "LAB-106"
    title = "a price table cannot be used"


class NotRoot(LabError):
    code = "LAB-201"
    title = "root is needed"


class MissingPackage(LabError):
    code = "LAB-202"
    title = "a Debian package is missing"


class NoSpace(LabError):
    code = "LAB-203"
    title = "too little disk or memory"


class AddressTaken(LabError):
    code = "LAB-204"
    title = "a port, an address range or a link is taken"


class AnotherLabUp(LabError):
    code = "LAB-205"
    title = "another lab is up on this host"


class HostUnfit(LabError):
    code = "LAB-206"
    title = "this host lacks something that the lab needs"


class LabBusy(LabError):
    code = "LAB-207"
    title = "another command works on this lab"


class BootstrapFailed(LabError):
    """Raised by the script `lab`, before there is any Python to raise it."""

    code = "LAB-208"
    title = "the command's own environment could not be made"


class Interrupted(LabError):
    code = "LAB-209"
    title = "the command was stopped by a signal"


class NotConfirmed(LabError):
    code = "LAB-210"
    title = "a question was not answered with yes"


class HostRefused(LabError):
    """What the operating system said, where no other error knows better."""

    code = "LAB-211"
    title = "a file of this host could not be read or written"


class ToolUnknown(LabError):
    code = "LAB-301"
    title = "no such tool"


class ToolBuildFailed(LabError):
    code = "LAB-302"
    title = "a tool could not be built"


class ToolMissing(LabError):
    code = "LAB-303"
    title = "a tool is not there yet"


class ToolCorrupt(LabError):
    code = "LAB-304"
    title = "a stored tool does not match its checksum"


class ImageBuildFailed(LabError):
    code = "LAB-305"
    title = "an image could not be built"


class ImagePushFailed(LabError):
    code = "LAB-306"
    title = "a registry did not take an image"


class MachineFailed(LabError):
    code = "LAB-401"
    title = "a machine did not start or stop"


class MachineUnreachable(LabError):
    code = "LAB-402"
    title = "a machine does not answer over SSH"


class PlaybookFailed(LabError):
    code = "LAB-501"
    title = "a playbook failed"


class PlaybookInvalid(LabError):
    code = "LAB-502"
    title = "a playbook cannot be run as asked"


class BackupUnreadable(LabError):
    code = "LAB-503"
    title = "a copy of etcd, Vault or a database cannot be read"


class VaultUnreachable(LabError):
    code = "LAB-601"
    title = "Vault does not answer"


class VaultSealed(LabError):
    code = "LAB-602"
    title = "Vault is sealed"


class VaultRefused(LabError):
    code = "LAB-603"
    title = "Vault refused a request"


class VaultCredentialsMissing(LabError):
    code = "LAB-604"
    title = "the lab's Vault credentials are missing or unreadable"


class PulumiFailed(LabError):
    code = "LAB-701"
    title = "a Pulumi operation failed"


class PluginFailed(LabError):
    code = "LAB-702"
    title = "a Pulumi plugin could not serve a request"


class KubernetesRefused(LabError):
    code = "LAB-703"
    title = "the Kubernetes API refused a request"


class KubernetesNotReady(LabError):
    code = "LAB-704"
    title = "a Kubernetes object did not become ready in time"


class KubernetesUnreachable(LabError):
    code = "LAB-705"
    title = "the Kubernetes API does not answer"


class StateLocked(LabError):
    code = "LAB-706"
    title = "the stack's state is locked"


class OperationStopped(PulumiFailed):
    code = "LAB-707"
    title = "an operation stopped half-way; what it did so far is kept"


class PreviewOnly(LabError):
    code = "LAB-708"
    title = "a stack can only be previewed here: a provider is missing"


class StateDamaged(LabError):
    code = "LAB-709"
    title = "the stack's state cannot be read"


class PolicyViolated(PulumiFailed):
    """A rule that must hold does not; `lab policies explain RULE` says why it is there.

    `violations` is everything that rules said, what is only advice as well.
    """

    code = "LAB-710"
    title = "a policy refused an operation"
    violations: tuple[Any, ...] = ()


class RuleUnknown(LabError):
    code = "LAB-711"
    title = "there is no rule of that name"


class DataProtected(LabError):
    code = "LAB-712"
    title = "what holds data is protected, so the stack is not destroyed"


class VerificationFailed(LabError):
    code = "LAB-801"
    title = "a check failed"


class LabNotUp(LabError):
    code = "LAB-802"
    title = "no lab is up"


class LeftoversRemain(LabError):
    code = "LAB-803"
    title = "something of the lab could not be removed"


class BenchmarkInvalid(LabError):
    code = "LAB-804"
    title = "a benchmark did not measure what it says"


class EvidenceInvalid(LabError):
    """Records, a bundle or a certificate are not what was signed."""

    code = "LAB-805"
    title = "evidence does not verify"


class EvidenceRefused(LabError):
    """Too large, of an unknown form, or it looks like a secret; nothing was recorded."""

    code = "LAB-806"
    title = "this cannot be recorded as evidence"


class EvidenceConflict(LabError):
    """Two writers at the same place of a log, or a step's key used for something else."""

    code = "LAB-807"
    title = "the evidence log has gone on meanwhile"


class EvidenceUnavailable(LabError):
    code = "LAB-808"
    title = "the evidence store does not answer, or does not keep what it is given"


class EvidenceKeyInvalid(LabError):
    code = "LAB-809"
    title = "a key cannot sign or verify evidence"


class CertificateRefused(LabError):
    """The message names everything that is missing; the sandbox is not called deleted."""

    code = "LAB-810"
    title = "no deletion certificate can be given"


class SandboxNotIsolated(LabError):
    """Seen from inside, before anybody was let in."""

    code = "LAB-811"
    title = "a wall of a sandbox does not hold"


class EvidenceForbidden(LabError):
    """Whoever may run commands in the operator's namespace may read the evidence of all."""

    code = "LAB-812"
    title = "this user may not read the evidence of a lab"


class EvidenceNotHandedOut(LabError):
    """The operator that hands it out does not run, or does not answer."""

    code = "LAB-813"
    title = "nobody hands out evidence now"


class EvidenceNotFound(LabError):
    """No log belongs to that name or uid, or several do; the message names them."""

    code = "LAB-814"
    title = "there is not one log of that sandbox"


class SandboxServiceMissing(LabError):
    code = "LAB-901"
    title = "nobody can ask for sandboxes here"


class SandboxNotFound(LabError):
    code = "LAB-902"
    title = "no such sandbox"


class SandboxNameTaken(LabError):
    code = "LAB-903"
    title = "a sandbox of that name is there already"


class ProfileUnknown(LabError):
    code = "LAB-904"
    title = "this lab has no such profile"


class LifeTooLong(LabError):
    code = "LAB-905"
    title = "no sandbox lives that long here"


class RequestImpossible(LabError):
    """The message names every field that is wrong."""

    code = "LAB-906"
    title = "this cannot be asked for"


class NoSandboxRole(LabError):
    code = "LAB-907"
    title = "this user has no role with sandboxes"


class NotARequester(LabError):
    code = "LAB-908"
    title = "this user may not ask for sandboxes"


class NotAnApprover(LabError):
    code = "LAB-909"
    title = "this user may not approve or reject sandboxes"


class OwnRequest(LabError):
    """Four eyes: somebody else has to approve."""

    code = "LAB-910"
    title = "nobody approves what he asked for himself"


class NotTheRequester(LabError):
    code = "LAB-911"
    title = "only whoever asked for the sandbox may do that"


class NotAnOfficer(LabError):
    code = "LAB-912"
    title = "only security officers may do that"


class RenewalUnknown(LabError):
    code = "LAB-913"
    title = "nobody asked for that renewal"


class SandboxNotReady(LabError):
    """It is not made yet, waits for approval, or is suspended; the message says which."""

    code = "LAB-914"
    title = "nobody is let into the sandbox now"


class SandboxOver(LabError):
    """Rejected, failed, destroyed or being destroyed: that never changes."""

    code = "LAB-915"
    title = "the sandbox has ended"


class WaitedTooLong(LabError):
    """What was asked for goes on."""

    code = "LAB-916"
    title = "the time to wait is over"


class NoPodToEnter(LabError):
    code = "LAB-917"
    title = "there is no pod, or more than one, in which the command could run"


class FilesUnknown(LabError):
    """It was never asked for, withdrawn, or has gone with its sandbox."""

    code = "LAB-918"
    title = "nobody asks for these files"


class FilesNotAgreed(LabError):
    """Rejected, or refused by the lab; that never changes."""

    code = "LAB-919"
    title = "these files may not enter or leave"


class FilesDiffer(LabError):
    """Nobody approves what he does not have before him."""

    code = "LAB-920"
    title = "these are not the files that are asked for"


def tree(root: type[LabError] = LabError) -> list[type[LabError]]:
    """Every error class below `root`, in the order of its code."""
    found: set[type[LabError]] = set()
    pending = [root]
    while pending:
        for child in pending.pop().__subclasses__():
            found.add(child)
            pending.append(child)
    return sorted(found, key=lambda error: error.code)
