"""`python -m infra.operator`: the operator of sandboxes, as it runs in a cluster."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import structlog

from infra.auditor.serving import serving
from infra.errors import LabError
from infra.kubernetes import in_cluster
from infra.operator import configuration, contract
from infra.operator.assembly import assembled
from infra.operator.metrics import Metrics
from infra.operator.process import Process
from infra.operator.watching import watch

_FAILED: Final = 3


def main(words: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    given = _arguments().parse_args(words)
    log = _logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _run(given, stop, log)
    except LabError as error:
        log.error("cannot work", **error.as_dict())  # noqa: TRY400 - it says all itself
        return _FAILED
    log.info("stopped")
    return 0


def _run(given: argparse.Namespace, stop: threading.Event, log: Any) -> None:
    told = configuration.read(given.configuration)
    connection = in_cluster.connection(given.credentials)
    authority = given.credentials / in_cluster.AUTHORITY
    metrics = Metrics()
    with ExitStack() as stack:
        parts = stack.enter_context(assembled(told, connection, metrics, log))
        process = Process(
            parts,
            lambda changed, over: watch(connection, authority, changed, over),
            workers=told.workers,
            log=log,
        )
        port = stack.enter_context(
            serving(given.address, given.port, metrics.registry, process.fault)
        )
        log.info("serving", address=given.address, port=port)
        process.run(stop)


def _logging() -> Any:
    """JSON lines; what libraries say only from warnings on."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer(sort_keys=True)
    structlog.configure(
        processors=[*shared, renderer], logger_factory=structlog.PrintLoggerFactory(sys.stdout)
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # It warns that it leaves signals to us.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    return structlog.get_logger()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.operator",
        description="Makes the sandboxes that are asked for in the cluster that it runs in, and "
        f"destroys them when they end. Answers on {contract.METRICS} and {contract.HEALTH}.",
    )
    parser.add_argument(
        "--configuration",
        type=Path,
        default=contract.CONFIGURATION,
        help="what it is told of the lab (default: %(default)s)",
    )
    parser.add_argument(
        "--credentials",
        type=Path,
        default=in_cluster.FOLDER,
        help="folder with token and ca.crt of its service account (default: %(default)s)",
    )
    parser.add_argument("--address", default="", help="to answer on (default: every one)")
    parser.add_argument(
        "--port", type=int, default=contract.PORT, help="to answer on (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
