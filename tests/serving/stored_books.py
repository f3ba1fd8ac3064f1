"""Stored books: a made-up book in; the score file and the features that a store makes the same book of, out."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd

__all__ = ["score_file"]

COMPUTED = dt.datetime(2026, 2, 1, 3, tzinfo=dt.UTC)


def score_file(book: pd.DataFrame, as_of: dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `write_day` takes: the book's rows with drivers that add up to their probabilities, and its features."""
    features = {name.removeprefix("f_"): book[name].to_numpy() for name in book.columns if name.startswith("f_")}
    apart = ("f_", "change_28d", "top")
    columns = {name: book[name].to_numpy() for name in book.columns if not name.startswith(apart)}
    columns |= {"as_of": pd.Timestamp(as_of), "computed_at": COMPUTED, "catalogue_hash": "c0ffee" * 10}
    columns |= {"not_validated_in_time": None, "expansion_drivers_horizon": None, "expansion_drivers": None}
    outlook = zip(book["top"], book["churn_90d"], book["typical_90d"], strict=True)
    columns["drivers"] = [_adding_up(*told) for told in outlook]
    if book["expansion_90d"].notna().any():
        growth = zip(book["expansion_90d"], book["expansion_typical_90d"], strict=True)
        columns["expansion_drivers"] = [_adding_up("[]", *told) for told in growth]
        columns["expansion_drivers_horizon"] = np.where(book["expansion_90d"].notna(), 90.0, np.nan)
    accounts = pd.Index(book["account_id"], name="account_id")
    return pd.DataFrame(columns, index=range(len(book))), pd.DataFrame(features, index=accounts)


def _adding_up(top: object, probability: float, typical: float) -> str | None:
    """The largest drivers and one more, small ones together, which makes the sum."""
    if np.isnan(probability):
        return None
    drivers = json.loads(top) if isinstance(top, str) else []
    rest = probability - typical - sum(driver["points"] for driver in drivers)
    others = {"sentence": "Much else", "value": None, "unit": None, "dimension": "growth", "actionable": False}
    more = {"features": ["others"], "health_points": 0.0, "peer": None}
    return json.dumps([*drivers, {"feature": "others", **others, "points": float(rest), **more}])
