"""`python -m infra.auditor`: the policy auditor, as it runs in a cluster."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from infra.auditor import scope, told
from infra.auditor.contract import CONFIGURATION, HEALTH, METRICS, PORT
from infra.auditor.service import Auditor
from infra.auditor.serving import serving
from infra.auditor.told import Told
from infra.errors import ConfigError, LabError
from infra.kubernetes import in_cluster
from infra.kubernetes.client import Api
from policies.registry import all_rules

#: Seconds for which one round waits for an API server that restarts.
_PATIENCE: Final = 20.0
_FAILED: Final = 3


def main(words: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    given = _arguments().parse_args(words)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    log = structlog.get_logger()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        lab = _told(given.configuration)
        api = Api(
            in_cluster.connection(given.credentials),
            caller=lambda: _Caller(log, stop),
            agent="ai-lab-policy-auditor",
            patience=_PATIENCE,
        )
        rules = [rule for rule in all_rules().values() if scope.places(rule)]
        auditor = Auditor(api, rules, lab, log=log)
    except LabError as error:
        log.error("cannot begin", **error.as_dict())  # noqa: TRY400 - it says all itself
        return _FAILED
    registry = CollectorRegistry()
    registry.register(auditor.state)
    ProcessCollector(registry=registry)
    with serving(given.address, given.port, registry, auditor.fault) as port:
        log.info("serving", address=given.address, port=port)
        auditor.run(stop)
    log.info("stopped")
    return 0


def _told(configuration: Path) -> Told:
    """Raises ConfigError if there is nothing to be told, or it cannot be understood."""
    try:
        text = configuration.read_text()
    except OSError as error:
        raise ConfigError(
            f"{configuration} cannot be read: {error.strerror}.",
            next_step="mount what the baseline of the cluster writes, or name it.",
        ) from error
    return told.parse(text)


class _Caller:
    """On whose behalf the API server is asked: who stops, waits for it no longer."""

    def __init__(self, log: Any, cancelled: threading.Event) -> None:
        self._log = log
        self.cancelled = cancelled

    def progress(self, message: str) -> None:
        """Each attempt; a round that failed says it once."""

    def log(
        self, message: str, *, severity: Literal["debug", "info", "warning", "error"] = "info"
    ) -> None:
        self._log.log(logging.getLevelNamesMapping()[severity.upper()], message)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.auditor",
        description="Audits the policies of the cluster that it runs in, again and again. "
        f"Answers on {METRICS} with what it found and on {HEALTH} with whether it works.",
    )
    parser.add_argument(
        "--configuration",
        type=Path,
        default=CONFIGURATION,
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
        "--port", type=int, default=PORT, help="to answer on (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
