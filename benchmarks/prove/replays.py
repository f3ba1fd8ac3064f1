"""Replays: days scored again from the history as it stood then, and scoring killed in the middle."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.prove.record import PACKAGES, Record
from features.build import build_features
from features.contract import CONTRACT
from features.history import History
from features.settings import ChurnSettings, Settings, TrainingSettings
from features.simulation import simulate

__all__ = ["kill_scoring", "replay_days"]


def replay_days(out: Path, seeds: int) -> bool:
    """Features from the whole history equal those from a history cut off at the day, to the last bit."""
    record = Record(out / "replays.json", "400 accounts, 24 months: features of 4 days, whole history against cut-off")
    runs = record.runs(_replay, range(seeds))
    equal = sum(run["equal_days"] for run in runs)
    days = sum(run["days"] for run in runs)
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
    """SIGKILL at random moments of `tenure score`: a stored day is whole or not there, and the next run mends it."""
    record = Record(
        out / "kills.json",
        "tenure score started 12 times a seed, killed if still at work: no stored day may be half-written",
        (*PACKAGES, "success", "serving"),
    )
    numbers = range(max(1, seeds // 10))
    runs = record.runs(_kill, numbers)
    broken = sum(run["half_written"] for run in runs)
    mended = all(run["whole_afterwards"] for run in runs)
    record.close(numbers, {"kills": sum(run["kills"] for run in runs), "half_written": broken, "mended": mended})
    return broken == 0 and mended


def _kill(seed: int) -> dict[str, Any]:
    from serving.scores import ScoreStore
    from training.train import train

    settings = Settings(churn=ChurnSettings(horizons=(30, 90)), training=TrainingSettings(min_churned=(10, 20, 5)))
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "history", Path(place) / "home"
        simulate(accounts=600, months=24, seed=seed).write(folder)
        history = History.open(folder, settings)
        result = train(history, settings, home)
        arguments = [sys.executable, "-m", "serving.cli", "score", str(folder), "--as-of", str(history.observed_until)]
        arguments += ["--home", str(home), "--version", result.version]
        began = time.monotonic()
        subprocess.run(arguments, check=True, capture_output=True)
        whole_run = time.monotonic() - began
        expected = ScoreStore(home).latest()
        half_written = kills = 0
        for _ in range(12):
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # The write comes last, so most kills are aimed there.
            time.sleep(whole_run * random.uniform(0.6, 1.05))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            process.wait()
            store = ScoreStore(home)
            latest = store.latest()
            half_written += latest is None or bool(store.trouble) or len(latest.rows) != len(expected.rows)
        subprocess.run(arguments, check=True, capture_output=True)
        store = ScoreStore(home)
        latest = store.latest()
        whole = latest is not None and not store.trouble and latest.rows.keys() == expected.rows.keys()
    return {"kills": kills, "half_written": half_written, "whole_afterwards": whole}
