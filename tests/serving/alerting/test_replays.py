"""Ninety days replayed twice, and with the process killed again and again: the receiver sees each message once."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.alert_rules import WebhookSettings
from serving.alerting.deliver import Clock, deliver
from serving.alerting.evaluate import evaluate_days
from serving.store.address import address_of
from serving.store.store import Store

from .conftest import FIRST, SECRET, Receiver, settings_for

TOML = """
[webhook]
url = "{url}"
timeout_seconds = 1.0
[[alerts]]
name = "Health fell"
when = "health"
below = 40.0
for_days = 3
[[alerts]]
name = "The odds of leaving tripled"
when = "odds_of_leaving"
times = 3.0
"""


@pytest.fixture(scope="module")
def undisturbed(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a receiver that never fails has of an undisturbed run, by id; and a second run tells it nothing."""
    home = Path(shutil.copytree(walked, tmp_path_factory.mktemp("undisturbed") / "home"))
    taker = Receiver()
    try:
        with Store.open(address_of(home)) as store:
            for expected in (90, 0):
                assert len(list(evaluate_days(store, settings_for(taker.url)))) == expected
                done = deliver(store, home, WebhookSettings(taker.url), SECRET)
                assert (done.dead, done.waiting) == (0, 0)
                assert bool(done.delivered) == bool(expected)
        assert len(taker.requests) == len(taker.kept)
        return taker.kept
    finally:
        taker.close()


def process(home: Path, url: str) -> subprocess.Popen[bytes]:
    """The real command, as a job runs it."""
    config = home / "tenure.toml"
    config.write_text(TOML.format(url=url), encoding="utf-8")
    command = [sys.executable, "-m", "serving.cli", "alerts", "run", "--since", str(FIRST), "--json"]
    options = ["--home", str(home), "--config", str(config)]
    environment = {**os.environ, "TENURE_WEBHOOK_SECRET": SECRET.decode()}
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def marked(home: Path) -> int:
    """How many days the rules have looked at."""
    with contextlib.closing(sqlite3.connect(home / "scores.db", timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM tenure_alert_days").fetchone()[0])


def in_order(messages: list[dict[str, str]]) -> bool:
    """Whether each account was told of in the order of days, and no alert ended before it began."""
    last: dict[str, str] = {}
    begun: set[str] = set()
    for told in messages:
        if told["as_of"] < last.get(told["account_id"], ""):
            return False
        last[told["account_id"]] = told["as_of"]
        if told["kind"] == "opened":
            begun.add(told["alert"])
        elif told["alert"] not in begun:
            return False
    return True


@pytest.fixture
def failing() -> Iterator[Receiver]:
    """Fails, breaks off and is slow now and then."""

    def answers(number: int) -> int | None:
        if number in (11, 70):
            time.sleep(1.2)  # longer than the sender waits; it has the message all the same
            return 200
        return 500 if number % 13 == 5 else None if number % 29 == 7 else 200

    made = Receiver(answers)
    yield made
    made.close()


def test_killed_at_any_moment_each_message_comes_once_and_none_is_missing(
    home: Path, failing: Receiver, undisturbed: dict[str, bytes]
) -> None:
    assert len(undisturbed) > 100
    kills, second = 0, dt.timedelta(seconds=1)
    running = process(home, failing.url)  # in the middle of looking at days, each of which two rules mark
    while marked(home) < 60 and running.poll() is None:
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.03))
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    kills += running.returncode == -signal.SIGKILL
    assert 60 <= marked(home) < 180
    for after in (7, 40):  # between a POST and its mark, before the answer
        running = process(home, failing.url)
        last = len(failing.requests) + after

        def kill(number: int, at: int = last, pid: int = running.pid) -> None:
            if number == at:
                os.kill(pid, signal.SIGKILL)

        failing.before = kill
        running.communicate(timeout=60)
        kills += running.returncode == -signal.SIGKILL
        failing.before = lambda _: None
    assert kills == 3
    with Store.open(address_of(home)) as store:  # what is left, without waiting for the moments that are set
        list(evaluate_days(store, settings_for(failing.url)))
        away = [dt.timedelta()]
        clock = Clock(
            lambda: dt.datetime.now(dt.UTC) + away[0], lambda seconds: away.append(away.pop() + second * seconds)
        )
        for _ in range(8):
            done = deliver(store, home, WebhookSettings(failing.url, timeout_seconds=1.0), SECRET, clock=clock)
            away.append(away.pop() + 3600 * second)
    assert (done.waiting, done.dead) == (0, 0)
    assert failing.kept == undisturbed
    assert len(failing.requests) > len(undisturbed)  # repeats, which it drops
    assert in_order(failing.messages())
    assert in_order([json.loads(body) for body in undisturbed.values()])
