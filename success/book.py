"""Book: one row an account, every figure as a typed column, in; its columns, and rows as JSON can say them, out.

A book may lack columns: runs that were scored by an earlier version, or by the scorecard alone, have fewer. Every
reader here gives what is unknown (NaN, None) for a column that is not there.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.feature import DIMENSIONS

__all__ = [
    "COLUMNS",
    "FEATURES",
    "SCORED",
    "as_json",
    "bands_of",
    "churn_of",
    "day_of",
    "days_since",
    "displayed",
    "empty_book",
    "finite",
    "headline_of",
    "numbers",
    "records",
    "rule_health_of",
    "scored",
    "status_in",
    "table",
    "texts",
    "typical_of",
    "value_of",
]

FEATURES = (
    "seats_used_share",
    "users_ever_active_share",
    "registered_active_share_28d",
    "milestones_reached_share",
    "milestones_overdue",
    "days_to_first_value",
    "days_since_last_use",
    "active_users_28d",
    "active_users_before",
    "events_change",
    "tickets_open",
    "escalated_tickets_180d",
    "overdue_amount",
    "failed_payments_90d",
    "nps_latest",
    "nps_mean_180d",
    "nps_sponsors_365d",
    "days_since_survey",
    "csat_mean_180d",
    "champions",
    "decision_makers",
    "days_since_sponsor_use",
    "advocacy_365d",
    "days_since_two_way_contact",
    "touches_90d",
    "days_since_qbr",
    "mrr_change_180d",
    "seats_change_180d",
    "limit_used_share_30d",
    "new_users_90d",
    "new_departments_180d",
    "new_features_90d",
    "tenure_days",
    "renewals_completed",
    "days_to_renewal",
    "term_months",
    "seats",
    "strategic",
)
"""The features that a book carries, each as the column `f_<name>` (float64)."""

SCORED = ("ok", "stale")
"""The statuses of accounts that a model spoke of."""

_TEXTS = (
    "account_id", "status", "reason", "name", "segment", "csm_id", "plan", "reading", "stage", "health_source",
    "health_cell", "band", "rule_scores", "moved", "arm", "model_version", "expansion_version", "top",
)  # fmt: skip
_DATES = (
    "as_of", "renews_on", "pulse_on", "health_before_on", "health_7d_on", "health_28d_on", "listed_since",
    "advocated_on", "churned_on",
)  # fmt: skip
_HEADLINE = 90
_HORIZONS = (30, 90, 180, 365)
_BY_HORIZON = (
    "churn_{}d", "churn_{}d_low", "churn_{}d_high", "typical_{}d", "involuntary_{}d", "expected_mrr_{}d",
    "expansion_{}d", "expansion_{}d_low", "expansion_{}d_high", "expansion_typical_{}d",
)  # fmt: skip
_NUMBERS = (
    "mrr", "mrr_at_risk", "renewal_next", "drivers_horizon",
    *(name.format(h) for name in _BY_HORIZON for h in _HORIZONS),
    "health", *(f"health_{name}" for name in DIMENSIONS), "health_anchor", "points_to_double", "calendar_points",
    "plan_points", "no_data_points", "rule_health", *(f"rule_{name}" for name in DIMENSIONS), "pulse",
    "health_before", "health_before_now", "change_customer", "change_stage", "change_data", "change_model",
    "change_calendar", "health_7d", "change_7d_customer", "change_7d_other", "health_28d", "change_28d_customer",
    "change_28d_other", "list_rank", *(f"f_{name}" for name in FEATURES),
)  # fmt: skip

COLUMNS: dict[str, str] = {
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_DATES, "date"),
    **dict.fromkeys(_NUMBERS, "number"),
}
"""The kind of each column: text (object, None), date (object of datetime.date, None) or number (float64, NaN)."""


def empty_book() -> pd.DataFrame:
    """A book without an account, with every column."""
    kinds = {"number": np.float64}
    return pd.DataFrame({name: pd.Series([], dtype=kinds.get(kind, object)) for name, kind in COLUMNS.items()})


def numbers(book: pd.DataFrame, name: str) -> np.ndarray:
    """(n,) float64 of a column; NaN where it is unknown or the book lacks it."""
    if name not in book.columns:
        return np.full(len(book), np.nan)
    return np.array(book[name].to_numpy(dtype=np.float64, na_value=np.nan))


def texts(book: pd.DataFrame, name: str) -> np.ndarray:
    """(n,) objects of a column, str or None."""
    if name not in book.columns:
        return np.full(len(book), None, dtype=object)
    found = book[name].astype(object)
    return found.where(found.notna(), None).to_numpy(dtype=object)


def headline_of(book: pd.DataFrame) -> int | None:
    """The horizon that the book's drivers speak of, else the horizon of churn nearest to 90 days; None without any."""
    if len(said := numbers(book, "drivers_horizon")) and not np.isnan(said).all():
        return int(np.nanmax(said))
    found = [int(match[1]) for name in book.columns if (match := re.fullmatch(r"churn_(\d+)d", str(name)))]
    return min(found, key=lambda h: (abs(h - _HEADLINE), h)) if found else None


def day_of(book: pd.DataFrame) -> dt.date | None:
    """The day that the book speaks from; None where it does not say, or has no account."""
    said = [day for day in texts(book.iloc[:1], "as_of") if isinstance(day, dt.date)]
    return said[0] if said else None


def churn_of(book: pd.DataFrame) -> np.ndarray:
    """(n,) probability of churn at the headline horizon; NaN where no model spoke of the account."""
    horizon = headline_of(book)
    return numbers(book, f"churn_{horizon}d") if horizon else np.full(len(book), np.nan)


def typical_of(book: pd.DataFrame) -> np.ndarray:
    """(n,) the typical account's probability at the headline horizon; NaN where it is unknown."""
    horizon = headline_of(book)
    return numbers(book, f"typical_{horizon}d") if horizon else np.full(len(book), np.nan)


def scored(book: pd.DataFrame) -> np.ndarray:
    """(n,) whether a model gave the account a probability and a typical one beside it."""
    return status_in(book, *SCORED) & ~np.isnan(churn_of(book)) & ~np.isnan(typical_of(book))


def status_in(book: pd.DataFrame, *statuses: str) -> np.ndarray:
    """(n,) whether an account's status is one of some."""
    if "status" not in book.columns:
        return np.zeros(len(book), dtype=bool)
    return np.asarray(book["status"].isin(statuses))


def value_of(book: pd.DataFrame, strategic_weight: float = 1.0) -> np.ndarray:
    """(n,) monthly revenue, times the weight where the account is strategic; 0 where it is unknown."""
    mrr = np.nan_to_num(numbers(book, "mrr"), nan=0.0)
    return np.where(numbers(book, "f_strategic") == 1, mrr * strategic_weight, mrr)


def rule_health_of(book: pd.DataFrame) -> np.ndarray:
    """(n,) health by the rules: that of the scorecard, else the book's health where that is rule-based; exact."""
    rules, by_rules = numbers(book, "rule_health"), texts(book, "health_source") == "rule_based"
    return np.where(np.isnan(rules) & by_rules, numbers(book, "health"), rules)


def days_since(day: dt.date | None, today: dt.date | None) -> float:
    """Days from one day to another; NaN where one of them is not known."""
    return float("nan") if day is None or today is None else float((today - day).days)


def finite(value: object) -> float | None:
    """A value as a number; None where it is none, not finite or a truth value.

    >>> finite(2), finite(float("nan")), finite(True), finite("2")
    (2.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def displayed(points: np.ndarray) -> np.ndarray:
    """(n,) health as it is shown: 0 to 100, whole; NaN stays."""
    return np.asarray(np.round(np.clip(points, 0, 100)), dtype=np.float64)


def bands_of(book: pd.DataFrame, bands: Sequence[str], edges: Sequence[float], name: str = "health") -> np.ndarray:
    """(n,) number of the band that a column of health falls into, 0 for the worst; -1 where it is unknown.

    The stored band of `health` holds where there is one, so that a list never contradicts the score beside it.
    """
    shown = displayed(numbers(book, name))
    places = np.where(np.isnan(shown), -1, np.searchsorted(np.asarray(edges, float), shown, side="right"))
    if name == "health" and "band" in book.columns:
        known = {band: place for place, band in enumerate(bands)}
        places = np.array(
            [known.get(said, place) for said, place in zip(texts(book, "band"), places, strict=True)], int
        )
    return places.astype(int)


def table(told: Mapping[str, Any], order: Sequence[str] | None = None) -> pd.DataFrame:
    """A frame of columns (n,), in an order; what is None in a list or an array of objects stays None.

    >>> table({"name": ["Zoë", None], "mrr": np.array([1.0, 2.0])}, ("mrr", "name"))["name"].tolist()
    ['Zoë', None]
    """
    columns = {}
    for name in order or told:
        values = told[name]
        found = np.array(values, dtype=object) if isinstance(values, list) else np.asarray(values)
        columns[name] = pd.Series(found, dtype=found.dtype)  # a frame by itself would read objects as texts
    return pd.DataFrame(columns)


def records(frame: pd.DataFrame, columns: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Rows as JSON can say them: what is unknown or not finite is None, days are ISO text, numbers are Python's.

    >>> records(pd.DataFrame({"mrr": [1.5, float("nan")], "as_of": [dt.date(2026, 1, 5), None]}))
    [{'mrr': 1.5, 'as_of': '2026-01-05'}, {'mrr': None, 'as_of': None}]
    """
    names = [str(name) for name in (frame.columns if columns is None else columns)]
    told = [[_plain(value) for value in frame[name].tolist()] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*told, strict=True)]


def as_json(told: object) -> list[dict[str, Any]]:
    """The objects of a list that is JSON text or was read already; empty where there is none or it cannot be read.

    >>> as_json('[{"points": 1}, 2]'), as_json([{"points": 1}]), as_json("no JSON"), as_json(None)
    ([{'points': 1}], [{'points': 1}], [], [])
    """
    found = told
    if isinstance(told, str):
        try:
            found = json.loads(told)
        except ValueError:
            return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.date):  # a time is one too
        return value.isoformat()
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value
