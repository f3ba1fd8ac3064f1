"""Build: the rows of features for the cohorts of some as_of days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import pandas as pd

from features.catalogue import CATALOGUE
from features.engine import compute_features
from features.errors import TenureError
from features.feature import Catalogue
from features.history import History

__all__ = ["build_features"]

AT_ONCE = 32
"""As_of days that share one reading of each table; more at once would need more memory, not less time."""


def build_features(
    history: History,
    as_ofs: Sequence[dt.date],
    catalogue: Catalogue = CATALOGUE,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """One row per cohort account and as_of day, from what was visible before that day.

    Parameters
    ----------
    progress : called with the number of days done and in all, after each day.

    Returns
    -------
    Columns account_id, as_of (datetime64[us]), then every feature in the catalogue's order: numbers as float64 with
    NaN where missing, categories as str objects with None; sorted by as_of and account_id.

    Raises
    ------
    TenureError : a table, as known on one of the days, has too many rows that cannot be right, or a day comes before
        anything is known.
    """
    frames = []
    days = sorted(set(as_ofs))
    for as_of in days:
        _require_known(history, as_of)
        history.require_sound(as_of)
    for start in range(0, len(days), AT_ONCE):
        some = days[start : start + AT_ONCE]
        frame = compute_features(catalogue, history, some)
        frame.insert(1, "as_of", pd.to_datetime(frame.pop("as_of")).astype("datetime64[us]"))
        frames.append(frame)
        if progress:
            progress(start + len(some), len(days))
    if not frames:
        raise TenureError("No as_of day was given, so there is nothing to compute; give at least one.")
    rows = pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)
    rows["account_id"] = rows["account_id"].astype(object)
    for name in catalogue.categories:
        values = rows[name].astype(object)
        rows[name] = values.where(values.notna(), None)
    return rows


def _require_known(history: History, as_of: dt.date) -> None:
    row = history.con.execute(
        f"SELECT count(*), (SELECT min(_known) FROM subscriptions) FROM {history.visible('subscriptions', as_of)}"
    ).fetchone()
    count, first = row or (0, None)
    if not count:
        begins = f"the first subscription became known on {first:%Y-%m-%d}" if first else "there is no subscription"
        raise TenureError(f"Nothing is known before {as_of}: {begins}; choose a later as_of day.")
