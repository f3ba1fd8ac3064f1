"""The door: the order in which requests are judged, what every answer carries, and what is left in metrics and logs."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from serving.access import Caller
from serving.door import Door
from serving.logs import REQUEST_ID, JsonLines
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.store.tokens import Token, digest_of

NOW = dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC)
SECRET = "0123456789abcdef" * 4
READ, SCORE = frozenset({"read"}), frozenset({"score"})
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


def token(name: str, scopes: frozenset[str]) -> Token:
    return Token(name, name, scopes, None, digest_of(SECRET), NOW, None, None)


TOKENS = {"reader": token("reader", READ), "scorer": token("scorer", SCORE)}


def bearer(name: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer tnr_{name}_{SECRET}".encode()


@dataclass
class Answer:
    """What came back: the status, every header of it, and the body."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    body_was_read: bool = False

    def header(self, name: str) -> str | None:
        """A header; one that comes twice fails the test."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def problem(self) -> dict[str, Any]:
        assert self.header("content-type") == "application/problem+json"
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["instance"] == f"urn:tenure:request:{self.header('x-request-id')}"
        return document


class House:
    """An application behind a door, with everything that can happen in it, called as a server would."""

    def __init__(self, tokens: Callable[[], Awaitable[Any]] | None = None, max_in_flight: int = 2) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.kept = Response(b"kept", headers={"Content-Security-Policy": "sandbox"})
        self.callers: list[Caller | None] = []
        self.seen: list[str | None] = []
        self.go = asyncio.Event()
        door = Door(
            tokens or self._tokens,
            metrics=Metrics(prometheus_client, self.registry),
            clock=lambda: NOW,
            max_in_flight=max_in_flight,
        )
        routes = [
            door.route("/echo", self.echo, scopes=READ, name="echo"),
            door.route("/either", self.echo, scopes=READ | SCORE, name="either"),
            door.route("/wait", self.wait, scopes=READ, name="wait"),
            door.route("/fail", self.fail, scopes=READ, name="fail"),
            door.route("/open", self.open, method="GET", scopes=None, name="open"),
            door.route("/kept", self.keep, method="GET", scopes=None, name="kept"),
        ]
        self.app = Starlette(routes=routes, exception_handlers={HTTPException: door.unrouted})
        self.error: Exception = KeyError("a-17")

    async def _tokens(self) -> dict[str, Token]:
        return TOKENS

    async def echo(self, request: Request, caller: Caller | None) -> Response:
        self.callers.append(caller)
        self.seen.append(REQUEST_ID.get())
        body = await request.body()
        request.state.told = {"rows": len(body), "model_version": "7", "status": "forged", "token": "forged"}
        return Response(body)

    async def wait(self, _: Request, __: Caller | None) -> Response:
        await self.go.wait()
        return Response(b"done")

    async def fail(self, _: Request, __: Caller | None) -> Response:
        raise self.error

    async def open(self, _: Request, caller: Caller | None) -> Response:
        assert caller is None
        return Response(b"open")

    async def keep(self, _: Request, __: Caller | None) -> Response:
        return self.kept

    async def ask(
        self, path: str, *headers: tuple[bytes, bytes], method: str = "POST", body: bytes = b"", query: bytes = b""
    ) -> Answer:
        answer = Answer()

        async def receive() -> dict[str, Any]:
            answer.body_was_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in message["headers"]]
            else:
                answer.body += message["body"]

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "query_string": query,
            "headers": list(headers),
            "client": ("10.1.2.3", 5),
        }
        await self.app(scope, receive, send)
        return answer

    def post(self, path: str, *headers: tuple[bytes, bytes], **options: Any) -> Answer:
        return asyncio.run(self.ask(path, *headers, **options))

    def get(self, path: str, *headers: tuple[bytes, bytes]) -> Answer:
        return asyncio.run(self.ask(path, *headers, method="GET"))

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The fields of the audit lines so far."""
    caplog.set_level(logging.INFO, "tenure")
    return lambda: [record.tenure for record in caplog.records if record.name == "tenure.audit"]


def test_a_token_with_the_scope_enters_and_the_endpoint_knows_who(house: House) -> None:
    answer = house.post("/echo", bearer("reader"), body=b"hello")
    assert (answer.status, answer.body) == (200, b"hello")
    assert house.callers == [Caller("reader", READ, None)]
    assert house.seen == [answer.header("x-request-id")]
    assert house.post("/either", bearer("scorer")).status == 200


def test_who_has_no_token_is_refused_before_any_of_the_body_is_read(house: House) -> None:
    for headers in ([], [(b"authorization", b"Bearer no")], [bearer("nobody")]):
        answer = house.post("/echo", *headers, body=b"x" * 10_000)
        assert answer.problem["type"] == "urn:tenure:problem:unauthorized"
        assert (answer.status, answer.header("www-authenticate")) == (401, "Bearer")
        assert not answer.body_was_read
    assert house.callers == []


def test_a_token_without_the_scope_is_told_which_is_needed(house: House) -> None:
    answer = house.post("/echo", bearer("scorer"), body=b"x")
    assert (answer.status, answer.problem["type"]) == (403, "urn:tenure:problem:insufficient-scope")
    assert answer.problem["detail"] == "This token may not do this; POST /echo needs one with the scope read."
    assert answer.header("www-authenticate") == 'Bearer error="insufficient_scope", scope="read"'
    assert not answer.body_was_read


def test_a_token_counts_only_in_its_header(house: House) -> None:
    text = f"tnr_reader_{SECRET}"
    assert house.post("/echo", query=f"access_token={text}&token={text}".encode()).status == 401
    assert house.post("/echo", body=f"access_token={text}".encode()).status == 401
    for name in (b"cookie", b"x-api-key", b"proxy-authorization", b"x-authorization"):
        assert house.post("/echo", (name, f"Bearer {text}".encode())).status == 401


def test_two_authorizations_are_none(house: House) -> None:
    """A proxy that looks at one of them must not be told another story than we are."""
    for pair in ([bearer("reader"), bearer("reader")], [(b"authorization", b""), bearer("reader")]):
        assert house.post("/echo", *pair).status == 401


@pytest.mark.parametrize("asked", [b"a", b"A.b_c-9", b"0" * 64])
def test_a_request_keeps_the_id_that_it_came_with(house: House, asked: bytes) -> None:
    answer = house.post("/echo", bearer("reader"), (b"x-request-id", asked))
    assert answer.header("x-request-id") == asked.decode()
    assert house.post("/echo", (b"x-request-id", asked)).problem["instance"].endswith(f":{asked.decode()}")


@pytest.mark.parametrize(
    "asked", [b"", b" a", b"a b", b"a\r\nSet-Cookie: x=1", b"a\n", b"\x00", b"\xc3\xa9", b"0" * 65, b"a,b", b"<script>"]
)
def test_an_id_that_could_do_harm_is_replaced(house: House, asked: bytes) -> None:
    answer = house.post("/echo", bearer("reader"), (b"x-request-id", asked))
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f]{16}", answer.header("x-request-id") or "")


def test_an_id_ends_with_its_request(house: House) -> None:
    async def two() -> None:
        await house.ask("/echo", bearer("reader"), (b"x-request-id", b"r-1"))
        assert REQUEST_ID.get() is None

    asyncio.run(two())
    assert house.seen == ["r-1"]


def test_two_ids_are_none_and_ids_made_here_differ(house: House) -> None:
    ids = {
        house.get("/open", (b"x-request-id", b"a"), (b"x-request-id", b"a")).header("x-request-id") for _ in range(9)
    }
    assert len(ids) == 9
    assert "a" not in ids


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"x-request-id", b"content-type", b"cookie"]),
            st.binary(max_size=80) | st.sampled_from([bearer("reader")[1], b"Bearer ", b"ok-id"]),
        ),
        max_size=4,
    )
)
def test_no_header_breaks_the_door_or_comes_back_in_another(headers: list[tuple[bytes, bytes]]) -> None:
    answer = House().post("/echo", *headers)
    alone = [value.strip(b" \t") for name, value in headers if name == b"authorization"] == [bearer("reader")[1]]
    assert answer.status == (200 if alone else 401)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.header("x-request-id") or "")
    assert {name for name, _ in answer.headers} <= {
        *HEADERS, "content-length", "content-type", "x-request-id", "www-authenticate"
    }  # fmt: skip


def test_every_answer_has_the_headers_that_keep_browsers_out(house: House) -> None:
    answers = [
        house.post("/echo", bearer("reader")),
        house.get("/open"),
        house.post("/echo"),
        house.post("/echo", bearer("scorer")),
        house.post("/fail", bearer("reader")),
        house.get("/echo"),
        house.get("/nowhere"),
        House(max_in_flight=0).post("/echo"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 401, 403, 500, 405, 404, 429]
    for answer in answers:
        assert {name: answer.header(name) for name in HEADERS} == HEADERS
        assert answer.header("x-request-id")


def test_what_an_endpoint_says_itself_stays_and_an_answer_that_is_kept_does_not_grow(house: House) -> None:
    for _ in range(3):
        answer = house.get("/kept")
        assert (answer.header("cache-control"), answer.header("content-security-policy")) == ("no-store", "sandbox")
        assert answer.header("x-content-type-options") == "nosniff"
    assert len(house.kept.raw_headers) == 2


def test_what_is_not_there_is_a_problem_and_one_label(house: House, audited: Callable[[], Any]) -> None:
    assert house.get("/account/a-1").problem["type"] == "about:blank"
    assert house.get("/echo").header("allow") == "POST"
    assert house.metric("tenure_requests_total", route="unknown", status="404") == 1
    assert house.metric("tenure_requests_total", route="unknown", status="405") == 1
    assert house.metric("tenure_in_flight") == 0
    assert audited() == []


def test_more_than_can_be_answered_at_once_are_asked_to_come_again(house: House) -> None:
    async def crowd() -> list[Answer]:
        waiting = [asyncio.create_task(house.ask("/wait", bearer("reader"))) for _ in range(2)]
        await asyncio.sleep(0)
        refused = [await house.ask("/echo", *headers) for headers in ([bearer("reader")], [])]
        open_one = await house.ask("/open", method="GET")
        assert house.metric("tenure_in_flight") == 2
        house.go.set()
        return [*await asyncio.gather(*waiting), *refused, open_one, await house.ask("/echo", bearer("reader"))]

    answers = asyncio.run(crowd())
    assert [answer.status for answer in answers] == [200, 200, 429, 429, 200, 200]
    assert answers[2].problem["type"] == "urn:tenure:problem:too-busy"
    assert answers[2].header("retry-after") == "1"
    assert house.metric("tenure_in_flight") == 0
    assert house.metric("tenure_problems_total", kind="too-busy") == 2


def test_one_token_cannot_take_all_places() -> None:
    house = House(max_in_flight=8)

    async def crowd() -> list[Answer]:
        waiting = [asyncio.create_task(house.ask("/wait", bearer("reader"))) for _ in range(7)]
        await asyncio.sleep(0)
        more = [await house.ask("/either", bearer(name)) for name in ("reader", "scorer")]
        house.go.set()
        return [*more, *await asyncio.gather(*waiting), await house.ask("/echo", bearer("reader"))]

    assert [answer.status for answer in asyncio.run(crowd())] == [429, 200, *[200] * 8]


def test_an_answer_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.door._PIECE_SECONDS", 0.05)
    monkeypatch.setattr("serving.door._PIECE", 100)
    monkeypatch.setattr("serving.door._LARGE", 50)
    house = House()
    house.kept = Response(b"x" * 350)
    pieces: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def reads(message: Any) -> None:
        pieces.append(message)
        if stops and len(pieces) > 2:
            await asyncio.sleep(5)

    for stops in (False, True):
        pieces.clear()
        scope = {"type": "http", "method": "GET", "path": "/kept", "raw_path": b"/kept", "query_string": b"",
                 "headers": [], "http_version": "1.1", "scheme": "http"}  # fmt: skip
        asyncio.run(asyncio.wait_for(house.app(scope, receive, reads), 2))
        bodies = [(len(m["body"]), m["more_body"]) for m in pieces[1:]]
        assert bodies == ([(100, True), (100, True)] if stops else [(100, True)] * 3 + [(50, False)])
        assert house.metric("tenure_in_flight") == 0


def test_a_request_that_is_given_up_leaves_its_place(house: House) -> None:
    async def give_up() -> Answer:
        for _ in range(3):
            waiting = asyncio.create_task(house.ask("/wait", bearer("reader")))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        return await house.ask("/echo", bearer("reader"))

    assert asyncio.run(give_up()).status == 200
    assert house.metric("tenure_in_flight") == 0


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ProblemError(409, "not-scored", "It is not scored."), 409, "urn:tenure:problem:not-scored"),
        (HTTPException(418), 418, "about:blank"),
        (ClientDisconnect(), 400, "about:blank"),
        (KeyError("a-17"), 500, "urn:tenure:problem:internal"),
        (RecursionError(), 500, "urn:tenure:problem:internal"),
    ],
)
def test_every_exception_is_a_problem_and_frees_its_place(
    house: House, caplog: pytest.LogCaptureFixture, error: Exception, status: int, kind: str
) -> None:
    house.error = error
    for _ in range(3):  # more than may be in flight
        answer = house.post("/fail", bearer("reader"))
        assert (answer.status, answer.problem["type"]) == (status, kind)
        assert b"a-17" not in answer.body
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(failures) == (3 if status == 500 else 0)
    assert all("a-17" not in JsonLines().format(record) for record in failures)


def test_a_store_that_cannot_tell_the_tokens_is_the_answer() -> None:
    async def tokens() -> Any:
        raise ProblemError(503, "store-unreachable", "The store does not answer.", headers={"Retry-After": "1"})

    house = House(tokens)
    answer = house.post("/echo", bearer("reader"), body=b"x")
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert not answer.body_was_read
    assert house.get("/open").status == 200


def test_one_line_an_access_says_which_token_did_what(house: House, audited: Callable[[], Any]) -> None:
    house.post("/echo", bearer("reader"), (b"x-request-id", b"r-1"), body=b"abc", query=b"account=a-17")
    house.post("/echo", bearer("scorer"))
    house.post("/echo")
    house.post("/echo", (b"authorization", bearer("reader")[1][:-1] + b"0"))
    house.get("/open")
    first, *rest = audited()
    assert 0 < first.pop("ms") < 10_000
    assert first == {
        "request_id": "r-1", "token": "reader", "route": "echo", "status": 200, "rows": 3, "model_version": "7"
    }  # fmt: skip
    assert [(line["status"], line["token"], line["problem"], line.get("why")) for line in rest] == [
        (403, "scorer", "insufficient-scope", None),
        (401, None, "unauthorized", "missing"),
        (401, "reader", "unauthorized", "wrong-secret"),
    ]


def test_no_line_holds_an_account_an_address_or_a_secret(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tenure")
    house.post("/echo", bearer("reader"), body=b'["a-17"]', query=b"a-17")
    house.post("/fail", bearer("reader"), body=b"a-17")
    house.post("/echo", (b"authorization", b"Bearer tnr_nobody_" + SECRET.encode()), (b"x-request-id", b"a-17\n"))
    house.get("/accounts/a-17")
    text = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert len(text.splitlines()) == 4
    for secret in ("a-17", SECRET, "10.1.2.3", "nobody"):
        assert secret not in text


def test_requests_are_counted_and_timed_by_route(house: House) -> None:
    house.post("/echo", bearer("reader"))
    house.post("/echo")
    house.get("/open")
    assert house.metric("tenure_requests_total", route="echo", status="200") == 1
    assert house.metric("tenure_requests_total", route="echo", status="401") == 1
    assert house.metric("tenure_requests_total", route="open", status="200") == 1
    assert house.metric("tenure_problems_total", kind="unauthorized") == 1
    assert house.metric("tenure_request_seconds_count", route="echo") == 2
    assert house.metric("tenure_in_flight") == 0
