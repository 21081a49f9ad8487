"""HTTP to the Kubernetes API: pooled connections, bounded patience, errors in the API's words.

An answer with an error status is a value, not an exception: "not found" and "invalid" decide
what a provider does next.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import httpx
import tenacity

from infra.errors import KubernetesRefused, KubernetesUnreachable
from infra.kubernetes.connection import Connection

#: Seconds for which an API server may be away (it restarts in 10-40) before we give up.
PATIENCE = 60.0
#: Seconds for one answer.
ANSWER_TIMEOUT = 30.0
#: Statuses that an API server gives while it starts, is overloaded or changes its leader.
_PASSING = frozenset({429, 502, 503, 504})
_PASSING_TEXTS = ("etcdserver:", "connection refused", "context deadline exceeded")

JSON = "application/json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body: an object, or the API's own `Status`."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def message(self) -> str:
        return str(self.body.get("message") or f"HTTP status {self.status}")

    @property
    def causes(self) -> list[tuple[str, str]]:
        """What is wrong field by field: (path, message)."""
        details = self.body.get("details") or {}
        return [
            (str(cause.get("field") or ""), str(cause.get("message") or ""))
            for cause in details.get("causes") or []
        ]

    def refused(self, what: str) -> KubernetesRefused:
        """The error that this answer is, about the object `what`."""
        told = self.message
        extra = [f"{field}: {text}" for field, text in self.causes if field and text not in told]
        text = "; ".join([told, *extra]).rstrip(".")
        steps = {
            401: "renew the credentials in the kubeconfig.",
            403: "give the user of the kubeconfig this right, or change what the policy refuses.",
            409: "see who else changes the object; then run the command again.",
        }
        step = steps.get(self.status, "correct the object in the program.")
        return KubernetesRefused(f"{what}: {text}.", next_step=step)


class Unanswered(Exception):
    """No answer, or one that says "not now"; inside this module only."""


class Caller(Protocol):
    """On whose behalf requests are made: may give them up, and is told what goes on."""

    @property
    def cancelled(self) -> threading.Event:
        """Set when nobody wants the answer any more."""

    def progress(self, message: str) -> None:
        """What is going on right now."""

    def log(
        self, message: str, *, severity: Literal["debug", "info", "warning", "error"] = "info"
    ) -> None:
        """What is worth keeping."""


class ToLog:
    """A caller who never gives up and writes everything into Python's log."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def progress(self, message: str) -> None:
        self.log(message)

    def log(
        self, message: str, *, severity: Literal["debug", "info", "warning", "error"] = "info"
    ) -> None:
        level = logging.getLevelNamesMapping()[severity.upper()]
        logging.getLogger(__name__).log(level, "%s", message)


_TO_LOG = ToLog()


class _Bearer(httpx.Auth):
    """Adds the token that holds now."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        yield request


class Api:
    """One API server. Safe to use from many threads."""

    def __init__(
        self,
        connection: Connection,
        *,
        caller: Callable[[], Caller] = lambda: _TO_LOG,
        agent: str = "ai-lab",
        observer: Callable[[httpx.Headers], None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        transport: httpx.BaseTransport | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`caller` is asked at each request; `agent` is what the server's logs call us; `observer`
        sees the headers of every answer; `headers` are sent with each request.
        """
        self.server = connection.server
        self._caller = caller
        self._patience = patience
        self._http = httpx.Client(
            base_url=connection.server,
            headers=[("Accept", JSON), ("User-Agent", agent), *headers],
            auth=None if connection.token is None else _Bearer(connection.token),
            verify=connection.tls,
            transport=transport,
            event_hooks={"response": [lambda answer: observer(answer.headers)] if observer else []},
            timeout=ANSWER_TIMEOUT,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            # A proxy of the environment has no business between us and the cluster.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives its connections back; it can do nothing afterwards."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        patience: float | None = None,
    ) -> Answer:
        """One request; waits out a server that restarts, for `patience` seconds at most.

        Raises:
            KubernetesUnreachable: no answer within the patience, the caller gave up, or there is
                no token.
        """
        content = None if body is None else json.dumps(body)
        call = self._caller()
        seconds = self._patience if patience is None else patience
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unanswered),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(seconds),
                tenacity.stop_when_event_set(call.cancelled),
            ),
            wait=tenacity.wait_exponential(multiplier=0.2, max=3),
            sleep=tenacity.sleep_using_event(call.cancelled),
            before_sleep=lambda state: call.progress(self._waiting(state, seconds)),
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, params, content, content_type)
        except Unanswered as error:
            raise self._unreachable(str(error)) from error

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: str | None,
        content_type: str,
    ) -> Answer:
        headers = {"Content-Type": content_type} if content is not None else None
        try:
            response = self._http.request(
                method, path, params=params, content=content, headers=headers
            )
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise self._unreachable(str(error)) from error
            raise Unanswered(str(error) or type(error).__name__) from error
        answer = Answer(response.status_code, _object(response.content))
        passing = answer.status == 500 and any(t in answer.message for t in _PASSING_TEXTS)
        if answer.status in _PASSING or passing:
            raise Unanswered(answer.message)
        return answer

    def watch(self, path: str, params: Mapping[str, str]) -> Generator[dict[str, Any], None, None]:
        """Events of a watch, until the server or the network ends it; close it when done."""
        try:
            with self._http.stream("GET", path, params={**params, "watch": "1"}) as response:
                for line in response.iter_lines():
                    event = _object(line.encode())
                    if event.get("type") == "ERROR" or "type" not in event:
                        return
                    yield event
        except httpx.TransportError as error:
            # The next ordinary request will say whether the server is gone, and for how long.
            self._caller().log(f"a watch was cut off: {error}", severity="debug")

    def _waiting(self, state: tenacity.RetryCallState, seconds: float) -> str:
        left = max(0, round(seconds - (state.seconds_since_start or 0)))
        return f"the Kubernetes API at {self.server} does not answer; trying for {left} s more"

    def _unreachable(self, why: str) -> KubernetesUnreachable:
        return KubernetesUnreachable(
            f"the Kubernetes API at {self.server} does not answer: {why.rstrip('.')}.",
            next_step="see whether the control plane runs (`./lab status`), then try again.",
        )


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object; anything else (a proxy's page, plain text) as a message."""
    try:
        found = json.loads(content)
    except ValueError:
        found = content.decode(errors="replace")[:500].strip()
    return found if isinstance(found, dict) else {"message": str(found)}
