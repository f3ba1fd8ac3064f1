"""serving.alerting: signing, sending and giving up, with a clock that the tests move."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from features.errors import TenureError
from features.practice import WebhookSettings
from serving.alerting import outbox as boxes
from serving.alerting.dead import DEAD_FILE, append_dead
from serving.alerting.deliver import PATIENCE, Clock, Delivered, delay, deliver
from serving.alerting.messages import body_of
from serving.alerting.sending import Answer, _connection, in_the_open, post
from serving.alerting.signing import headers_of, secret_of, signature
from serving.alerting.testing import send_test
from serving.store.address import address_of
from serving.store.errors import StoreError
from serving.store.store import Store
from serving.store.tables import alerts, outbox

from .conftest import FIRST, SECRET, Receiver

OK, BAD, GONE = Answer(200), Answer(500), Answer(410)
HOOK = WebhookSettings("https://example.com/hook")
START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


class Time:
    """A clock that only sleeping moves, and what it was asked to sleep."""

    def __init__(self) -> None:
        self.moment = START
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(lambda: self.moment, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += dt.timedelta(seconds=seconds)


class Script:
    """Answers in turn, the last one for ever; what was sent is kept."""

    def __init__(self, *answers: Answer | Callable[[str], Answer]) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str], seconds: float) -> Answer:
        self.sent.append((body, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(json.loads(body)["account_id"]) if callable(answer) else answer

    def told(self) -> list[str]:
        """Account and kind of each attempt."""
        return [f"{body['account_id']} {body['kind']}" for body in (json.loads(text) for text, _ in self.sent)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(address_of(tmp_path)) as opened:
        yield opened


def queue(store: Store, *messages: tuple[str, str, int]) -> list[str]:
    """Put messages into the outbox: account, kind and day of each; their ids."""
    ids = []
    with store.writing() as connection:
        for account, kind, n in messages:
            key, day = hashlib.sha256(account.encode()).hexdigest(), FIRST + dt.timedelta(days=n)
            detail = {"name": account, "sentence": "Fell.", "value": 1.0, "drivers": [], "play": None}
            if kind == "opened":
                told = {"key": key, "rule": "R", "rule_hash": "r", "account_id": account.partition("/")[0]}
                connection.execute(sa.insert(alerts).values(**told, opened_on=day, detail=json.dumps(detail)))
            id_, body = body_of(key=key, kind=kind, rule="R", account_id=account, csm_id=None, as_of=day, detail=detail)
            row = {"id": id_, "alert_key": key, "kind": kind, "body": body, "created_on": day}
            connection.execute(sa.insert(outbox).values(row))
            ids.append(id_)
    return ids


def run(store: Store, tmp_path: Path, script: Script, time: Time | None = None, **said: Any) -> Delivered:
    hook = WebhookSettings("https://example.com/hook", **said)
    return deliver(store, tmp_path, hook, SECRET, post=script, clock=(time or Time()).clock())


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "expected"),
    [
        # printf '%s' "$timestamp.$body" | openssl dgst -sha256 -hmac "$secret"
        (b"0123456789abcdef", "1767225600", b"{}", "99902517b3069f78750aa0520b0493482454c2d30a579c7acc839f3363ca1b88"),
        (SECRET, "1", '{"name":"Zoë"}'.encode(), None),
    ],
)
def test_the_signature_is_what_the_page_says(secret: bytes, timestamp: str, body: bytes, expected: str | None) -> None:
    by_hand = hmac.digest(secret, timestamp.encode() + b"." + body, "sha256").hex()
    assert signature(secret, timestamp, body) == f"v1={expected or by_hand}" == f"v1={by_hand}"
    for other in ((secret + b"x", timestamp, body), (secret, "2", body), (secret, timestamp, body + b" ")):
        assert signature(*other) != f"v1={by_hand}"


def test_what_arrives_is_sent_once(store: Store, tmp_path: Path) -> None:
    (id_,) = queue(store, ("a", "opened", 0))
    script = Script(OK)
    assert run(store, tmp_path, script) == Delivered(1, 0, 0)
    assert run(store, tmp_path, script) == Delivered(0, 0, 0)
    ((body, headers),) = script.sent
    assert json.loads(body)["id"] == headers["Tenure-Id"] == id_
    assert headers["Tenure-Timestamp"] == str(int(START.timestamp()))
    assert headers["Tenure-Signature"] == signature(SECRET, headers["Tenure-Timestamp"], body)


def test_a_retry_has_the_same_id_and_the_same_bytes(store: Store, tmp_path: Path) -> None:
    queue(store, ("Zoë", "opened", 0))
    time, script = Time(), Script(BAD, Answer(None, "did not answer within 5 s"), Answer(429), OK)
    assert run(store, tmp_path, script, time) == Delivered(1, 0, 0, "answered 429")
    assert len({body for body, _ in script.sent}) == len({headers["Tenure-Id"] for _, headers in script.sent}) == 1
    stamps = [int(headers["Tenure-Timestamp"]) for _, headers in script.sent]
    assert stamps == sorted(set(stamps))  # each attempt is signed anew
    (id_,) = {headers["Tenure-Id"] for _, headers in script.sent}
    assert time.slept == pytest.approx([delay(id_, 1), delay(id_, 2), delay(id_, 3)], abs=1e-3)


def test_waits_grow_fourfold_and_differ_between_messages() -> None:
    for attempt in range(1, 8):
        waits = [delay(f"m{n}", attempt) for n in range(200)]
        base = 4.0 ** (attempt - 1)
        assert 0.5 * base <= min(waits) < 0.6 * base < 1.4 * base < max(waits) < 1.5 * base
    assert delay("m", 40) <= 1.5 * 6 * 3600


def test_a_run_waits_a_minute_and_leaves_the_rest_to_later_ones(store: Store, tmp_path: Path) -> None:
    queue(store, ("a", "opened", 0))
    time, script = Time(), Script(BAD)
    first = run(store, tmp_path, script, time)
    assert first == Delivered(0, 0, 1, "answered 500")
    assert sum(time.slept) <= PATIENCE
    assert 3 <= len(script.sent) < 8
    time.sleep(24 * 3600)
    script.answers = [OK]
    assert run(store, tmp_path, script, time).delivered == 1


def test_after_the_last_attempt_it_is_a_dead_letter_once(store: Store, tmp_path: Path) -> None:
    (id_,) = queue(store, ("a", "opened", 0))
    script = Script(BAD)
    assert run(store, tmp_path, script, attempts=3) == Delivered(0, 1, 0, "answered 500")
    assert run(store, tmp_path, script, attempts=3) == Delivered(0, 0, 0)
    assert len(script.sent) == 3
    (line,) = (tmp_path / DEAD_FILE).read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert (told["id"], told["attempts"], told["last_error"]) == (id_, 3, "answered 500")
    assert told["body"] == json.loads(script.sent[0][0])
    assert (tmp_path / DEAD_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_who_refuses_for_good_is_not_asked_again(store: Store, tmp_path: Path, status: int) -> None:
    queue(store, ("a", "opened", 0))
    script = Script(Answer(status))
    assert run(store, tmp_path, script) == Delivered(0, 1, 0, f"answered {status}")
    assert len(script.sent) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 408, 429, 500, 503])
def test_who_may_take_it_later_is_asked_again(store: Store, tmp_path: Path, status: int) -> None:
    queue(store, ("a", "opened", 0))
    assert run(store, tmp_path, Script(Answer(status), OK)).delivered == 1


def test_a_receiver_may_ask_for_time(store: Store, tmp_path: Path) -> None:
    queue(store, ("a", "opened", 0))
    time = Time()
    assert run(store, tmp_path, Script(Answer(429, wait=600.0), OK), time).waiting == 1
    time.sleep(500)
    assert run(store, tmp_path, Script(OK), time).delivered == 0
    time.sleep(60)
    assert run(store, tmp_path, Script(OK), time).delivered == 1


def test_an_account_is_told_of_in_order_and_holds_up_no_other(store: Store, tmp_path: Path) -> None:
    queue(store, ("a", "opened", 0), ("b", "opened", 1), ("a", "cleared", 2), ("a/2", "opened", 3))
    script = Script(BAD, OK)
    assert run(store, tmp_path, script).delivered == 4
    assert script.told() == ["a opened", "b opened", "a opened", "a cleared", "a/2 opened"]


def test_no_end_is_told_of_what_was_never_told(store: Store, tmp_path: Path) -> None:
    opened, cleared = queue(store, ("a", "opened", 0), ("a", "cleared", 1))
    queue(store, ("a/2", "opened", 2))
    script = Script(GONE, OK)
    assert run(store, tmp_path, script) == Delivered(1, 2, 0, "answered 410")
    assert script.told() == ["a opened", "a/2 opened"]
    assert {letter.id: letter.attempts for letter in boxes.dead(store)} == {opened: 1, cleared: 0}
    with pytest.raises(TenureError, match="retry the opening"):
        boxes.retry(store, cleared[:10])
    assert boxes.retry(store, opened[:10]) == 2  # its end goes with it
    again = Script(OK)
    assert run(store, tmp_path, again).delivered == 2
    assert again.told() == ["a opened", "a cleared"]
    assert len((tmp_path / DEAD_FILE).read_text().splitlines()) == 2


def test_a_receiver_that_is_down_costs_few_attempts(store: Store, tmp_path: Path) -> None:
    queue(store, *((f"a{n}", "opened", n) for n in range(30)))
    script = Script(Answer(None, "refused the connection"))
    assert run(store, tmp_path, script, attempts=8).waiting == 30
    assert len(script.sent) < 15
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.max(outbox.c.attempts))) <= 2
    script.answers = [OK]
    assert run(store, tmp_path, script).delivered == 30


def test_messages_that_never_arrive_hold_up_no_others(store: Store, tmp_path: Path) -> None:
    queue(store, *((f"a{n}", "opened", n) for n in range(30)))
    script = Script(lambda account: BAD if account in ("a0", "a1", "a2", "a3") else OK)
    done = run(store, tmp_path, script)
    assert (done.delivered, done.waiting) == (26, 4)


def test_one_that_fails_again_after_a_retry_is_a_dead_letter_again(store: Store, tmp_path: Path) -> None:
    (id_,) = queue(store, ("a", "opened", 0))
    time = Time()
    for count in (1, 2):
        assert run(store, tmp_path, Script(GONE), time).dead == 1
        append_dead(tmp_path, boxes.dead(store))
        lines = (tmp_path / DEAD_FILE).read_text().splitlines()
        assert [json.loads(line)["id"] for line in lines] == [id_] * count
        assert boxes.retry(store) == 1
        time.sleep(1)
    with pytest.raises(TenureError, match="No message"):
        boxes.retry(store, "0000")


def test_a_dead_letter_that_was_cut_off_is_written_again(store: Store, tmp_path: Path) -> None:
    queue(store, ("a", "opened", 0), ("b", "opened", 0))
    run(store, tmp_path, Script(GONE))
    file = tmp_path / DEAD_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    run(store, tmp_path, Script(OK))
    lines = file.read_bytes().split(b"\n")
    assert len(lines) == 4  # one, half of the other, the other, and the end
    assert {lines[0], lines[2]} == set(whole.splitlines())
    file.unlink()
    run(store, tmp_path, Script(OK))
    assert file.read_bytes() == whole


def test_a_process_that_dies_before_the_file_is_written_is_made_up_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(store, ("a", "opened", 0))

    def dies(*_: object) -> int:
        if boxes.dead(store):
            raise KeyboardInterrupt
        return 0

    with monkeypatch.context() as broken:
        broken.setattr("serving.alerting.deliver.append_dead", dies)
        with pytest.raises(KeyboardInterrupt):
            run(store, tmp_path, Script(GONE))
    assert not (tmp_path / DEAD_FILE).exists()
    script = Script(OK)
    run(store, tmp_path, script)
    assert not script.sent
    assert len((tmp_path / DEAD_FILE).read_text().splitlines()) == 1


def test_what_another_process_has_delivered_stays_delivered(store: Store, tmp_path: Path) -> None:
    (id_,) = queue(store, ("a", "opened", 0))

    def meanwhile(_: str) -> Answer:
        boxes.delivered(store, id_, START)
        return GONE

    run(store, tmp_path, Script(meanwhile))
    assert not boxes.dead(store)
    assert not boxes.waiting(store)


def test_a_store_that_is_gone_after_the_post_lets_it_be_sent_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(store, ("a", "opened", 0))

    def gone(*_: object) -> None:
        raise StoreError("gone")

    script = Script(OK)
    with monkeypatch.context() as broken:
        broken.setattr(boxes, "delivered", gone)
        with pytest.raises(StoreError):
            run(store, tmp_path, script)
    assert run(store, tmp_path, script).delivered == 1
    assert script.sent[0][0] == script.sent[1][0]


def test_neither_secret_nor_body_nor_account_is_logged(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue(store, ("the-account", "opened", 0))
    with caplog.at_level(logging.DEBUG):
        run(store, tmp_path, Script(BAD, GONE))
    assert "attempt 1 of message" in caplog.text
    for secret in ("the-account", SECRET.decode(), "example.com", "Fell"):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("environment", "says"), [({}, "no secret"), ({"S": ""}, "no secret"), ({"S": "short"}, "shorter than 16")]
)
def test_no_secret_no_message(environment: dict[str, str], says: str) -> None:
    with pytest.raises(TenureError, match=says) as refused:
        secret_of("S", environment)
    assert "short" not in str(refused.value).replace("shorter", "")
    assert secret_of("S", {"S": "0123456789abcdef"}) == b"0123456789abcdef"


def test_a_message_goes_out_as_it_is_signed(receiver: Receiver) -> None:
    body = '{"id":"x","name":"Zoë"}'.encode()
    url = f"{receiver.url}?key=1"
    assert post(url, body, headers_of(SECRET, "x", 1767225600, body), 5.0) == OK
    ((path, taken, headers),) = receiver.requests
    assert (path, taken) == ("/hook?key=1", body)
    assert headers["Tenure-Signature"] == signature(SECRET, headers["Tenure-Timestamp"], taken)
    assert headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("status", [302, 307])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answers = lambda _: status
    assert post(receiver.url, b"{}", {}, 5.0) == Answer(status)
    assert len(receiver.requests) == 1


def test_a_receiver_may_say_how_long_to_wait(receiver: Receiver) -> None:
    receiver.answers = lambda _: 429
    assert post(receiver.url, b"{}", {}, 5.0) == Answer(429, wait=120.0)


def test_nobody_there_and_a_name_that_is_none() -> None:
    assert post("http://127.0.0.1:9/hook", b"{}", {}, 5.0) == Answer(None, "refused the connection")
    assert post("http://no-such-host.invalid/", b"{}", {}, 5.0).status is None


class _Slow(BaseHTTPRequestHandler):
    """A byte of a header now and then, for ever."""

    def do_POST(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]
            try:
                self.connection.sendall(b"x")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        pass


def test_a_receiver_that_never_ends_is_too_late() -> None:
    with HTTPServer(("127.0.0.1", 0), _Slow) as server:
        server.stopping = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        began = dt.datetime.now(dt.UTC)
        answer = post(f"http://127.0.0.1:{server.server_port}/", b"{}", {}, 0.4)
        took = (dt.datetime.now(dt.UTC) - began).total_seconds()
        server.stopping.set()  # type: ignore[attr-defined]
        thread.join()
    assert answer == Answer(None, "did not answer within 0.4 s")
    assert took < 3


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", *curve, *name, "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    requests: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.rfile.read())

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answer = post(f"https://localhost:{server.server_port}/", b"{}", {}, 5.0)
        thread.join()
    assert answer == Answer(None, "has a certificate that cannot be verified")
    assert not requests


def test_a_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.com")
    tunnel: Any = _connection("https://hooks.example.com/x", 5.0)
    assert (tunnel.host, tunnel.port, tunnel._tunnel_host) == ("proxy.example.com", 3128, "hooks.example.com")
    direct: Any = _connection("https://inside.example.com/x", 5.0)
    assert (direct.host, direct._tunnel_host) == ("inside.example.com", None)


def test_what_can_be_read_on_its_way() -> None:
    assert in_the_open("http://hooks.example.com/")
    assert not in_the_open("http://127.0.0.1:3000/")
    assert not in_the_open("https://hooks.example.com/")


def test_a_test_message_speaks_of_nobody() -> None:
    script = Script(lambda account: OK if account is None else BAD)
    id_, answer = send_test(HOOK, SECRET, post=script, clock=Time().clock())
    ((body, headers),) = script.sent
    told = json.loads(body)
    assert answer.arrived
    assert (told["id"], told["kind"], headers["Tenure-Id"]) == (id_, "test", id_)
    ((real, _),) = [(json.loads(b), h) for b, h in script.sent]
    opened = body_of(key="k", kind="opened", rule="R", account_id="a", csm_id=None, as_of=FIRST,
                     detail={"name": "A", "sentence": "", "value": None, "drivers": [], "play": None})  # fmt: skip
    assert list(real) == list(json.loads(opened[1]))
