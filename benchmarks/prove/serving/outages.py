"""Outages: PostgreSQL stopped and crashed under load, started again, and what clients were told meanwhile."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.prove.serving.place import filled, studied
from benchmarks.serving.homes import Home, token
from benchmarks.serving.load import Plan
from benchmarks.serving.postgres import postgres
from benchmarks.serving.servers import Load, load, running, tenure

__all__ = ["stop_postgres"]

_UNREACHABLE = "503 store-unreachable"
_RECOVERED = 4.0
"""Seconds after PostgreSQL answers within which every request must be answered again."""


def stop_postgres(out: Path, seeds: int) -> bool:
    """PostgreSQL stopped and crashed under load: clear 503s, never a wrong answer, and recovery without a restart."""
    summary = studied(
        out / "postgres-stops.json",
        "tenure serve with two workers on PostgreSQL under 12 connections of look-ups and 4 of histories; the database "
        "is stopped (SIGINT) and later crashed (SIGQUIT), and started again four seconds after: what clients were "
        "told, and how soon all was answered again",
        _stop,
        max(1, seeds // 7),
        _summary,
    )
    return bool(
        set(summary["verdicts"]) <= {"0", _UNREACHABLE}
        and summary["unreachable"] > 0
        and max(summary["seconds_until_all_answered"]) < _RECOVERED
    )


def _stop(home: Home, number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place, postgres() as database:
        url = database.create("tenure")
        ids = filled(home, url, 2000)["account_id"].tolist()
        headers = token(home.folder, url)
        with running(tenure(home.folder, 2, url), Path(place)) as server:
            asked = {
                "/score": [json.dumps({"account_ids": [one], "explain": 5}) for one in ids[:1000]],
                "/history": [json.dumps({"account_id": one, "since": "2020-01-01"}) for one in ids[:200]],
            }
            started = {}
            for path, bodies in asked.items():
                learn = Plan(server.address, path, headers, bodies, requests=len(bodies), connections=4, keep=True)
                texts = load(learn)["texts"]
                right = [[texts[str(place)]] for place in range(len(bodies))]
                connections = 12 if path == "/score" else 4
                started[path] = Plan(server.address, path, headers, bodies, right, seconds=120, connections=connections)
            under_way = {path: Load(plan) for path, plan in started.items()}
            time.sleep(3)
            outages = []
            for how in (signal.SIGINT, signal.SIGQUIT):
                began = time.time()
                database.stop(how)
                time.sleep(4)
                database.start()
                outages.append({"how": how.name, "began": began, "ended": time.time()})
                time.sleep(5)
            told = {path: one.stop() for path, one in under_way.items()}
    return {
        "verdicts": {path: Counter(str(verdict) for *_, verdict in one["answers"]) for path, one in told.items()},
        "outages": [_seen(outage, told) for outage in outages],
    }


def _seen(outage: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """How an outage looked to clients: when they were first told, when last, and how long they waited for an answer."""
    began, ended = outage["began"], outage["ended"]
    refused, waited, answered = [], 0.0, 0
    for one in told.values():
        for sent, took, verdict in one["answers"]:
            at = one["began"] + sent
            if not began - 0.5 <= at < ended + _RECOVERED + 0.5:
                continue
            waited = max(waited, took)
            if isinstance(verdict, int):
                answered += began <= at < ended
            else:
                refused.append(at + took)
    return {
        "how": outage["how"],
        "seconds": ended - began,
        "refused": len(refused),
        "answered_meanwhile": answered,
        "seconds_until_first_told": min(refused) - began if refused else None,
        "seconds_until_all_answered": max(0.0, max(refused) - ended) if refused else 0.0,
        "longest_wait": waited,
    }


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts: Counter[str] = Counter()
    for run in runs:
        for counts in run["verdicts"].values():
            verdicts.update(counts)
    outages = [outage for run in runs for outage in run["outages"]]
    return {
        "outages": len(outages),
        "answers": verdicts.total(),
        "verdicts": dict(verdicts),
        "unreachable": verdicts[_UNREACHABLE],
        "wrong": verdicts["wrong"],
        "seconds_until_all_answered": [round(outage["seconds_until_all_answered"], 2) for outage in outages],
        "longest_wait": round(max(outage["longest_wait"] for outage in outages), 2),
    }
