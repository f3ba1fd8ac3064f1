"""Sixty accounts on ninety scored days in a store, and a receiver that fails now and then."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from features.alert_rules import AlertRule, WebhookSettings
from features.settings import Settings
from serving.alerting.deliver import Clock, Delivered, deliver
from serving.alerting.messages import body_of
from serving.alerting.sending import Answer
from serving.alerting.signing import headers_of
from serving.store.address import address_of
from serving.store.books import checksum_of, packed_book
from serving.store.store import Store
from serving.store.tables import alerts, books, outbox, runs

FIRST = dt.date(2026, 1, 1)
DAYS, ACCOUNTS = 90, 60
SECRET = b"a secret for tests, and for nothing else"
RULES = (
    AlertRule("Health fell", "health", below=40.0, for_days=3),
    AlertRule("The odds of leaving tripled", "odds_of_leaving", times=3.0),
)
URL = "https://example.com/hook"
HEALTH = AlertRule("Health fell", "health", below=40.0)
LIVELY = (
    AlertRule("Health is low", "health", below=47.0),
    AlertRule("The odds of leaving grew", "odds_of_leaving", times=1.5),
)
TOP = [
    {"feature": "nps", "dimension": "sentiment", "sentence": "NPS is 4", "points": 0.2, "health_points": -9.0},
    {"feature": "seats", "dimension": "adoption", "sentence": "41 % of seats", "points": -0.1, "health_points": 4.0},
    {"feature": "overdue", "dimension": "billing", "sentence": "2 bills overdue", "points": 0.1, "health_points": -3.0},
]


def webhook(url: str | None, **said: Any) -> WebhookSettings:
    return WebhookSettings(url, **said)


def settings_for(url: str | None = None, rules: tuple[AlertRule, ...] = RULES, **said: Any) -> Settings:
    return Settings(alerts=rules, webhook=webhook(url, **said))


def rows_of_a_walk(days: int = DAYS, accounts: int = ACCOUNTS, seed: int = 3) -> Iterator[tuple[dt.date, pd.DataFrame]]:
    """Scored days of accounts whose health wanders; some churn, some are in a control arm for a while."""
    rng = np.random.default_rng(seed)
    health = np.full((days, accounts), 50.0)
    for n in range(1, days):  # it wanders, and comes back in the end
        health[n] = 50 + 0.95 * (health[n - 1] - 50) + rng.normal(0, 3.5, accounts)
    for n in range(days):
        since = max(0, n - 7)
        week = health[n] - health[since]
        day = FIRST + dt.timedelta(days=n)
        step = health[n] - health[max(0, n - 1)]
        frame = pd.DataFrame({"account_id": [f"a-{i:02d}" for i in range(accounts)]})
        frame["as_of"], frame["status"] = day, "ok"
        frame["name"] = [f"Zoë & Søns {i}" for i in range(accounts)]
        frame["csm_id"] = [f"c-{i % 3}" for i in range(accounts)]
        frame["health"], frame["points_to_double"] = health[n], 10.0
        frame["health_before"] = health[n - 1] if n else np.nan
        frame["health_before_on"] = day - dt.timedelta(days=1) if n else None
        frame["change_customer"], frame["change_data"] = (step, 0.0) if n else (np.nan, np.nan)
        frame["change_7d_customer"] = week if n else np.nan
        frame["health_source"], frame["arm"] = "model", None
        frame.loc[frame.index % 10 == 7, "arm"] = "control" if n >= 20 else None
        gone = (frame.index % 12 == 5) & (n >= 60)
        frame.loc[gone, "status"] = "churned"
        frame["drivers"], frame["segment"], frame["model_version"] = json.dumps(TOP), "mid", "3"
        yield day, frame


def keep(store: Store, days: Iterable[tuple[dt.date, pd.DataFrame]]) -> None:
    """Store the books of scored days without the rows that they were made of, which alerts do not read."""
    with store.writing() as connection:
        for day, frame in days:
            told = {
                "key": secrets.token_hex(16),
                "as_of": day,
                "computed_at": dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
                "catalogue_hash": "c0ffee",
                "accounts": len(frame),
                "statuses": "{}",
                "header": "{}",
                "digest": "",
            }
            run_id = connection.scalars(sa.insert(runs).values(told).returning(runs.c.id)).one()
            content = packed_book(pa.Table.from_pandas(frame, preserve_index=False), None)
            book = {"run_id": run_id, "content": content, "checksum": checksum_of(content)}
            connection.execute(sa.insert(books).values(book))


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has the ninety days."""
    home = tmp_path_factory.mktemp("walked")
    with Store.open(address_of(home)) as store:
        keep(store, rows_of_a_walk())
    return home


@pytest.fixture
def home(walked: Path, tmp_path: Path) -> Path:
    """A copy of it, in which nothing was looked at yet."""
    return Path(shutil.copytree(walked, tmp_path / "home"))


def _signed(body: bytes, headers: dict[str, str]) -> bool:
    """Whether a request's headers are those of its body, at the moment that they name."""
    wanted = headers_of(SECRET, json.loads(body)["id"], int(headers.get("Tenure-Timestamp", 0)), body)
    return headers.items() >= wanted.items()


class Receiver:
    """Keeps what it is sent, verified by its signature, and drops what it has had already, by its id.

    Parameters
    ----------
    answers : the number of a request in, from 1; the status that it is answered with out, and None for no answer.
    """

    def __init__(self, answers: Callable[[int], int | None] = lambda _: 200) -> None:
        self.answers = answers
        self.retry_after = "120"
        self.requests: list[tuple[str, bytes, dict[str, str]]] = []
        self.kept: dict[str, bytes] = {}
        self.order: list[str] = []
        self.before: Callable[[int], None] = lambda _: None
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(self.path, body, dict(self.headers))
                if status is None:
                    return
                self.send_response(status)
                if status in (302, 307):
                    self.send_header("Location", "/elsewhere")
                if status == 429:
                    self.send_header("Retry-After", receiver.retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> int | None:
        with self.lock:
            self.requests.append((path, body, headers))
            number = len(self.requests)
            status = self.answers(number)
            if status is not None and 200 <= status < 300 and not _signed(body, headers):
                status = 401
            if status is not None and 200 <= status < 300:
                id_ = json.loads(body)["id"]
                if id_ not in self.kept:
                    self.order.append(id_)
                assert self.kept.setdefault(id_, body) == body
        self.before(number)
        return status

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def messages(self) -> list[dict[str, Any]]:
        """What it has taken, each once, in the order in which it first came."""
        return [json.loads(self.kept[id_]) for id_ in self.order]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


WALK = list(rows_of_a_walk(days=16, accounts=20))


def days(*values: float, first: int = 0, **figures: Any) -> list[tuple[dt.date, pd.DataFrame]]:
    """Scored days of one account, whose health is as told by its own doing."""
    found = []
    for n, (before, value) in enumerate(itertools.pairwise([None, *values])):
        row = {
            "account_id": "a-1",
            "name": "Acme",
            "status": "ok",
            "csm_id": "c-1",
            "drivers": None,
            "health": value,
            "health_source": "model",
            "health_before": before,
            "health_before_on": None if before is None else FIRST + dt.timedelta(days=first + n - 1),
            "change_customer": None if before is None else (value or 0.0) - before,
            "change_data": 0.0,
        }
        found.append((FIRST + dt.timedelta(days=first + n), pd.DataFrame([row | figures])))
    return found


def told(store: Store) -> list[tuple[str, str]]:
    """Kind and day of each message, the oldest first."""
    with store.reading() as connection:
        bodies = connection.scalars(sa.select(outbox.c.body).order_by(outbox.c.created_on)).all()
    return [(body["kind"], body["as_of"]) for body in map(json.loads, bodies)]


OK, BAD, GONE = Answer(200), Answer(500), Answer(410)
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
def box(tmp_path: Path) -> Iterator[Store]:
    """A new and empty store in a file, for what is the same on each database."""
    with Store.open(address_of(tmp_path)) as opened:
        yield opened


def queue(box: Store, *messages: tuple[str, str, int]) -> list[str]:
    """Put messages into the outbox: account, kind and day of each; their ids."""
    ids = []
    with box.writing() as connection:
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


def run(box: Store, tmp_path: Path, script: Script, time: Time | None = None, **said: Any) -> Delivered:
    """Deliver what is due; `said` are settings of the receiver."""
    hook = webhook("https://example.com/hook", **said)
    return deliver(box, tmp_path, hook, SECRET, post=script, clock=(time or Time()).clock())
