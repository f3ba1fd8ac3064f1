"""Bands: how many lost accounts each kind of health had flagged 30, 60 and 90 days before, and with what false alarms.

On made-up companies, with a model that was trained before any of the days looked at. Every kind flags the same share of
each day's accounts, that of the model's worst band, so that none looks better by flagging more.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.prove.record import PACKAGES, Record
from features.build import build_features
from features.cohort import account_statuses
from features.history import History
from features.labels import standing
from features.settings import ChurnSettings, Settings, TrainingSettings
from features.simulation import simulate
from success.gauge import Gauge, gauge_of
from success.health import band_of
from training.anchors import compared_stages
from training.dataset import load_dataset
from training.facts import anchors_of
from training.forecasts import refit
from training.plan import make_plan
from training.recipe import Recipe
from training.rivals import scorecard_of

__all__ = ["health_bands"]

ACCOUNTS = 3000
MONTHS = 36
START = dt.date(2023, 1, 1)
TRAINED_ON = dt.date(2025, 1, 1)
WEEKS = 39
LEADS = (30, 60, 90)
FIRST_SEED = 5000
KINDS = ("model", "rules", "recency", "probability_90d")


def health_bands(out: Path, seeds: int) -> bool:
    """The model's health had flagged more of the lost accounts than rules and recency had, in the mean of companies."""
    about = (
        f"{ACCOUNTS} accounts, {MONTHS} months, a model trained on {TRAINED_ON}, health weekly for {WEEKS} weeks from "
        "then on: of the accounts that left at least 90 days later, the share in the worst band 30, 60 and 90 days "
        "before (of those scored then), and the entries into it, per CSM and week, that no churn within 90 days "
        "followed; all kinds flag the model's share of each day's accounts, and the rules also their own worst band"
    )
    record = Record(out / "health-bands.json", about, (*PACKAGES, "success"))
    numbers = range(FIRST_SEED, FIRST_SEED + max(1, seeds // 4))
    runs = record.runs(_company, numbers)
    summary: dict[str, Any] = {"companies": len(runs), "lost": sum(run["lost"] for run in runs)}
    summary["flagged_share"] = float(np.mean([run["flagged_share"] for run in runs]))
    summary["kinds"] = {
        kind: {
            name: float(np.mean([run["kinds"][kind][name] for run in runs])) for name in runs[0]["kinds"][kind]
        }
        for kind in runs[0]["kinds"]
    }  # fmt: skip
    record.close(numbers, summary)
    found = summary["kinds"]
    return all(
        found["model"][f"flagged_{lead}d"] > found[other][f"flagged_{lead}d"]
        for lead in LEADS for other in ("rules", "recency")
    ) and all(
        found["model"]["false_alarms_per_csm_and_week"] <= found[other]["false_alarms_per_csm_and_week"] * 1.25
        for other in ("rules", "recency")
    )  # fmt: skip


def _company(seed: int) -> dict[str, Any]:
    settings = Settings(churn=ChurnSettings(horizons=(30, 90)), training=TrainingSettings(min_churned=(60, 30, 30)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "history"
        simulate(ACCOUNTS, MONTHS, seed, start=START).write(folder)
        history = History.open(folder, settings, threads=1)
        gauge = _gauge(history, settings)
        days = [TRAINED_ON + dt.timedelta(7 * week) for week in range(WEEKS)]
        rows = build_features(history, days)
        until = history.observed_period()[1]
        stood = standing(history, rows, until)
        csms = np.mean([account_statuses(history, day)["csm_id"].nunique() for day in (days[0], days[-1])])
    return _compared(rows, stood["churned_on"], _scores(rows, gauge, settings), settings, float(csms))


def _gauge(history: History, settings: Settings) -> Gauge:
    """What health is read with, as it would have been made on the day of training."""
    dataset = load_dataset(history, settings, TRAINED_ON)
    fitted = refit(dataset, make_plan(dataset, "churn", settings), Recipe(), settings)
    return gauge_of(fitted.kernel, anchors_of(dataset, settings, fitted), settings.health.points_to_double)


def _scores(rows: pd.DataFrame, gauge: Gauge, settings: Settings) -> dict[str, np.ndarray]:
    """By kind (n,), higher is healthier; what is not known is in the middle."""
    segments = [value if isinstance(value, str) else None for value in rows["segment"].astype(object)]
    stages = compared_stages(rows, settings.stages).tolist()
    health = gauge.health(gauge.told(rows), rows, segments, stages)
    rules = scorecard_of(settings).score(rows)["score"].to_numpy()
    last_use = rows["days_since_last_use"].to_numpy(dtype=np.float64, na_value=np.nan)
    return {
        "model": health.health,
        "rules": np.where(np.isnan(rules), np.nanmedian(rules), rules),
        "recency": -np.where(np.isnan(last_use), 1e6, last_use),
        "probability_90d": -gauge.kernel.probabilities(rows, 90),
    }


def _compared(
    rows: pd.DataFrame, churned: pd.Series, scores: dict[str, np.ndarray], settings: Settings, csms: float
) -> dict[str, Any]:
    frame = pd.DataFrame({"account": rows["account_id"].to_numpy(), "day": pd.to_datetime(rows["as_of"]).to_numpy()})
    frame["churned"] = pd.to_datetime(churned).to_numpy()
    bands = settings.health
    red = np.array([band_of(x, bands.bands, bands.edges) == bands.bands[0] for x in scores["model"].tolist()])
    flags = {"model": red}
    for kind in KINDS[1:]:
        flags[kind] = _same_share(frame["day"].to_numpy(), scores[kind], red)
    flags["rules_own_band"] = scores["rules"] < bands.edges[0]
    first, last = pd.Timestamp(TRAINED_ON), frame["day"].max()
    lost = frame.dropna(subset="churned").groupby("account")["churned"].last()
    lost = lost[(lost >= first + pd.Timedelta(90, "D")) & (lost <= last + pd.Timedelta(30, "D"))]
    found = {}
    for kind, flagged in flags.items():
        told = frame.assign(flagged=flagged)
        shares = {f"flagged_{lead}d": _flagged(told, lost, lead) for lead in LEADS}
        found[kind] = {**shares, "false_alarms_per_csm_and_week": _false_alarms(told) / csms / (WEEKS - 1)}
        found[kind]["flagged_share"] = float(flagged.mean())
    return {"lost": len(lost), "csms": csms, "flagged_share": float(red.mean()), "kinds": found}


def _same_share(days: np.ndarray, scores: np.ndarray, red: np.ndarray) -> np.ndarray:
    """The lowest scores of each day, as many as are flagged by another kind; ties by place."""
    flagged = np.zeros(len(days), dtype=bool)
    for day in np.unique(days):
        there = np.flatnonzero(days == day)
        order = there[np.argsort(scores[there], kind="stable")]
        flagged[order[: int(red[there].sum())]] = True
    return flagged


def _flagged(told: pd.DataFrame, lost: pd.Series, lead: int) -> float:
    """Of the lost accounts that were scored at most a week before the day `lead` days ahead of the end: the share."""
    asked = (lost - pd.Timedelta(lead, "D")).rename("asked").reset_index().sort_values("asked")
    asked["asked"] = asked["asked"].astype(told["day"].dtype)
    looked = pd.merge_asof(
        asked, told.sort_values("day"), left_on="asked", right_on="day", by="account",
        tolerance=pd.Timedelta(6, "D"),
    )  # fmt: skip
    return float(looked["flagged"].dropna().astype(float).mean())


def _false_alarms(told: pd.DataFrame) -> int:
    """Entries into the worst band after a week outside it that no churn within 90 days followed."""
    ordered = told.sort_values(["account", "day"])
    before = ordered.groupby("account")["flagged"].shift()
    entered = ordered["flagged"] & before.eq(False)  # missing, and so not equal, where it was not scored before
    left = (ordered["churned"] - ordered["day"]).dt.days
    return int((entered & ~(left < 90)).sum())
