"""serving.alerting.sending: one POST to receivers that redirect, stall, hide or cannot be trusted."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from serving.alerting.messages import body_of
from serving.alerting.sending import Answer, _connection, in_the_open, post
from serving.alerting.signing import headers_of, signature
from serving.alerting.testing import send_test

from .conftest import BAD, FIRST, OK, SECRET, Receiver, Script, Time, webhook


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


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("120", 120.0), ("99999999", 3600.0), ("-5", 0.0), ("1e3", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)],
)
def test_a_receiver_may_say_how_long_to_wait_up_to_an_hour(receiver: Receiver, asked: str, wait: float) -> None:
    receiver.answers, receiver.retry_after = lambda _: 429, asked
    assert post(receiver.url, b"{}", {}, 5.0) == Answer(429, wait=wait)


def test_nobody_there_and_a_name_that_is_none() -> None:
    assert post("http://127.0.0.1:9/hook", b"{}", {}, 5.0) == Answer(None, "refused the connection")
    assert post("http://no-such-host.invalid/", b"{}", {}, 5.0).status is None


class _Slow(BaseHTTPRequestHandler):
    """A byte of a header now and then, for ever."""

    def do_POST(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.stopping.wait(0.05):  # type: ignore[attr-defined]  # an event of our own on it
            try:
                self.connection.sendall(b"x")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        pass


def test_a_receiver_that_never_ends_is_too_late() -> None:
    with HTTPServer(("127.0.0.1", 0), _Slow) as server:
        server.stopping = threading.Event()  # type: ignore[attr-defined]  # an event of our own on it
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        began = dt.datetime.now(dt.UTC)
        answer = post(f"http://127.0.0.1:{server.server_port}/", b"{}", {}, 0.4)
        took = (dt.datetime.now(dt.UTC) - began).total_seconds()
        server.stopping.set()  # type: ignore[attr-defined]  # an event of our own on it
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
    id_, answer = send_test(webhook("https://example.com/hook"), SECRET, post=script, clock=Time().clock())
    ((body, headers),) = script.sent
    told = json.loads(body)
    assert answer.arrived
    assert (told["id"], told["kind"], headers["Tenure-Id"]) == (id_, "test", id_)
    ((real, _),) = [(json.loads(b), h) for b, h in script.sent]
    opened = body_of(key="k", kind="opened", rule="R", account_id="a", csm_id=None, as_of=FIRST,
                     detail={"name": "A", "sentence": "", "value": None, "drivers": [], "play": None})  # fmt: skip
    assert list(real) == list(json.loads(opened[1]))
