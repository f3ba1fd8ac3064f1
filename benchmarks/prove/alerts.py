"""Alerts: 90 scored days looked at twice, and with the process killed again and again; each message comes once."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prove.serving.place import studied
from benchmarks.serving.homes import Home, tenure

__all__ = ["replay_alerts"]

_DAYS = 90
_KILLS = 9
# The model of 600 accounts moves health by a few points, so that the default rules would hardly ever ring.
_RULES = """
[[alerts]]
name = "Health fell"
when = "health"
below = 47
clear = 48
[[alerts]]
name = "Billing health fell"
when = "health_billing"
below = 49.5
for_days = 7
[[alerts]]
name = "The odds of leaving rose"
when = "odds_of_leaving"
times = 1.25
clear = 1.1
"""
_SECRET = "a secret of the benchmark, and of nobody else"
_WHOLE = ("missing", "foreign", "other_bytes", "out_of_order", "told_by_a_second_run", "given_up")


def replay_alerts(out: Path, seeds: int) -> bool:
    """SIGKILL of `tenure alerts run`: a receiver that drops repeats by id has what it has without a kill, no more."""
    summary = studied(
        out / "alerts.json",
        f"{_DAYS} days of 600 accounts looked at by three touchy rules: once, once more, and in another home with "
        "tenure alerts run killed at random moments of looking and between a POST and its mark, against a receiver "
        "that fails and is slow now and then: what the receiver has, each message once by its id",
        _replay,
        max(1, seeds // 7),
        _summary,
    )
    return bool(summary["kills"] >= _KILLS // 2 and summary["messages"] and not any(summary[name] for name in _WHOLE))


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    found = {name: sum(run[name] for run in runs) for name in runs[0] if isinstance(runs[0][name], int)}
    found |= {name: runs[0][name] for name in ("messages", "opened", "by_rule", "opened_a_week_per_100_accounts")}
    return found | {"repetitions": len(runs)}


def _replay(home: Home, number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    scored = _scored(home)
    with tempfile.TemporaryDirectory() as place, _receiver() as calm, _receiver(_moody) as moody:
        once, killed, again = (shutil.copytree(scored, Path(place) / name) for name in ("once", "killed", "again"))
        first = _run(home, once, calm.url)
        second = _run(home, once, calm.url)
        kills = [_kill(home, killed, moody, random, kind % 3) for kind in range(_KILLS)]
        given_up = first["dead"]
        for _ in range(60):  # until what has failed is due again, and through
            left = _run(home, killed, moody.url)
            given_up += left["dead"]
            if not left["waiting"]:
                break
        repeated = len(moody.requests) - len(moody.kept)
        before = dict(calm.kept)
        replayed = _run(home, again, calm.url)
        opened = [json.loads(body) for body in before.values() if json.loads(body)["kind"] == "opened"]
        return {
            "messages": len(before),
            "opened": len(opened),
            "by_rule": dict(Counter(told["rule"] for told in opened)),
            "opened_a_week_per_100_accounts": round(len(opened) / (_DAYS / 7) / (_accounts(scored) / 100), 2),
            "told_by_a_second_run": second["delivered"],
            "kills": sum(kills),
            "attempts_beyond_the_first": repeated + replayed["delivered"],
            "missing": len(before.keys() - moody.kept.keys()) + left["waiting"],
            "foreign": len(moody.kept.keys() - before.keys()) + len(calm.kept.keys() - before.keys()),
            "other_bytes": calm.differing + moody.differing + sum(moody.kept.get(k, v) != v for k, v in before.items()),
            "out_of_order": _out_of_order(calm) + _out_of_order(moody),
            "given_up": given_up,
        }


_kept: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def _scored(home: Home) -> Path:
    """A home with the scored days, made by the first repetition; gone when the process ends."""
    _kept.append(tempfile.TemporaryDirectory(prefix="tenure-alerts-"))
    made = home.without_scores(Path(_kept[0].name) / "home")
    first = home.as_of - dt.timedelta(days=_DAYS - 1)
    done = tenure("score", home.company, "--since", first, "--as-of", home.as_of, *made.options())
    if done.returncode:
        raise RuntimeError(done.stderr)
    return made.folder


def _accounts(folder: Path) -> int:
    """How many accounts had health on the last day."""
    with contextlib.closing(sqlite3.connect(folder / "scores.db")) as connection:
        last = "run_id = (SELECT max(id) FROM tenure_runs)"
        asked = f"SELECT count(*) FROM tenure_scores WHERE {last} AND drivers IS NOT NULL"
        return int(connection.execute(asked).fetchone()[0])


def _command(home: Home, folder: Path, url: str) -> tuple[list[str], dict[str, str]]:
    config = folder / "alerts.toml"
    config.write_text(
        f'{home.config.read_text()}\n{_RULES}\n[webhook]\nurl = "{url}"\ntimeout_seconds = 1.0\n', encoding="utf-8"
    )
    first = home.as_of - dt.timedelta(days=_DAYS - 1)
    asked = ["alerts", "run", "--since", str(first), "--json", "--home", str(folder), "--config", str(config)]
    return [sys.executable, "-m", "serving.cli", *asked], {**os.environ, "TENURE_WEBHOOK_SECRET": _SECRET}


def _run(home: Home, folder: Path, url: str) -> dict[str, Any]:
    """One run to its end, as it tells of itself."""
    command, environment = _command(home, folder, url)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout))


def _kill(home: Home, folder: Path, receiver: _Receiver, random: np.random.Generator, kind: int) -> bool:
    """Kill one run: 0 while it looks at days, 1 when a message is on its way, 2 right after it was taken."""
    command, environment = _command(home, folder, receiver.url)
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    if kind == 0:
        until = _marked(folder) + int(random.integers(2, 30))
        while _marked(folder) < until and running.poll() is None and _marked(folder) < 2 * _DAYS:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
    else:
        receiver.kill(len(receiver.requests) + int(random.integers(1, 25)), running.pid, taken=kind == 2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(60)
    hit = running.returncode == -signal.SIGKILL
    if running.poll() is None:
        running.send_signal(signal.SIGKILL)
        hit = running.wait() == -signal.SIGKILL
    receiver.kill(0, 0)
    return hit


def _marked(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "scores.db", timeout=30)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tenure_alert_days'").fetchone():
            return 0
        return int(connection.execute("SELECT count(*) FROM tenure_alert_days").fetchone()[0])


def _moody(number: int) -> int | None:
    """Fails, hangs up and is slow now and then."""
    if number % 97 == 13:
        time.sleep(1.3)  # longer than the sender waits; it has taken the message all the same
    return 500 if number % 23 == 5 else None if number % 61 == 7 else 200


class _Receiver:
    """Takes messages, and drops by id what it has had already."""

    def __init__(self, url: str, answers: Callable[[int], int | None]) -> None:
        self.url, self.answers = url, answers
        self.requests: list[str] = []
        self.kept: dict[str, bytes] = {}
        self.differing = 0
        self.lock = threading.Lock()
        self._kill = (0, 0, False)

    def kill(self, at: int, process: int, *, taken: bool = False) -> None:
        """Kill the sender at a request, before or after it is taken."""
        self._kill = (at, process, taken)

    def take(self, body: bytes) -> int | None:
        id_ = json.loads(body)["id"]
        with self.lock:
            self.requests.append(id_)
            number = len(self.requests)
        at, process, taken = self._kill
        if number == at and not taken:
            os.kill(process, signal.SIGKILL)
            return None
        status = self.answers(number)
        if status is not None and status < 300:
            with self.lock:
                self.differing += self.kept.setdefault(id_, body) != body
        if number == at:
            os.kill(process, signal.SIGKILL)
        return status


@contextlib.contextmanager
def _receiver(answers: Callable[[int], int | None] = lambda _: 200) -> Any:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            if status is not None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver = _Receiver(f"http://127.0.0.1:{server.server_port}/", answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def _out_of_order(receiver: _Receiver) -> int:
    """Messages that came after a later one of their account, or told of an end before its beginning."""
    wrong, last, begun = 0, dict[str, str](), set[str]()
    for told in map(json.loads, receiver.kept.values()):
        wrong += told["as_of"] < last.get(told["account_id"], "")
        wrong += told["kind"] == "cleared" and told["alert"] not in begun
        last[told["account_id"]] = told["as_of"]
        begun.add(told["alert"])
    return wrong
