"""Runs one Pulumi program in this process; started by the language host, which tells it how.

The request comes as protobuf on standard input: configuration holds secrets, and neither
arguments nor environment of a process are private.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pulumi
from pulumi.runtime.proto import language_pb2

from infra.errors import LabError

#: Exit status that says: the user has been told, show nothing more.
TOLD = 32


def program_path(info: language_pb2.ProgramInfo) -> str:
    """The folder or file that holds the program."""
    return os.path.normpath(Path(info.program_directory) / info.entry_point)


def _configure(request: language_pb2.RunRequest, engine: str) -> None:
    # With unbounded parallelism the engine sends MaxInt32; a thread pool must stay sane.
    parallel = min(max(request.parallel, 1), 64)
    settings = pulumi.runtime.Settings(
        project=request.project,
        stack=request.stack,
        monitor=request.monitor_address,
        engine=engine,
        parallel=parallel,
        dry_run=request.dryRun,
        organization=request.organization or "organization",
        root_directory=request.info.root_directory,
    )
    pulumi.runtime.configure(settings)
    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    if not os.environ.get("LAB_DEBUG"):
        pulumi.log.debug = _unsaid


def _unsaid(*_said: object, **_about: object) -> None:
    """In place of the SDK's debug messages: four for each resource, and the program waits for the
    engine to take each of them. LAB_DEBUG=1 brings them back.
    """


def _own_frames(error: BaseException, program: str) -> str:
    """The traceback from the program's first frame on; what lies before is ours and runpy's."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [index for index, frame in enumerate(frames) if frame.filename.startswith(program)]
    kept = frames[inside[0] :] if inside else frames
    lines = traceback.StackSummary.from_list(kept).format()
    return "".join([*lines, *traceback.format_exception_only(error)])


def _tell(error: BaseException, program: str) -> int:
    """Shows why the program failed; the exit status for it."""
    match error:
        case LabError() | pulumi.RunError():
            pulumi.log.error(str(error))
        case grpc.RpcError() if error.code() == grpc.StatusCode.UNAVAILABLE:
            # The engine is shutting down, and has said why.
            return TOLD
        case _:
            pulumi.log.error(f"the program failed:\n{_own_frames(error, program)}")
    return TOLD


def run(request: language_pb2.RunRequest, engine: str) -> int:
    """Runs the program to its end; returns the exit status."""
    _configure(request, engine)
    program = program_path(request.info)
    sys.argv = [program, *request.args]
    os.chdir(request.pwd or request.info.program_directory)
    # A failed program leaves futures behind that nobody will look at; that is no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def start() -> None:
        runpy.run_path(program, run_name="__main__")

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.set_default_executor(ThreadPoolExecutor(max_workers=64))
        task = loop.create_task(pulumi.runtime.run_in_stack(start))
        loop.run_until_complete(asyncio.wait([task]))
        error = task.exception()
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    status = 0 if error is None else _tell(error, program)
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def main() -> None:
    # Importing the SDK of a cloud makes millions of objects that stay: to look through them again
    # and again is a quarter of that time, and the process ends with the program.
    gc.disable()
    # Ctrl-C belongs to the engine; it ends the program by ending its requests.
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(TOLD))
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    status = run(request, sys.argv[1])
    # Threads of gRPC and of the program's own making must not hold up the engine.
    os._exit(status)


if __name__ == "__main__":
    main()
