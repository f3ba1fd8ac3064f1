"""Monitoring: how soon a doubled price turns the verdict, and how often the verdict turns without a reason."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prove.record import Record
from features.build import build_features
from features.grid import as_of_days
from features.history import History
from features.labels import churn_labels_by_horizon, label_wait
from features.settings import ChurnSettings, Settings, TrainingSettings
from features.simulation import simulate
from training.monitoring import Limits, MonitorReport, Watched, judge, watch
from training.monitoring.realised import level
from training.registry import version
from training.train import train

__all__ = ["monitoring"]

ACCOUNTS = 1500
MONTHS = 42
RISE = (30, 2.0)
START = dt.date(2023, 1, 1)
FIRST_SEED = 2000
_WITHIN = 6
"""Months within which three of four companies have to be told."""


def monitoring(out: Path, seeds: int) -> bool:
    """Without a rise at most 1 in 20 companies is told to train again, and with one 3 in 4 are within six months."""
    about = (
        f"{ACCOUNTS} accounts, {MONTHS} months, trained after month {RISE[0] - 1}, looked at monthly: with list "
        f"prices times {RISE[1]:g} from month {RISE[0]} on, and without; and made-up panels on the tolerance's edge"
    )
    record = Record(out / "monitoring.json", about)
    numbers = range(FIRST_SEED, FIRST_SEED + max(1, seeds // 3))
    runs = record.runs(_company, numbers)
    edge = {panel[0]: false_alarms(*panel[1:]) for panel in _PANELS}
    told = [run["rise"]["retrain_after_months"] for run in runs]
    false = sum(run["no_rise"]["retrain_after_months"] is not None for run in runs)
    soon = sum(months is not None and months <= _WITHIN for months in told)
    record.close(
        numbers,
        {
            "companies": len(runs),
            "told_within_6_months": soon,
            "retrain_after_months": told,
            "watch_after_months": [run["rise"]["watch_after_months"] for run in runs],
            "false_alarms": false,
            "watched_looks_without_a_rise": sum(run["no_rise"]["watch_looks"] for run in runs),
            "looks_without_a_rise": sum(run["no_rise"]["looks"] for run in runs),
            "told_on_the_tolerances_edge": edge,
        },
    )
    return 4 * soon >= 3 * len(runs) and 20 * false <= len(runs) and max(edge.values()) <= 0.05


def _company(seed: int) -> dict[str, Any]:
    """The same customers with a rise and without, and a model for each: what is on record of them is drawn anew."""
    settings = Settings(churn=ChurnSettings(horizons=(30, 90)), training=TrainingSettings(min_churned=(60, 30, 30)))
    trained_on = as_of_days(START, START + dt.timedelta(31 * RISE[0]), "monthly")[RISE[0] - 1]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, rise in (("rise", RISE), ("no_rise", None)):
            folder = Path(place) / name
            simulate(ACCOUNTS, MONTHS, seed, start=START, price_rise=rise).write(folder)
            history = History.open(folder, settings, threads=1)
            home = Path(place) / "homes" / name
            made = train(history, settings, home, known_on=trained_on)
            found[name] = _looks(history, settings, watch(version(home, made.version)))
    return found


def _looks(history: History, settings: Settings, watched: Watched) -> dict[str, Any]:
    end = history.observed_period()[1]
    days = as_of_days(watched.known_on - dt.timedelta(31), end, "monthly")
    table = build_features(history, days)  # a day's rows are the same whatever came later: see replays.json
    as_of = table["as_of"].to_numpy().astype("datetime64[D]")
    horizons = watched.kernel.horizons
    verdicts: list[dict[str, Any]] = []
    for months, day in enumerate(d for d in days if d >= watched.known_on):
        seen = as_of <= np.datetime64(day)
        rows = table[seen].reset_index(drop=True)
        labels = churn_labels_by_horizon(history, rows, horizons, day)
        report = judge(
            rows,
            {h: labels[h]["label"].to_numpy(dtype=np.float64) for h in horizons},
            {h: label_wait(history, h, day) for h in horizons},
            day,
            watched,
            Limits(),
            needed=settings.training.min_churned[1],
        )
        verdicts.append({"months": months, **_told(report)})
    unprompted = [v for v in verdicts if v["verdict"] == "watch" and v["because"] != ["age"]]
    return {
        "retrain_after_months": next((v["months"] for v in verdicts if v["verdict"] == "retrain"), None),
        "watch_after_months": next((v["months"] for v in verdicts if v["verdict"] != "keep"), None),
        "watch_looks": len(unprompted),
        "looks": len(verdicts),
        "verdicts": verdicts,
    }


def _told(report: MonitorReport) -> dict[str, Any]:
    because = sorted({r.kind for r in report.reasons if r.level == report.verdict})
    ratios = {f"{r.horizon} {r.window}": [r.ratio.value, r.ratio.least, r.ratio.most] for r in report.realised}
    return {"verdict": report.verdict, "because": because, "observed_to_expected": ratios}


_PANELS: tuple[tuple[str, int, tuple[int, ...], float, int], ...] = (
    ("900 accounts, 90 days", 900, (90,), 30.4, 300),
    ("900 accounts, 30 to 365 days", 900, (30, 90, 180, 365), 30.4, 300),
    ("4000 accounts, 90 days", 4000, (90,), 30.4, 300),
    ("900 accounts, 90 days, weekly", 900, (90,), 7.0, 100),
)
"""Name, accounts, horizons, days from look to look, panels."""


def false_alarms(accounts: int, horizons: tuple[int, ...], step: float, panels: int) -> float:
    """Share of panels that are told to train again in a year of looks, with churn on the tolerance's edge.

    Accounts leave at rates of their own, 1 + tolerance times those the model knows, and are replaced by others as
    risky. The model's probabilities carry a calibration error as large as was measured. Looks come as labels mature,
    over both windows. No company whose churn lies within the tolerance is told more often than one on its edge.
    """
    limits, looks = Limits(), round(365 / step)
    told = 0
    for seed in range(panels):
        rng = np.random.default_rng(seed)
        owner, look, leaves, rate = _panel(rng, accounts, looks, step, 1 + limits.tolerance)
        wrong = rng.normal()
        told += any(
            _alarm(owner, look, (leaves < h).astype(np.float64), rate * h, wrong * _spread(h, accounts), h, step)
            for h in horizons
        )
    return told / panels


def _spread(horizon: int, accounts: int) -> float:
    """Standard error of the log level: 0.12 at 90 days and 900 accounts, as measured; by the square root else."""
    return float(0.12 * np.sqrt(900 / accounts) * (90 / horizon) ** 0.25)


def _alarm(
    owner: np.ndarray,
    look: np.ndarray,
    labels: np.ndarray,
    risk: np.ndarray,
    wrong: float,
    horizon: int,
    step: float,
) -> bool:
    limits = Limits()
    accounts, recent = int((look == 0).sum()), int(limits.recent_days // step) + 1
    p = np.clip(-np.expm1(-risk) * np.exp(wrong), 1e-6, 0.95)
    # Rows come look by look, all of one size, so that windows are slices.
    for last in range(1, int(look.max()) + 2):
        for first in {0, max(0, last - recent)}:
            at = slice(first * accounts, last * accounts)
            bounds = level(labels[at], p[at], owner[at], _spread(horizon, accounts), limits.alpha)
            if bounds.least > 1 + limits.tolerance:
                return True
    return False


def _panel(
    rng: np.random.Generator, accounts: int, looks: int, step: float, ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Owner, look, days until it leaves and daily rate as the model knows it, of each row."""
    rate = rng.gamma(1.5, 0.001 / 1.5, accounts)  # a day: 9 % within 90 days
    owner, taken = np.arange(accounts), accounts
    gone = rng.exponential(1 / (rate * ratio))
    rows = []
    for look in range(looks):
        now = look * step
        while (left := gone <= now).any():
            count = int(left.sum())
            owner, gone = owner.copy(), gone.copy()
            owner[left] = np.arange(taken, taken + count)
            gone[left] = now + rng.exponential(1 / (rate[left] * ratio))
            taken += count
        rows.append((owner, np.full(accounts, look), gone - now, rate))
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))  # type: ignore[return-value]  # zip forgets that there are four
