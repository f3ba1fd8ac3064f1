"""Made-up baselines for tests: accounts with an MRR and a churn probability in, an `Expectation` out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from success.baselines import MONTHS, SHARED, Expectation, Months

BASE = dt.date(2025, 7, 1)


def make_expectation(
    n: int = 40,
    seed: int = 0,
    *,
    csms: int = 4,
    base: dt.date = BASE,
    mrr: Sequence[float] | None = None,
    monthly_churn: float | Sequence[float] | None = None,
    growth: float = 0.0,
    csm_id: Sequence[str] | None = None,
    account_id: Sequence[str] | None = None,
    kind: str = "period",
    spread: float = 0.05,
    level_sd: float = 0.0,
    shock_sd: float = 0.0,
    growth_sd: float = 0.0,
) -> Expectation:
    """n accounts with constant monthly hazards.

    Parameters
    ----------
    monthly_churn : probability of leaving in a month, one for all or one each; drawn where it is None.
    growth : of the MRR of who is retained, a month.
    spread : standard deviation of that MRR over the first one, a month.
    """
    rng = np.random.default_rng(seed)
    start = np.asarray(rng.lognormal(6, 1, n).round(2) if mrr is None else mrr, dtype=float)
    p = rng.uniform(0.005, 0.06, n) if monthly_churn is None else np.broadcast_to(monthly_churn, n).astype(float)
    month = np.arange(1, MONTHS + 1)[None, :]
    churn = 1 - (1 - p[:, None]) ** month
    kept = start[:, None] * (1 + growth) ** month
    revenue = np.cumsum(kept * (1 - churn), axis=1)
    kept_revenue = np.cumsum(kept, axis=1)
    own = (1 - churn) * (start[:, None] * spread) ** 2 * month
    months = Months(
        churn,
        kept,
        revenue,
        kept_revenue,
        churn * (1 - churn) * kept**2 + own,
        churn * (1 - churn) * (kept_revenue / 2) ** 2 + own * month**2 / 3,
    )
    rows = pd.DataFrame(
        {
            "account_id": list(account_id) if account_id is not None else [f"a-{i + 1}" for i in range(n)],
            "csm_id": list(csm_id) if csm_id is not None else [f"c-{i % csms + 1}" for i in range(n)],
            "kind": kind,
            "period": f"{base:%Y-%m}" if kind == "period" else base.isoformat(),
            "as_of": pd.Series([base] * n, dtype=object),
            "model_version": "3",
            "source": "model",
            "reconstructed": False,
            "own_book_left_out": True,
            "segment": rng.choice(["smb", "mid", "enterprise"], n),
            "mrr": start,
        }
    )
    shared = pd.DataFrame(
        {name: np.full(n, value) for name, value in zip(SHARED, (level_sd, shock_sd, growth_sd), strict=True)}
    )
    return Expectation(rows, months, shared)
