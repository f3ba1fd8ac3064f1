"""The reference: rows and probabilities from training in; what later rows are compared with out, as plain JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from training.encoding import category_columns
from training.monitoring.realised import calibration_error

__all__ = ["REFERENCE_FILE", "REFERENCE_FORMAT", "bin_numbers", "leaving", "make_reference", "scores_reference"]

REFERENCE_FILE = "reference.json"
REFERENCE_FORMAT = "tenure-reference-1"
_MONTHS = 12
"""A year holds every season once; what is older says little about today's customers."""
_QUANTILES = np.linspace(0.0, 1.0, 101)
_MOST_VALUES = 200


def make_reference(
    rows: pd.DataFrame,
    probabilities: Mapping[int, np.ndarray],
    accounts: np.ndarray,
    as_of: np.ndarray,
    *,
    calibration: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None,
    scored_from: dt.date | None = None,
    tables: Iterable[str] = (),
    holdout: Mapping[int, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """What the champion was used to: stored as reference.json beside its card.

    Only the latest twelve months of the rows are used, so that every season is in it once.

    Parameters
    ----------
    rows : (n, k) model inputs of every as_of day there is, matured or not; no day between may be left out.
    probabilities : by horizon, (n,) of the registered model on these rows.
    accounts, as_of : (n,) account ids and datetime64[D].
    calibration : by horizon, the labels, calibrated probabilities and accounts of the block the registered model was
        calibrated on; without it a horizon's calibration error is guessed from the card.
    scored_from : first as_of day on which no tree was fitted; scores are compared with those from then on, since a
        model is surer of the rows it has learned from. The latest day alone when not given.
    tables : names of the tables that the history had.
    holdout : by horizon, figures of the recipe on the holdout, as in {"log_loss": 0.21, "auc": 0.81}.
    """
    days = np.unique(as_of)
    first = (pd.Timestamp(days[-1]) - pd.DateOffset(months=_MONTHS)).to_datetime64().astype("datetime64[D]")
    kept = as_of > first
    rows, accounts, as_of = rows[kept], accounts[kept], as_of[kept]
    fresh_from = np.datetime64(scored_from, "D") if scored_from else days[-1]
    fresh = as_of >= min(fresh_from, days[-1])
    horizons: dict[str, Any] = {}
    for horizon in sorted(probabilities):
        described = scores_reference(probabilities[horizon][kept], as_of, fresh)
        labelled = (calibration or {}).get(horizon)
        if labelled is not None:
            error = calibration_error(*labelled)
            described["calibration"] = {"level": error.level, "slope": error.slope}
        described["holdout"] = {k: float(v) for k, v in (holdout or {}).get(horizon, {}).items() if np.isfinite(v)}
        horizons[str(horizon)] = described
    categories = category_columns(rows)
    return {
        "format": REFERENCE_FORMAT,
        "first_as_of": str(as_of.min()),
        "last_as_of": str(as_of.max()),
        "rows": len(rows),
        "accounts": int(np.unique(accounts).size),
        "tables": sorted(tables),
        "features": {
            str(name): _category(rows[name]) if name in categories else _number(rows[name]) for name in rows.columns
        },
        "horizons": horizons,
        "leaving": leaving(accounts, as_of),
    }


def bin_numbers(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts of (n,) values between ascending edges, and of missing ones last: (edges + 2,)."""
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()).astype(np.float64)


def _number(column: pd.Series) -> dict[str, Any]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    there = values[np.isfinite(values)]
    edges = np.unique(np.quantile(there, np.linspace(0.1, 0.9, 9))) if len(there) else np.zeros(0)
    points = np.quantile(there, _QUANTILES, method="inverted_cdf") if len(there) else np.zeros(0)
    return {
        "kind": "number",
        "edges": edges.tolist(),
        "shares": (bin_numbers(values, edges) / len(values)).tolist(),
        "quantiles": points.tolist(),
    }


def _category(column: pd.Series) -> dict[str, Any]:
    shares = column.astype(object).value_counts(normalize=True, dropna=True) * column.notna().mean()
    kept = {str(value): float(share) for value, share in shares.head(_MOST_VALUES).items()}
    return {"kind": "category", "shares": kept, "missing": float(column.isna().mean()), "all": len(shares) <= len(kept)}


def scores_reference(probabilities: np.ndarray, as_of: np.ndarray, fresh: np.ndarray) -> dict[str, Any]:
    """The rate expected on each day, and how probabilities lay on the days that no tree has seen."""
    scored = probabilities[fresh]
    edges = np.unique(np.quantile(scored, np.linspace(0.1, 0.9, 9)))
    return {
        "expected_rate": float(scored.mean()),
        "rates": {str(day): float(probabilities[as_of == day].mean()) for day in np.unique(as_of)},
        "edges": edges.tolist(),
        "shares": (bin_numbers(scored, edges)[:-1] / len(scored)).tolist(),
    }


def leaving(accounts: np.ndarray, as_of: np.ndarray) -> list[dict[str, Any]]:
    """From each as_of day to the next: the customers scored, and those of them no longer scored."""
    days = np.unique(as_of)
    apart = np.diff(days).astype(int)
    found = []
    for earlier, later, between in zip(days, days[1:], apart, strict=False):
        if between > 1.5 * apart.min():
            continue  # days between are left out, and with them whoever came and went
        before, after = set(accounts[as_of == earlier].tolist()), set(accounts[as_of == later].tolist())
        found.append({"from": str(earlier), "until": str(later), "customers": len(before), "left": len(before - after)})
    return found
