"""Calls: scores in, the accounts to call first out."""

from __future__ import annotations

import pandas as pd

__all__ = ["accounts_to_call", "lowest_health"]


def accounts_to_call(scores: pd.DataFrame, horizon: int, count: int = 5) -> pd.DataFrame:
    """The accounts with the most monthly revenue at risk beyond the usual.

    Ordered by `mrr * (p - p_typical)`: a large account with an ordinary risk is not urgent because it is large.

    Parameters
    ----------
    scores : columns status, mrr (a month), churn_<h>d, typical_<h>d.
    count : rows at most.

    Returns
    -------
    The rows of scored accounts above the typical risk, most urgent first.
    """
    scored = scores[scores["status"].isin(("ok", "stale")) & (scores["mrr"] > 0)]
    excess = (scored[f"churn_{horizon}d"] - scored[f"typical_{horizon}d"]) * scored["mrr"]
    order = excess[excess > 0].sort_values(ascending=False, kind="stable").index[:count]
    return scored.loc[order]


def lowest_health(scores: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """The paying accounts with the lowest health, where there is no probability to go by.

    Parameters
    ----------
    scores : columns health (0 to 100, higher is healthier), mrr.
    count : rows at most.

    Returns
    -------
    Their rows, the lowest first; of accounts with the same health the one that pays more.
    """
    known = scores[scores["health"].notna() & (scores["mrr"] > 0)]
    return known.sort_values(["health", "mrr"], ascending=[True, False], kind="stable").head(count)
