"""Kills: SIGKILL in the middle of a write to the store, and of one worker of two while clients ask."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.prove.serving.place import databases, filled, studied
from benchmarks.prove.serving.writer import writer
from benchmarks.serving.homes import Home, crowd, feature_rows, opened, token
from benchmarks.serving.load import Plan
from benchmarks.serving.servers import Load, Server, ask, load, running, tenure

__all__ = ["kill_worker", "kill_writing"]

_ACCOUNTS = 1000


def kill_writing(out: Path, seeds: int) -> bool:
    """SIGKILL at random moments of a write to the store: readers see the run before or the new one, whole."""
    summary = studied(
        out / "store-kills.json",
        f"A process that writes a day of {_ACCOUNTS} accounts is killed at a random moment, in SQLite and in "
        "PostgreSQL, while another reads without a pause: every run that anybody sees is whole and of one write, a "
        "write that was reported is there, and the next one goes through",
        _kill_writing,
        max(1, seeds // 5),
        lambda runs: {name: sum(run[name] for run in runs) for name in runs[0]},
    )
    killed = min(summary["sqlite_kills"], summary["postgresql_kills"])
    reads = min(summary["sqlite_reads"], summary["postgresql_reads"])
    return killed > 0 and reads > 0 and summary["half_written"] + summary["lost"] == 0


def _kill_writing(home: Home, number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    with tempfile.TemporaryDirectory() as place, databases(home, Path(place)) as kinds:
        found: Counter[str] = Counter()
        for name, (own, url) in kinds.items():
            told = _kill_writes(own, url, random, 12)
            found.update({f"{name}_{figure}": told[figure] for figure in ("kills", "reads", "committed")})
            found.update({figure: told[figure] for figure in ("half_written", "lost")})
    return dict(found)


def _kill_writes(home: Home, url: str | None, random: np.random.Generator, attempts: int) -> Counter[str]:
    days = [home.as_of, home.as_of - dt.timedelta(days=1)]
    found: Counter[str] = Counter(kills=0, reads=0, committed=0, half_written=0, lost=0)
    stop = threading.Event()

    asked = crowd(home.file, _ACCOUNTS)["account_id"].iloc[:: _ACCOUNTS // 50].tolist()

    def read() -> None:
        while not stop.is_set():
            for day in days:
                run = store.run_of(day)
                assert run is not None
                seen = [json.loads(row.figures)["name"] for row in store.rows(run, asked).values()]
                found["half_written"] += len(seen) != len(asked) or len(set(seen)) > 1
                found["reads"] += 1

    reader = threading.Thread(target=read)
    with writer(home) as standing_by, opened(home.folder, url) as store:
        standing, seconds = {}, 0.0
        for day in days:  # left alone, to see how long a write takes
            _, seconds = standing_by.write(url, day, "before", _ACCOUNTS, None)
            standing[day] = _tag(store, day)
        reader.start()
        try:
            for attempt in range(attempts):
                day, tag = days[attempt % 2], f"write {attempt}"
                # Readers slow it down, so that most of what is drawn falls into the write and not after it.
                reported, _ = standing_by.write(url, day, tag, _ACCOUNTS, random.uniform(0, 1.5 * seconds))
                found["kills"] += not reported
                _until_idle(home, url)
                seen = _tag(store, day)
                found["half_written"] += (seen not in (standing[day], tag)) + _broken(home, url)
                found["lost"] += reported and seen != tag
                found["committed"] += seen == tag
                standing[day] = seen
            for day in days:
                standing_by.write(url, day, "at last", _ACCOUNTS, None)
                found["lost"] += _tag(store, day) != "at last"
        finally:
            stop.set()
            reader.join()
    return found


def _until_idle(home: Home, url: str | None) -> None:
    """Wait while PostgreSQL works on what a process that is gone had asked for."""
    if url is None:
        return
    writing = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _asked(home, url, writing):
        time.sleep(0.02)


def _tag(store: Any, day: dt.date) -> str:
    """What all rows of a day's run bear; "half" where one is missing or bears another; empty where there is no run."""
    run = store.run_of(day)
    if run is None:
        return ""
    frame = store.frame(run)
    tags = set(frame["name"])
    return tags.pop() if len(frame) == run.accounts == _ACCOUNTS and len(tags) == 1 else "half"


_ORPHANS = "SELECT count(*) FROM tenure_scores s LEFT JOIN tenure_runs r ON r.id = s.run_id WHERE r.id IS NULL"
_SHORT = """
SELECT count(*) FROM tenure_runs r WHERE r.accounts <> (SELECT count(*) FROM tenure_scores s WHERE s.run_id = r.id)
"""


def _broken(home: Home, url: str | None) -> int:
    """Rows without a run and runs without all of their rows, asked of the database itself."""
    return sum(_asked(home, url, question) for question in (_ORPHANS, _SHORT))


def _asked(home: Home, url: str | None, question: str) -> int:
    if url is None:
        with contextlib.closing(sqlite3.connect(home.folder / "scores.db", timeout=30)) as con:
            return int(con.execute(question).fetchone()[0])
    import psycopg

    with psycopg.connect(url) as other:
        row = other.execute(question).fetchone()  # type: ignore[call-overload]  # psycopg wants literal text
        assert row is not None
        return int(row[0])


def kill_worker(out: Path, seeds: int) -> bool:
    """SIGKILL of one worker of two under load: only what it was answering fails, and another takes its place."""
    summary = studied(
        out / "worker-kills.json",
        "tenure serve with two workers under 12 connections of look-ups, 2 that give feedback, and new connections "
        "that ask for explained scores; each worker is killed once: what the clients saw, what became of feedback that "
        "was acknowledged, and how soon two workers answer again",
        _kill_worker,
        max(1, seeds // 7),
        _summary_of_kills,
    )
    return bool(
        summary["wrong"] + summary["feedback_lost"] + summary["undocumented"] + summary["failed_afterwards"] == 0
        and summary["most_failed_in_a_kill"] <= _CONNECTIONS
        and max(summary["seconds_until_two_workers_answer"]) < 30
    )


_CONNECTIONS = 12 + 2 + 2
_CUT = {
    "ServerDisconnectedError",
    "ClientOSError",
    "ClientConnectorError",
    "ConnectionResetError",
    "ClientPayloadError",
}
"""How a client sees a connection that broke: before an answer, or in the middle of one."""


def _kill_worker(home: Home, number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        own = home.without_scores(Path(place) / "home")
        ids = filled(own, None, _ACCOUNTS)["account_id"].tolist()
        headers = token(own.folder)
        with running(tenure(own.folder, 2), Path(place)) as server:
            until_ready(server)
            bodies = [json.dumps({"account_ids": [one], "explain": 5}) for one in ids[:500]]
            learn = Plan(server.address, "/score", headers, bodies, requests=len(bodies), connections=4, keep=True)
            texts = load(learn)["texts"]
            right = [[texts[str(place)]] for place in range(len(bodies))]
            given = [json.dumps({"account_id": one, "verdict": "handled"}) for one in ids]
            seconds = 180.0  # they are told to stop before
            loads = {
                "look-ups": Plan(server.address, "/score", headers, bodies, right, seconds=seconds, connections=12),
                "feedback": Plan(
                    server.address, "/feedback", headers, given, seconds=seconds, connections=2, keep=True
                ),
                "explained": Plan(
                    server.address, "/score_features", headers, explained(home), seconds=seconds, connections=2,
                    fresh=True,
                ),
            }  # fmt: skip
            started = {name: Load(plan) for name, plan in loads.items()}
            time.sleep(3)
            kills = [_killed(server, place) for place in (0, 0)]
            ends = [kills[1]["at"], kills[1]["at"] + 60]
            until_ready(server)
            whole = time.time()
            time.sleep(3)
            told = {name: under_way.stop() for name, under_way in started.items()}
        stored = Counter(_feedback(own))
    acknowledged = Counter(json.loads(text)["account_id"] for text in told["feedback"]["texts"].values())
    verdicts = {name: Counter(str(verdict) for _, _, verdict in one["answers"]) for name, one in told.items()}
    return {
        "verdicts": verdicts,
        "kills": [{**kill, **_around(told, kill["at"], end)} for kill, end in zip(kills, ends, strict=True)],
        "acknowledged": acknowledged.total(),
        "feedback_lost": (acknowledged - stored).total(),
        "failed_afterwards": _failed_after(told, whole),
    }


def _killed(server: Server, place: int) -> dict[str, float]:
    """Kill one worker and wait until two answer again, or a minute."""
    before = {worker.pid for worker in server.workers()}
    victim = server.workers()[place]
    at = time.time()
    victim.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        fresh = [worker for worker in server.workers() if worker.pid not in before]
        if any(_answers(server, worker) for worker in fresh):
            break
        time.sleep(0.05)
    back = time.time() - at
    time.sleep(2)
    return {"at": at, "seconds_until_two_workers_answer": back}


def _answers(server: Server, worker: psutil.Process) -> bool:
    """Whether any of sixteen connections, all open at once and all answered, is this worker's."""
    port = int(server.address.rpartition(":")[2])
    with contextlib.ExitStack() as stack, contextlib.suppress(psutil.Error, OSError):
        for _ in range(16):
            connection = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, 10)))
            connection.request("GET", "/livez")
            connection.getresponse().read()
        return any(c.status == psutil.CONN_ESTABLISHED and c.laddr.port == port for c in worker.net_connections())
    return False


def _around(told: dict[str, Any], at: float, end: float) -> dict[str, int]:
    """Answers that failed within ten seconds of a kill and before the next one, by how."""
    seen: Counter[str] = Counter()
    for one in told.values():
        for sent, took, verdict in one["answers"]:
            if not isinstance(verdict, int) and 0 <= one["began"] + sent + took - at < min(10, end - at):
                seen[verdict] += 1
    return {"failed": sum(n for kind, n in seen.items() if kind in _CUT), "not_ready": seen["503 champion-loading"]}


def _failed_after(told: dict[str, Any], moment: float) -> int:
    return sum(
        not isinstance(verdict, int) for one in told.values() for sent, _, verdict in one["answers"]
        if one["began"] + sent > moment
    )  # fmt: skip


def _feedback(home: Home) -> list[str]:
    with contextlib.closing(sqlite3.connect(home.folder / "scores.db")) as con:
        return [account for (account,) in con.execute("SELECT account_id FROM tenure_feedback")]


def explained(home: Home) -> list[str]:
    """Bodies of POST /score_features with one row each."""
    return [json.dumps({"rows": [row], "explain": 5}) for row in feature_rows(home, 100)]


def until_ready(server: Server) -> None:
    """Wait until the workers have their model: twenty new connections in a row find one that has."""
    deadline, ready = time.monotonic() + 90, 0
    while ready < 20:
        if time.monotonic() > deadline:
            raise RuntimeError(f"The champion is not ready: {server.log.read_text(errors='replace')[-2000:]}")
        ready = ready + 1 if json.loads(ask(server, "/readyz"))["champion"]["status"] == "ready" else 0
        time.sleep(0 if ready else 0.2)


def _summary_of_kills(runs: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts: Counter[str] = Counter()
    for run in runs:
        for counts in run["verdicts"].values():
            verdicts.update(counts)
    kills = [kill for run in runs for kill in run["kills"]]
    known = {"0", "503 champion-loading", *_CUT}
    return {
        "kills": len(kills),
        "answers": sum(verdicts.values()),
        "verdicts": dict(verdicts),
        "wrong": verdicts["wrong"],
        "undocumented": sum(n for verdict, n in verdicts.items() if verdict not in known | {"wrong"}),
        "most_failed_in_a_kill": max(kill["failed"] for kill in kills),
        "seconds_until_two_workers_answer": [round(kill["seconds_until_two_workers_answer"], 1) for kill in kills],
        "feedback_acknowledged": sum(run["acknowledged"] for run in runs),
        "feedback_lost": sum(run["feedback_lost"] for run in runs),
        "failed_afterwards": sum(run["failed_afterwards"] for run in runs),
    }
