"""A small kernel whose risk depends on behaviour, on the calendar, and on both together; and rows for it."""

from __future__ import annotations

from functools import cache

import lightgbm
import numpy as np
import pandas as pd

from features.catalogue import CATALOGUE
from training.kernel import Interval, Kernel, SmoothMap
from training.words import words_of

NAMES = (
    "active_users_28d",
    "tickets_open",
    "core_features_share_28d",
    "overdue_invoices",
    "tenure_days",
    "days_to_renewal",
    "term_months",
    "segment",
)
SEGMENTS = ["large", "mid", "smb"]


def rows_of(n: int, seed: int) -> pd.DataFrame:
    """n accounts with gaps here and there; annual terms, one in five monthly."""
    rng = np.random.default_rng(seed)
    term = np.where(rng.random(n) < 0.2, 1.0, 12.0)
    frame = pd.DataFrame(
        {
            "active_users_28d": rng.poisson(8, n).astype(float),
            "tickets_open": rng.poisson(1, n).astype(float),
            "core_features_share_28d": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
            "overdue_invoices": rng.poisson(0.3, n).astype(float),
            "tenure_days": rng.integers(1, 1500, n).astype(float),
            "days_to_renewal": np.where(term > 1, rng.integers(0, 365, n), rng.integers(0, 30, n)).astype(float),
            "term_months": term,
            "segment": pd.array(rng.choice(SEGMENTS, n), dtype="str"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "tickets_open"] = np.nan
    return frame


@cache
def kernel(seed: int = 0) -> Kernel:
    """Fitted on made-up outcomes: who uses little leaves, most of all where the renewal is near."""
    rows = rows_of(4000, seed + 1000)
    rng = np.random.default_rng(seed)
    near = (rows["days_to_renewal"] < 90).to_numpy()
    margin = (
        -2.5 - 0.25 * (rows["active_users_28d"] - 8) * (0.4 + near) + 0.4 * rows["tickets_open"].fillna(0) + 1.5 * near
        - 1.5 * rows["core_features_share_28d"].fillna(0.5) + 0.5 * rows["overdue_invoices"]
    ).to_numpy()  # fmt: skip
    labels = (rng.random(len(rows)) < 1 / (1 + np.exp(-margin))).astype(float)
    matrix = rows.assign(segment=[SEGMENTS.index(s) for s in rows["segment"]]).to_numpy(dtype=np.float64)
    intervals = []
    for until, strength in ((30, 0.6), (90, 1.0)):
        data = lightgbm.Dataset(
            matrix, labels, feature_name=list(NAMES), categorical_feature=[7], params={"verbosity": -1}
        )
        parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed, "num_leaves": 8,
                      "learning_rate": 0.2, "min_data_in_leaf": 20}  # fmt: skip
        text = str(lightgbm.train(parameters, data, num_boost_round=25).model_to_string())
        intervals.append(Interval(until, text, {}, SmoothMap((), (), (-0.4, strength)), 0.2, 0.3))
    return Kernel(
        intervals, NAMES, {"segment": SEGMENTS},
        {"active_users_28d": 8.0, "tickets_open": 1.0, "core_features_share_28d": 0.5, "overdue_invoices": 0.0,
         "tenure_days": 500.0, "days_to_renewal": 170.0, "term_months": 12.0, "segment": "smb"},
        CATALOGUE.hash, words=words_of(CATALOGUE, NAMES),
    )  # fmt: skip
