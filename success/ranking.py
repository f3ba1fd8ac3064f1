"""Ranking: a book in; everybody at risk beyond the usual, the most urgent first, and who is worth a call, out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.practice import CallSettings, HealthSettings
from success.book import (
    bands_of,
    churn_of,
    displayed,
    headline_of,
    numbers,
    rule_health_of,
    scored,
    status_in,
    table,
    texts,
    typical_of,
    value_of,
)

__all__ = ["LEAST_AT_STAKE", "ranked"]

LEAST_AT_STAKE = 1.0
"""Monthly revenue at risk beyond the usual below which an account is not worth a call."""


def ranked(book: pd.DataFrame, calls: CallSettings, shown: HealthSettings) -> pd.DataFrame:
    """Everybody at risk beyond the usual, the most urgent first: account_id, csm_id, place (in the book), worth, ...

    `worth` is whether it is worth a call, `healthy` whether only its health speaks against one.
    """
    p, typical, value = churn_of(book), typical_of(book), value_of(book, calls.strategic_weight)
    told = scored(book)
    health = np.where(told, np.nan, displayed(rule_health_of(book)))
    by_rules = ~np.isnan(health) & ~status_in(book, "churned", "notice_given")
    at_stake = np.where(told, value * (p - typical), np.where(by_rules, value * (100 - health) / 100, np.nan))
    h = headline_of(book)
    involuntary = numbers(book, f"involuntary_{h}d")
    share = np.divide(involuntary, p, out=np.full(len(book), np.nan), where=told & (np.nan_to_num(p) > 0))
    # Of the rules' accounts the health that is shown is the rules'; no probability says that their risk is high.
    best = bands_of(pd.DataFrame({"health": health}), shown.bands, shown.edges)
    best = np.where(by_rules, best, bands_of(book, shown.bands, shown.edges))
    high = told & (p >= calls.high_risk * typical)
    healthy = (best == len(shown.bands) - 1) & ~high
    frame = table(
        {
            "account_id": texts(book, "account_id"),
            "csm_id": texts(book, "csm_id"),
            "place": np.arange(len(book)),
            "by_rules": by_rules,
            "at_stake": at_stake,
            "rule_health": health,
            "healthy": healthy,
            "worth": ~healthy & (np.nan_to_num(at_stake) >= LEAST_AT_STAKE),
            "involuntary_share": share,
            "billing": told & (np.nan_to_num(share) > calls.involuntary_share),
        }
    )
    frame = frame[np.nan_to_num(at_stake) > 0]
    return frame.sort_values(["by_rules", "at_stake", "account_id"], ascending=[True, False, True])
