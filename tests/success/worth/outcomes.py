"""Outcomes: a made-up expectation in; rows as a report reads them, with what came of it, drawn, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from success.baselines import Expectation

UNTIL = dt.date(2025, 10, 1)


def drawn_rows(
    expectation: Expectation,
    seed: int,
    *,
    spread: float = 0.05,
    level_sd: float = 0.0,
    shock_sd: float = 0.0,
    growth_sd: float = 0.0,
    hazards: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """What came of accounts in a world in which the forecast holds, but for what is shared and what CSMs do.

    Parameters
    ----------
    hazards : by CSM, what their accounts' hazards are multiplied by.
    """
    rng = np.random.default_rng(seed)
    n, moments = len(expectation), expectation.until(UNTIL)
    csm = expectation.rows["csm_id"].astype(object).to_numpy()
    shared = level_sd * rng.standard_normal() + shock_sd * rng.standard_normal() - (level_sd**2 + shock_sd**2) / 2
    factor = np.exp(shared) * np.array([(hazards or {}).get(c, 1.0) for c in csm])
    left = rng.random(n) < 1 - (1 - moments.churn) ** factor
    grown = 1 + growth_sd * rng.standard_normal()
    noise = spread * expectation.rows["mrr"].to_numpy()[:, None] * rng.standard_normal((n, 3))
    paid = moments.kept_exit[:, None] * grown + np.cumsum(noise, axis=1)
    # Who leaves does so on the first of a month, as the expectation has it.
    lasted = np.arange(3) < np.where(left, rng.integers(0, 3, n), 3)[:, None]
    staying = 14 * (spread * expectation.rows["mrr"].to_numpy()) ** 2  # 3, 2 and 1 months of the same three steps
    stake = moments.kept_revenue * (2 / 3)
    variance = (1 - moments.churn) * staying + moments.churn * (2 / 3) * moments.kept_exit**2
    variance += moments.churn * (1 - moments.churn) * stake**2
    return pd.DataFrame(
        {
            "account_id": expectation.rows["account_id"],
            "name": None,
            "csm_id": csm,
            "share": 1.0,
            "mrr": expectation.rows["mrr"],
            "p": moments.churn,
            "expected_exit": moments.exit,
            "kept_exit": moments.kept_exit,
            "sd_exit": moments.sd_exit,
            "realised_exit": np.where(left, 0.0, paid[:, -1]),
            "expected_revenue": moments.revenue,
            "kept_revenue": moments.kept_revenue,
            "sd_revenue": np.sqrt(variance),
            "realised_revenue": (paid * lasted).sum(axis=1),
            "left": left,
            "left_on": pd.Series(
                np.where(left, np.datetime64("2025-08-15"), np.datetime64("NaT")), dtype="datetime64[us]"
            ),
            **{name: expectation.shared[name].to_numpy() for name in expectation.shared},
            "source": "model",
            "borrowed": False,
            "reconstructed": False,
            "own_book_left_out": True,
        }
    )
