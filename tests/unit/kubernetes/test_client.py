from __future__ import annotations

import logging
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from infra import paths
from infra.errors import KubernetesRefused, KubernetesUnreachable
from infra.kubernetes.client import Answer, Api, ToLog
from infra.kubernetes.connection import Connection, TokenFile
from tests.unit.offline.fake_api import FakeApi, status


def test_retries_until_the_server_is_back(fake: FakeApi) -> None:
    fails = [httpx.ConnectError("refused"), httpx.ReadTimeout("")]
    replies = [status(503, "starting"), status(500, "etcdserver: leader changed")]

    def answers(request: httpx.Request) -> httpx.Response | None:
        if fails:
            raise fails.pop()
        return replies.pop() if replies else httpx.Response(200, json={"ok": True})

    fake.answers = answers
    answer = fake.session(patience=20).api.request("GET", "/anything")
    assert answer == Answer(200, {"ok": True})
    assert len(fake.requests) == 5


def test_gives_up_and_says_where_and_why(fake: FakeApi) -> None:
    fake.answers = lambda _request: status(503, "shutting down.")
    with pytest.raises(KubernetesUnreachable) as caught:
        fake.session(patience=0).api.request("GET", "/anything")
    assert caught.value.message == (
        "the Kubernetes API at https://api.test does not answer: shutting down."
    )


class Impatient:
    """Gives up once it was told that there is nobody."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self.told: list[str] = []

    def progress(self, message: str) -> None:
        self.told.append(message)
        self.cancelled.set()

    def log(self, message: str, *, severity: str = "info") -> None:
        self.told.append(f"{severity}: {message}")


def over(fake: FakeApi, **given: object) -> Api:
    connection = Connection("https://api.test", ssl.create_default_context(), None, "default")
    return Api(connection, transport=httpx.MockTransport(fake.handle), **given)  # type: ignore[arg-type]


def test_stops_waiting_when_the_caller_gives_up(fake: FakeApi) -> None:
    def answers(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("refused")

    fake.answers = answers
    caller = Impatient()
    with pytest.raises(KubernetesUnreachable, match="refused"):
        over(fake, caller=lambda: caller, patience=600).request("GET", "/anything")
    # It was told while it waited for the second answer.
    assert len(fake.requests) == 2
    assert caller.told == [
        "the Kubernetes API at https://api.test does not answer; trying for 600 s more"
    ]


def test_who_asks_alone_is_told_in_the_log(fake: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    def cut(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("cut")

    fake.answers = cut
    caplog.set_level(logging.DEBUG, "infra.kubernetes")
    assert list(over(fake).watch("/pods", {})) == []
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("DEBUG", "a watch was cut off: cut")
    ]
    assert not ToLog().cancelled.is_set()


def test_a_token_of_a_file_is_read_for_each_request(fake: FakeApi, tmp_path: Path) -> None:
    sent: list[str | None] = []

    def answers(request: httpx.Request) -> httpx.Response | None:
        sent.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={})

    fake.answers = answers
    file = tmp_path / "token"
    file.write_text("first\n")
    tls = ssl.create_default_context()
    connection = Connection("https://api.test", tls, TokenFile(file), "default")
    api = Api(connection, transport=httpx.MockTransport(fake.handle))
    api.request("GET", "/anything")
    file.write_text("second\n")
    api.request("GET", "/anything")
    list(api.watch("/pods", {}))
    assert sent == ["Bearer first", "Bearer second", "Bearer second"]
    file.write_text("")
    with pytest.raises(KubernetesUnreachable, match="is empty"):
        api.request("GET", "/anything")
    file.unlink()
    with pytest.raises(KubernetesUnreachable, match="cannot be read"):
        api.request("GET", "/anything")
    assert len(sent) == 3


def test_neither_pulumi_nor_grpc_is_needed() -> None:
    """It is in images that have neither."""
    program = (
        "import sys\n"
        "for name in ('grpc', 'pulumi', 'google', 'ansible', 'hvac', 'kubernetes'):\n"
        "    sys.modules[name] = None\n"
        "import infra.kubernetes.discovery, infra.kubernetes.in_cluster\n"
        "import infra.kubernetes.kubeconfig\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=paths.REPOSITORY)


def test_a_wrong_certificate_is_not_waited_for(fake: FakeApi) -> None:
    def answers(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")

    fake.answers = answers
    with pytest.raises(KubernetesUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        fake.session(patience=600).api.request("GET", "/anything")
    assert len(fake.requests) == 1


def test_an_ordinary_server_error_is_an_answer(fake: FakeApi) -> None:
    fake.answers = lambda _request: status(500, "a webhook said no")
    assert fake.session().api.request("GET", "/anything").status == 500


def test_an_answer_that_is_no_object(fake: FakeApi) -> None:
    fake.answers = lambda _request: httpx.Response(404, text="page not found")
    assert fake.session().api.request("GET", "/x").message == "page not found"
    assert Answer(418, {}).message == "HTTP status 418"


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (401, "renew the credentials"),
        (403, "give the user"),
        (409, "who else changes"),
        (422, "correct the object"),
    ],
)
def test_refusals_name_the_next_step(code: int, step: str) -> None:
    refused = Answer(code, {"message": "no"}).refused("v1 Pod p")
    assert isinstance(refused, KubernetesRefused)
    assert step in refused.next_step


def test_refusals_name_every_field_once() -> None:
    causes = [{"field": "spec.a", "message": "Required"}, {"field": "spec.b", "message": "too big"}]
    body = {"message": "it is invalid: spec.a: Required.", "details": {"causes": causes}}
    refused = Answer(422, body).refused("v1 Pod p")
    assert refused.message == "v1 Pod p: it is invalid: spec.a: Required.; spec.b: too big."


def test_watch_ends_at_errors_and_cut_connections(fake: FakeApi) -> None:
    api = fake.session().api
    fake.watches = [[{"type": "ADDED", "object": {}}, {"type": "ERROR"}, {"type": "ADDED"}]]
    assert [event["type"] for event in api.watch("/pods", {})] == ["ADDED"]
    fake.answers = lambda _request: status(403, "no watching")
    assert list(api.watch("/pods", {})) == []

    def cut(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("cut")

    fake.answers = cut
    assert list(api.watch("/pods", {})) == []


def test_discovery_asks_once_a_group_and_again_only_for_new_kinds(fake: FakeApi) -> None:
    discovery = fake.session().discovery
    pods = discovery.find("v1", "Pod")
    assert pods is not None
    assert pods.path("demo", "p") == "/api/v1/namespaces/demo/pods/p"
    space = discovery.find("v1", "Namespace")
    assert space is not None
    assert space.path(None, "demo") == "/api/v1/namespaces/demo"
    assert len(fake.requests) == 1
    assert discovery.find("v1", "Thing") is None
    fake.resources["/api/v1"].append({"name": "things", "kind": "Thing", "namespaced": True})
    assert discovery.find("v1", "Thing") is not None
    assert len(fake.requests) == 3
    assert discovery.find("lab.test/v1", "Thing") is None


def test_discovery_that_is_refused(fake: FakeApi) -> None:
    fake.answers = lambda _request: status(403, "forbidden")
    with pytest.raises(KubernetesRefused, match="the kinds of v1: forbidden"):
        fake.session().discovery.find("v1", "Pod")
