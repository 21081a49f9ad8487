"""What the exit status of every command means; docs/reference/exit-codes.md says the same."""

from __future__ import annotations

from enum import IntEnum

from infra.errors import HostRefused, Interrupted, LabError, LeftoversRemain, OperationStopped


class ExitCode(IntEnum):
    """Exit status of `lab`."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    HOST_UNFIT = 3
    PARTLY_DONE = 4
    INTERRUPTED = 130


#: For docs/reference/exit-codes.md.
MEANING = {
    ExitCode.OK: "Done. For `verify` and `test`: everything passed, or was skipped for a reason.",
    ExitCode.FAILED: "It failed and changed nothing of the lab; or a check failed.",
    ExitCode.BAD_INPUT: "The command line, the configuration or an answer is wrong (LAB-1xx, "
    "LAB-210). Nothing was begun.",
    ExitCode.HOST_UNFIT: "This host cannot carry the lab right now (LAB-2xx). Nothing was begun.",
    ExitCode.PARTLY_DONE: "It stopped half-way and what it did is kept: run the same command "
    "again and it goes on from there.",
    ExitCode.INTERRUPTED: "Stopped by SIGINT or SIGTERM, in order: run the command again to go on.",
}


def exit_code(error: LabError) -> ExitCode:
    """The exit status for an error."""
    if isinstance(error, Interrupted):
        return ExitCode.INTERRUPTED
    # Where the host gives out, something may have been done: better said once too often.
    if isinstance(error, OperationStopped | LeftoversRemain | HostRefused):
        return ExitCode.PARTLY_DONE
    if error.code.startswith("LAB-1") or error.code == "LAB-210":
        return ExitCode.BAD_INPUT
    if error.code.startswith("LAB-2"):
        return ExitCode.HOST_UNFIT
    return ExitCode.FAILED
