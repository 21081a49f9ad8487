"""HTTP of the auditor: `/metrics` for Prometheus, `/healthz` for the kubelet, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from infra.auditor import contract

#: Seconds for which a client may keep quiet.
_PATIENCE: Final = 10


class _Server(ThreadingMixIn, WSGIServer):
    """One thread a request, so that a slow client keeps nobody waiting."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    """Writes no line for each scrape."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        del format, args


@contextmanager
def serving(
    address: str, port: int, registry: CollectorRegistry, fault: Callable[[], str]
) -> Iterator[int]:
    """Answers until the end of the block; gives the port (another one, if 0 was asked for).

    Args:
        address: to listen on.
        port: to listen on.
        registry: what `/metrics` shows.
        fault: why `/healthz` is to say that the auditor is ill; empty if it is well.

    Raises:
        OSError: the port is taken.
    """
    app = _application(make_wsgi_app(registry), fault)
    server = make_server(address, port, app, server_class=_Server, handler_class=_Handler)
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _application(metrics: WSGIApplication, fault: Callable[[], str]) -> WSGIApplication:
    def answer(environment: WSGIEnvironment, start: StartResponse) -> Any:
        if environment["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text(start, "405 Method Not Allowed", "only GET")
        match environment.get("PATH_INFO"):
            case contract.METRICS:
                return metrics(environment, start)
            case contract.HEALTH:
                why = fault()
                status = "503 Service Unavailable" if why else "200 OK"
                return _text(start, status, why or "ok")
            case _:
                return _text(
                    start, "404 Not Found", f"{contract.METRICS} and {contract.HEALTH} are here"
                )

    return answer


def _text(start: StartResponse, status: str, text: str) -> list[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]
