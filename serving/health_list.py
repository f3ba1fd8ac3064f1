"""Health list: a book in; every account with its health and what stands beside it, the lowest first, out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.feature import DIMENSIONS
from features.settings import Settings
from success.book import bands_of, churn_of, displayed, numbers, records, texts
from success.phrases import counted, verb

__all__ = ["HEALTH_ROW", "health_rows", "health_summary"]

HEALTH_ROW = {
    **dict.fromkeys(("account_id", "name", "csm_id", "segment", "stage", "plan", "status", "reason"), "text"),
    **dict.fromkeys(("mrr", "mrr_at_risk"), "number"),
    "renews_on": "date",
    "health": "points",
    **dict.fromkeys(("band", "health_source", "health_cell"), "text"),
    **{f"health_{name}": "points" for name in DIMENSIONS},
    **dict.fromkeys(("calendar_points", "plan_points", "no_data_points"), "number"),
    **dict.fromkeys(("rule_health", "pulse"), "points"),
    "pulse_on": "date",
    **dict.fromkeys(("health_7d", "health_28d"), "points"),
    "change_7d_customer": "number",
    "churn": "number",
    "reading": "text",
}
"""The members of a row in their order, each text, a number, a date, or points of 0 to 100 as they are shown."""


def health_rows(book: pd.DataFrame, count: int | None = None) -> list[dict[str, Any]]:
    """Every account, the lowest health first, then what pays more; those without a health last.

    Parameters
    ----------
    count : rows at most.

    Returns
    -------
    `HEALTH_ROW`; `churn` is the probability at the headline horizon. What is exact stands in POST /score.
    """
    order = pd.DataFrame(
        {
            "health": numbers(book, "health"),
            "mrr": -np.nan_to_num(numbers(book, "mrr")),
            "id": texts(book, "account_id"),
        }
    )
    places = order.sort_values(["health", "mrr", "id"], na_position="last").index.to_numpy()[:count]
    churn, rows = churn_of(book)[places], book.iloc[places]
    told: dict[str, Any] = {}
    for name, kind in HEALTH_ROW.items():
        if kind == "points":
            told[name] = displayed(numbers(rows, name))
        else:
            told[name] = numbers(rows, name) if kind == "number" else texts(rows, name)
    return records(pd.DataFrame({**told, "churn": churn}))


def health_summary(book: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """How many accounts are in each band, the worst first, and how many have no health, which stand last."""
    bands = settings.health.bands
    places = bands_of(book, bands, settings.health.edges)
    without = int((places < 0).sum())
    note = f"{counted(without, 'account')} without a health {verb(without, 'stands', 'stand')} last."
    counts = np.bincount(places[places >= 0], minlength=len(bands))
    return {
        "bands": [{"band": band, "accounts": int(n)} for band, n in zip(bands, counts, strict=True)],
        "left_out": {},
        "notes": [note] if without else [],
    }
