"""Searches: `tenure tune` killed again and again; no finished trial may be lost, and the result must be the same."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prove.record import PACKAGES, Record
from features.simulation import simulate

__all__ = ["kill_search"]

_TRIALS = 16
_SETTINGS = """
[outcomes.churn]
horizons = [30, 90]
[training]
min_churned = [40, 20, 20]
bootstrap = 200
"""
_READ = """
SELECT number, state, datetime_complete,
    (SELECT group_concat(param_name || param_value) FROM trial_params p WHERE p.trial_id = t.trial_id),
    (SELECT group_concat(key || value_json) FROM trial_user_attributes a WHERE a.trial_id = t.trial_id)
FROM trials t WHERE state IN ('COMPLETE', 'PRUNED') ORDER BY number
"""


def kill_search(out: Path, seeds: int) -> bool:
    """SIGKILL at random moments of `tenure tune`: what had finished is there afterwards, unchanged."""
    record = Record(
        out / "searches.json",
        f"tenure tune of {_TRIALS} trials, killed at random moments and taken up until it is done: no finished trial "
        "may be lost or changed, and the trials must be those of a search that nobody killed",
        (*PACKAGES, "serving"),
    )
    numbers = range(max(1, seeds // 10))
    runs = record.runs(_kill, numbers)
    summary = {
        "kills": sum(run["kills"] for run in runs),
        "lost_or_changed": sum(run["lost_or_changed"] for run in runs),
        "same_as_undisturbed": sum(run["same"] for run in runs),
        "searches": len(runs),
    }
    record.close(numbers, summary)
    return summary["lost_or_changed"] == 0 and summary["same_as_undisturbed"] == len(runs) and summary["kills"] > 0


def _kill(seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, settings = Path(place) / "history", Path(place) / "tenure.toml"
        settings.write_text(_SETTINGS, encoding="utf-8")
        simulate(accounts=800, months=26, seed=seed).write(folder)

        def command(home: Path) -> list[str]:
            asked = [sys.executable, "-m", "serving.cli", "tune", str(folder), "--outcome", "churn", "--json"]
            return [*asked, "--trials", str(_TRIALS), "--home", str(home), "--config", str(settings)]

        undisturbed = _told(subprocess.run(command(Path(place) / "one"), check=True, capture_output=True).stdout)
        home, kills, lost = Path(place) / "two", 0, 0
        kept: list[tuple[Any, ...]] = []
        while True:
            process = subprocess.Popen(command(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            target = len(kept) + int(random.integers(1, 6))
            while process.poll() is None and len(_finished(home)) < target:
                time.sleep(0.02)
            time.sleep(random.uniform(0, 0.5))
            before = _finished(home)
            if process.poll() is None and kills < 6:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            told, _ = process.communicate()
            kept = _finished(home)
            lost += kept[: len(before)] != before
            if process.returncode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"tenure tune ended with {process.returncode}")
            if process.returncode == 0:
                return {"kills": kills, "lost_or_changed": lost, "same": _told(told) == undisturbed}


def _finished(home: Path) -> list[tuple[Any, ...]]:
    """What the store holds of every finished trial, in order; read by itself, without Optuna."""
    file = home / "tuning.db"
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as store:
        return store.execute(_READ).fetchall()


def _told(output: bytes) -> list[tuple[Any, ...]]:
    """State, values tried and losses of each trial that a search told of."""
    return [(t["state"], t["values"], t["losses"]) for t in json.loads(output)["churn"]["trials"]]
