"""Replays: days scored again from the history as it stood then, and scoring killed in the middle."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from benchmarks.prove.record import PACKAGES, Record
from features.build import build_features
from features.contract import CONTRACT
from features.history import History
from features.settings import ChurnSettings, Settings, TrainingSettings
from features.simulation import simulate
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.tables import runs, scores

__all__ = ["kill_scoring", "replay_days"]


def replay_days(out: Path, seeds: int) -> bool:
    """Features from the whole history equal those from a history cut off at the day, to the last bit."""
    record = Record(out / "replays.json", "400 accounts, 24 months: features of 4 days, whole history against cut-off")
    replayed = record.runs(_replay, range(seeds))
    equal = sum(run["equal_days"] for run in replayed)
    days = sum(run["days"] for run in replayed)
    record.close(range(seeds), {"seeds": seeds, "days": days, "equal_days": equal})
    return equal == days


def _replay(seed: int) -> dict[str, Any]:
    company = simulate(accounts=400, months=24, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        company.write(Path(folder) / "whole")
        whole = History.open(Path(folder) / "whole")
        first, until = whole.observed_period()
        days = [first + (until - first) * part // 5 for part in (1, 2, 3, 4)]
        equal = 0
        for day in days:
            cut = Path(folder) / day.isoformat()
            cut.mkdir()
            for name, table in company.tables.items():
                _until(table, name, day).to_parquet(cut / f"{name}.parquet", index=False)
            equal += build_features(History.open(cut), [day]).equals(build_features(whole, [day]))
    return {"days": len(days), "equal_days": equal}


def _until(table: pd.DataFrame, name: str, day: dt.date) -> pd.DataFrame:
    """What stood in a table at the start of a day, by the contract's declared times alone."""
    spec = CONTRACT[name]
    moments = {c: pd.to_datetime(table[c]).dt.tz_localize(None) for c in table.columns if _is_time(spec, c)}
    start = pd.Timestamp(day)
    known = pd.Series(True, index=table.index)
    if spec.event:
        known = pd.concat([moments[c] for c in spec.event if c in moments], axis=1).min(axis=1) < start
    if "recorded_at" in table:
        known &= pd.to_datetime(table["recorded_at"]).dt.tz_localize(None) < start
    kept = table[known].copy()
    for column in spec.columns:
        if column.late and column.name in kept:
            moment = moments[column.late]
            for stamp in (f"{column.late}_recorded_at", f"{column.name}_recorded_at"):
                if stamp in table:
                    moment = pd.to_datetime(table[stamp]).dt.tz_localize(None).fillna(moment)
                    kept[stamp] = kept[stamp].where((moment < start)[known], None)
            kept[column.name] = kept[column.name].where((moment < start)[known], None)
    return kept


def _is_time(spec: Any, column: str) -> bool:
    return column in spec.by_name and spec.by_name[column].kind in ("date", "time")


def kill_scoring(out: Path, seeds: int) -> bool:
    """SIGKILL at random moments of `tenure score`: a run is whole or not there, and the next scoring mends it.

    Half of the kills come at any moment, half once the database has begun to write. Afterwards the same day is scored
    again, and what is stored must be what a home has that nobody killed in.
    """
    record = Record(
        out / "kills.json",
        "tenure score killed on 12 days a seed and run again: no run is half-written, all are as if none was killed",
        (*PACKAGES, "success", "serving"),
    )
    numbers = range(max(1, seeds // 10))
    killed = record.runs(_kill, numbers)
    told = {name: sum(run[name] for run in killed) for name in ("kills", "in_the_write", "half_written", "resumed")}
    mended = all(run["as_unkilled"] for run in killed)
    record.close(numbers, told | {"mended": mended})
    return told["half_written"] == 0 and mended


_SCORE = """
import functools, sys
from serving import job
from serving.cli.main import main
job.score_day = functools.partial(job.score_day, part=25)  # 600 accounts are less than one part otherwise
main(["score", *sys.argv[1:]])
"""


def _kill(seed: int) -> dict[str, Any]:
    from training.train import train

    settings = Settings(churn=ChurnSettings(horizons=(30, 90)), training=TrainingSettings(min_churned=(10, 20, 5)))
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, home, unkilled = (Path(place) / name for name in ("history", "home", "unkilled"))
        simulate(accounts=600, months=24, seed=seed).write(folder)
        history = History.open(folder, settings)
        version = train(history, settings, home).version
        shutil.copytree(home, unkilled)
        days = [str(history.observed_until - dt.timedelta(days=12 - n)) for n in range(12)]

        def scoring(home: Path, day: str) -> list[str]:
            return [sys.executable, "-c", _SCORE, str(folder), "--as-of", day, "--home", str(home), "--version",
                    version, "--json"]  # fmt: skip

        began = time.monotonic()
        subprocess.run(scoring(unkilled, days[0]), check=True, capture_output=True)
        whole_run = time.monotonic() - began
        found = {"kills": 0, "in_the_write": 0, "half_written": 0, "resumed": 0}
        for number, day in enumerate(days):
            subprocess.run(scoring(unkilled, day), check=True, capture_output=True)
            process = subprocess.Popen(scoring(home, day), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if number % 2:
                _await_writing(process, home / "scores.db-wal")
                time.sleep(random.uniform(0, 0.02))
            else:
                time.sleep(whole_run * random.uniform(0.3, 1.0))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                found["kills"] += 1
                found["in_the_write"] += number % 2
            process.wait()
            with Store.open(address_of(home)) as store:
                found["half_written"] += sum(said != there for _, said, there, _ in _stored(store))
            again = subprocess.run(scoring(home, day), check=True, capture_output=True)
            found["resumed"] += json.loads(again.stdout)["resumed"]
        with Store.open(address_of(home)) as killed, Store.open(address_of(unkilled)) as other:
            same = _stored(killed) == _stored(other) and len(_stored(other)) == len(days)
            mine, theirs = (store.latest() for store in (killed, other))
            assert mine is not None
            assert theirs is not None
            frames = [one.frame(run).drop(columns="computed_at") for one, run in ((killed, mine), (other, theirs))]
    return found | {"as_unkilled": bool(same and frames[0].equals(frames[1]))}


def _await_writing(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the write-ahead log of the database has grown, or the process has ended."""
    while process.poll() is None:
        with contextlib.suppress(OSError):
            if log.stat().st_size:
                return
        time.sleep(0.0005)


def _stored(store: Store) -> list[tuple[Any, ...]]:
    """Of every run: its day, the rows that it says it has, those that it has, and the digest of all it says."""
    rows = sa.select(sa.func.count()).where(scores.c.run_id == runs.c.id).scalar_subquery()
    with store.reading() as connection:
        asked = sa.select(runs.c.as_of, runs.c.accounts, rows, runs.c.digest).order_by(runs.c.id)
        return [tuple(row) for row in connection.execute(asked)]
