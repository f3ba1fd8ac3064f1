"""Scorings: `tenure score` killed while it scores into PostgreSQL; the runs must be those of a home without a kill."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg

from benchmarks.prove.serving.place import databases, studied
from benchmarks.serving.homes import Home, opened

__all__ = ["kill_scoring_on_postgres"]

_DAYS = 4


def kill_scoring_on_postgres(out: Path, seeds: int) -> bool:
    """SIGKILL of `tenure score` on PostgreSQL: a run is whole or not there, and scoring again makes up for it."""
    summary = studied(
        out / "kills-postgres.json",
        f"tenure score killed on {_DAYS} days of a PostgreSQL store, half of the times at any moment and half once it "
        "writes, and then run for all days: every run is whole, and all rows are those of SQLite without a kill",
        _kill,
        max(1, seeds // 7),
        lambda runs: {name: sum(run[name] for run in runs) for name in runs[0]} | {"repetitions": len(runs)},
    )
    return bool(summary["half_written"] == 0 and summary["kills"] and summary["as_unkilled"] == summary["repetitions"])


def _kill(home: Home, number: int) -> dict[str, int]:
    random = np.random.default_rng(number)
    days = [home.as_of - dt.timedelta(days=7 * (_DAYS - n)) for n in range(_DAYS)]
    found = {"kills": 0, "in_the_write": 0, "half_written": 0}
    with tempfile.TemporaryDirectory() as place, databases(home, Path(place)) as kinds:
        unkilled, _ = kinds["sqlite"]
        own, url = kinds["postgresql"]
        assert url is not None
        began = time.monotonic()
        subprocess.run(_scoring(unkilled, None, days[:1]), check=True, capture_output=True)
        whole = time.monotonic() - began
        subprocess.run(_scoring(unkilled, None, days), check=True, capture_output=True)
        opened(own.folder, url).close()
        with psycopg.connect(url, autocommit=True) as watch:
            for place_of, day in enumerate(days):
                process = subprocess.Popen(
                    _scoring(own, url, [day]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                in_the_write = bool(place_of % 2)
                if in_the_write:
                    _await_writing(process, watch)
                    time.sleep(random.uniform(0, 0.02))
                else:
                    time.sleep(whole * random.uniform(0.3, 1.0))
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)
                    found["kills"] += 1
                    found["in_the_write"] += in_the_write
                process.wait()
                found["half_written"] += _one(watch, _SHORT)
        subprocess.run(_scoring(own, url, days), check=True, capture_output=True)
        return found | {"as_unkilled": int(_rows(own, url, days) == _rows(unkilled, None, days))}


_SHORT = "SELECT count(*) FROM tenure_runs r WHERE accounts <> (SELECT count(*) FROM tenure_scores WHERE run_id = r.id)"
_WRITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"


def _scoring(home: Home, url: str | None, days: list[dt.date]) -> list[str]:
    asked = [part for day in days for part in ("--as-of", str(day))]
    command = [sys.executable, "-m", "serving.cli", "score", str(home.company), *asked, *home.options()]
    return [*command, *(["--store", url] if url else [])]


def _await_writing(process: subprocess.Popen[bytes], watch: psycopg.Connection) -> None:
    while process.poll() is None and not _one(watch, _WRITING):
        time.sleep(0.001)


def _one(watch: psycopg.Connection, question: str) -> int:
    row = watch.execute(question).fetchone()  # type: ignore[call-overload]  # psycopg wants literal text
    assert row is not None
    return int(row[0])


def _rows(home: Home, url: str | None, days: list[dt.date]) -> list[str]:
    """What is stored of each day but when it was computed."""
    found = []
    with opened(home.folder, url) as store:
        for day in days:
            run = store.run_of(day)
            found.append("" if run is None else store.frame(run).drop(columns="computed_at").to_json())
    return found
