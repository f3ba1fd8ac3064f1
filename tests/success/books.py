"""Books: a size and a seed in; a plausible made-up book out, for tests of what reads one."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pandas as pd

from features.feature import DIMENSIONS
from success.book import COLUMNS, FEATURES, empty_book

__all__ = ["AS_OF", "make_book", "make_rule_book"]

AS_OF = dt.date(2026, 1, 5)
HORIZONS = (30, 90, 180, 365)
TYPICAL = 0.08
K = 10 / math.log(2)
_OF_MODELS = (
    "churn_", "typical_", "involuntary_", "expected_", "expansion_1", "expansion_3", "expansion_9", "expansion_t",
    "renewal_next", "health", "points_to", "change_", "calendar", "plan_points", "no_data", "mrr_at", "reading", "band",
    "moved", "top", "drivers_horizon",
)  # fmt: skip
"""How the columns begin that only a model fills."""
_OF_COHORT = ("f_", "rule_", "pulse", "stage")
"""How the columns begin that only accounts have which pay and gave no notice."""
DRIVERS = (
    ("active_users_28d", "engagement", True, "31 people used the product in the last four weeks, against 50 before"),
    ("failed_payments_90d", "billing", True, "2 payments failed in the last 90 days"),
    ("nps_latest", "sentiment", True, "The latest answer to the recommendation question was 4 of 10"),
    ("days_to_renewal", "contract", False, "The next renewal is 38 days away"),
    ("seats_used_share", "adoption", True, "41 % of the paid seats were used in the last four weeks"),
)


def make_book(n: int, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """(n, all columns of a book); a keyword puts a column of the caller's in its place (one value, or n of them).

    Health adds up from its dimensions, reads back to the probability, and the probabilities rise with the horizon.
    One in ten accounts or so gave notice, left or never paid, and has neither.
    """
    if n == 0:
        return empty_book().assign(**columns)
    rng = np.random.default_rng(seed)
    book: dict[str, Any] = {"account_id": [f"a{i:05d}" for i in range(n)], "as_of": [AS_OF] * n}
    status = rng.choice(["ok", "notice_given", "churned", "insufficient_data"], n, p=[0.88, 0.04, 0.05, 0.03])
    book["status"], book["reason"] = status.astype(object), [None if s == "ok" else "A reason." for s in status]
    book["name"] = [f"Company {i}" for i in range(n)]
    book["segment"] = _chosen(rng, n, ["smb", "mid", "enterprise"])
    book["csm_id"] = _chosen(rng, n, ["csm-1", "csm-2", "csm-3", None])
    book["plan"] = _chosen(rng, n, ["basic", "pro"])
    book["stage"] = _chosen(rng, n, ["onboarding", "adoption", "renewal", "expansion"])
    book["mrr"] = np.round(np.exp(rng.normal(6.5, 1.2, n)), 2)
    term = rng.choice([1.0, 12.0, 24.0], n, p=[0.3, 0.6, 0.1])
    until = np.floor(rng.random(n) * 30 * term)
    book["renews_on"] = [AS_OF + dt.timedelta(days=int(days)) for days in until]
    _add_health(book, rng, n)
    _add_probabilities(book, rng, n)
    _add_changes(book, rng, n)
    _add_features(book, rng, n)
    book["f_term_months"], book["f_days_to_renewal"] = term, until
    book["top"] = [_top(rng) for _ in range(n)]
    book["model_version"], book["expansion_version"] = ["3"] * n, ["1"] * n
    lost, never = status == "churned", status == "insufficient_data"
    book["churned_on"] = [AS_OF - dt.timedelta(days=40) if gone else None for gone in lost]
    outside = [name for name in COLUMNS if name.startswith((*_OF_MODELS, *_OF_COHORT)) and name != "churned_on"]
    _forget(book, outside, status != "ok")
    _forget(book, ["mrr", "renews_on"], lost | never)
    return _typed(book | columns, n)


def make_rule_book(n: int, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """A book of a day that the scorecard alone scored: health is rule-based, and there is no probability."""
    made = make_book(n, seed)
    book = {name: made[name].to_numpy() for name in made.columns}
    rng = np.random.default_rng(seed + 1)
    paying = book["status"] == "ok"
    health = np.where(paying, book["rule_health"], np.nan)
    for name in COLUMNS:
        if name.startswith((*_OF_MODELS, "model_", "expansion_version")) and name != "churned_on":
            book[name] = np.full(n, np.nan) if COLUMNS[name] == "number" else np.full(n, None, dtype=object)
    book["health"], book["band"] = health, [None if h != h else _band(h) for h in health]
    book["health_source"] = np.where(paying, "rule_based", None)
    for name in DIMENSIONS[:4]:
        book[f"health_{name}"] = np.where(paying, rng.uniform(0, 100, n), np.nan)
    book["status"] = np.where(paying, "insufficient_data", book["status"])
    book["reason"] = np.where(paying, "There is no model of churn yet.", book["reason"])
    return _typed(book | columns, n)


def _forget(book: dict[str, Any], names: list[str], where: np.ndarray) -> None:
    for name in names:
        if name in book:
            nothing = np.nan if COLUMNS[name] == "number" else None
            book[name] = np.where(where, nothing, np.asarray(book[name]))


def _chosen(rng: np.random.Generator, n: int, values: list[Any]) -> list[Any]:
    return [values[i] for i in rng.integers(0, len(values), n)]


def _add_health(book: dict[str, Any], rng: np.random.Generator, n: int) -> None:
    parts = rng.normal(0, 5, (n, len(DIMENSIONS)))
    for place, name in enumerate(DIMENSIONS):
        book[f"health_{name}"] = 50 + parts[:, place]
    book["health"] = 50 + parts.sum(axis=1)
    book["health_source"] = ["model"] * n
    book["health_cell"] = [f"{segment}, {stage}" for segment, stage in zip(book["segment"], book["stage"], strict=True)]
    book["points_to_double"] = [10.0] * n
    book["health_anchor"] = np.full(n, math.log(TYPICAL / (1 - TYPICAL)))
    book["calendar_points"] = rng.normal(0, 4, n)
    book["plan_points"], book["no_data_points"] = np.zeros(n), np.zeros(n)
    book["band"] = [_band(h) for h in book["health"]]
    book["rule_health"] = np.clip(book["health"] + rng.normal(10, 15, n), 0, 100)
    for name in DIMENSIONS[:6]:
        book[f"rule_{name}"] = rng.uniform(0, 100, n)
    pulse = rng.integers(1, 6, n)
    told = rng.random(n) < 0.4
    book["pulse"] = np.where(told, (pulse - 1) / 4 * 100, np.nan)
    ago = rng.integers(1, 170, n)
    book["pulse_on"] = [AS_OF - dt.timedelta(days=int(d)) if t else None for d, t in zip(ago, told, strict=True)]


def _band(health: float) -> str:
    shown = round(min(max(health, 0), 100))
    return "red" if shown < 40 else "yellow" if shown < 55 else "green"


def _add_probabilities(book: dict[str, Any], rng: np.random.Generator, n: int) -> None:
    away = book["health"] - 50 + book["calendar_points"] + book["plan_points"] + book["no_data_points"]
    p90 = 1 / (1 + np.exp(-(book["health_anchor"] - away / K)))
    share = rng.beta(1, 5, n)
    grow = 1 / (1 + np.exp(-(-2.5 + rng.normal(0, 0.8, n))))
    for h in HORIZONS:
        p = 1 - (1 - p90) ** (h / 90)
        book[f"churn_{h}d"], book[f"churn_{h}d_low"], book[f"churn_{h}d_high"] = p, p * 0.8, 1 - (1 - p) * 0.8
        book[f"typical_{h}d"] = np.full(n, 1 - (1 - TYPICAL) ** (h / 90))
        book[f"involuntary_{h}d"] = p * share
        book[f"expected_mrr_{h}d"] = book["mrr"] * (1 - p)
        e = 1 - (1 - grow) ** (h / 90)
        book[f"expansion_{h}d"], book[f"expansion_{h}d_low"], book[f"expansion_{h}d_high"] = (
            e,
            0.8 * e,
            np.minimum(1.2 * e, 1),
        )
        book[f"expansion_typical_{h}d"] = np.full(n, 1 - (1 - 0.075) ** (h / 90))
    book["mrr_at_risk"] = book["mrr"] * book["churn_90d"]
    book["renewal_next"] = np.clip(1 - book["churn_90d"] * 0.9, 0, 1)
    book["drivers_horizon"] = np.full(n, 90.0)
    book["reading"] = ["about 1 in 5 accounts like this leave by 4 April 2026"] * n


def _add_changes(book: dict[str, Any], rng: np.random.Generator, n: int) -> None:
    parts = rng.normal(0, 3, (n, 4))
    book["health_before"] = book["health"] - parts.sum(axis=1)
    book["health_before_now"] = book["health"] - parts[:, 0]
    book["health_before_on"] = [AS_OF - dt.timedelta(days=1)] * n
    for place, name in enumerate(("customer", "stage", "data", "model")):
        book[f"change_{name}"] = parts[:, place]
    book["change_calendar"] = rng.normal(0, 1, n)
    week = rng.normal(0, 6, n)
    other = np.where(rng.random(n) < 0.1, rng.normal(0, 10, n), 0.0)
    book["change_7d_customer"], book["change_7d_other"] = week, other
    book["health_7d"], book["health_7d_on"] = book["health"] - week - other, [AS_OF - dt.timedelta(days=7)] * n
    book["health_28d"], book["health_28d_on"] = book["health"] - 2 * week, [AS_OF - dt.timedelta(days=28)] * n
    book["change_28d_customer"], book["change_28d_other"] = 2 * week, np.zeros(n)
    book["moved"] = [_moved(points) for points in week]


def _moved(points: float) -> str:
    feature, dimension, actionable, _ = DRIVERS[0]
    told = "{} people used the product in the last four weeks, against {} before"
    now, before = (told.format(*counts) for counts in (((31, 50), (50, 52)) if points < 0 else ((31, 12), (12, 11))))
    moved = {"feature": feature, "dimension": dimension, "sentence": now, "sentence_before": before}
    return json.dumps([moved | {"points": float(points), "actionable": actionable}])


def _top(rng: np.random.Generator) -> str:
    points = sorted(rng.normal(0.02, 0.04, len(DRIVERS)), key=abs, reverse=True)
    order = rng.permutation(len(DRIVERS))
    told = []
    for p, (feature, dimension, actionable, sentence) in zip(points, [DRIVERS[i] for i in order], strict=True):
        driver = {"feature": feature, "sentence": sentence, "value": 2.0, "unit": "", "dimension": dimension}
        of_health = None if feature == "days_to_renewal" else -100 * float(p)
        told.append(driver | {"actionable": actionable, "points": float(p), "features": [feature],
                              "health_points": of_health, "peer": None})  # fmt: skip
    return json.dumps(told)


def _add_features(book: dict[str, Any], rng: np.random.Generator, n: int) -> None:
    for name in FEATURES:
        book[f"f_{name}"] = np.round(rng.gamma(2, 10, n))
    for name in ("seats_used_share", "users_ever_active_share", "registered_active_share_28d",
                 "milestones_reached_share"):  # fmt: skip
        book[f"f_{name}"] = rng.beta(4, 3, n)
    for name in ("events_change", "mrr_change_180d", "seats_change_180d"):
        book[f"f_{name}"] = rng.normal(0, 0.2, n)
    for name in ("nps_latest", "nps_mean_180d", "nps_sponsors_365d"):
        book[f"f_{name}"] = np.where(rng.random(n) < 0.5, rng.integers(0, 11, n), np.nan)
    for name, mean in (("milestones_overdue", 0.3), ("tickets_open", 1), ("escalated_tickets_180d", 0.2),
                       ("failed_payments_90d", 0.3), ("advocacy_365d", 0.3), ("new_users_90d", 2),
                       ("new_departments_180d", 0.2), ("new_features_90d", 1), ("renewals_completed", 1),
                       ("champions", 1), ("decision_makers", 1)):  # fmt: skip
        book[f"f_{name}"] = rng.poisson(mean, n).astype(float)
    book["f_csat_mean_180d"] = np.where(rng.random(n) < 0.5, rng.uniform(1, 5, n), np.nan)
    book["f_limit_used_share_30d"] = np.where(rng.random(n) < 0.6, rng.gamma(2, 0.25, n), np.nan)
    book["f_days_since_two_way_contact"] = np.where(rng.random(n) < 0.8, rng.integers(0, 200, n), np.nan)
    book["f_overdue_amount"] = np.where(rng.random(n) < 0.1, book["mrr"], 0.0)
    book["f_strategic"] = (rng.random(n) < 0.1).astype(float)
    book["f_tenure_days"] = rng.integers(1, 2000, n).astype(float)
    book["f_seats"] = rng.integers(1, 300, n).astype(float)


def _typed(book: dict[str, Any], n: int) -> pd.DataFrame:
    """All columns of a book in its order, then what the caller added, each of its kind."""
    order = [*COLUMNS, *(name for name in book if name not in COLUMNS)]
    figures = [name for name in order if COLUMNS.get(name) == "number"]
    others = [name for name in order if name not in figures]
    values, told = np.full((n, len(figures)), np.nan), np.full((n, len(others)), None, dtype=object)
    for place, name in enumerate(figures):
        values[:, place] = np.asarray(book.get(name, np.nan), dtype=float)
    for place, name in enumerate(others):
        column = book.get(name)
        told[:, place] = [column] * n if column is None or np.ndim(column) == 0 else list(column)
    frames = [pd.DataFrame(values, columns=figures), pd.DataFrame(told, columns=others, dtype=object)]
    return pd.concat(frames, axis=1)[order]
