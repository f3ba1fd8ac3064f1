"""Two gauges over small real kernels, and days of accounts for them, which anything may have happened between."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from features.contract import CONTRACT
from success.change import Day, Earlier, absent_features
from success.gauge import Gauge
from success.health import Scale
from tests.training import renewing
from training.anchors import make_anchors

STAGES = ("onboarding", "adoption", "renewal", "expansion")
ALL = frozenset(CONTRACT)


@cache
def gauge(seed: int = 0) -> Gauge:
    """A kernel of the renewing accounts, with anchors of a cohort of its own."""
    kernel, rows = renewing.kernel(seed), renewing.rows_of(2500, 77 + seed)
    accounts = np.arange(len(rows)).astype(str).astype(object)
    stages = np.random.default_rng(seed).choice(np.array(STAGES, dtype=object), len(rows), p=[0.1, 0.4, 0.4, 0.1])
    anchors = make_anchors(kernel, rows, accounts, stages, 90)
    dimensions = tuple(kernel.words[name].dimension for name in kernel.feature_names)
    return Gauge(kernel, Scale(anchors, kernel.feature_names, dimensions, 10.0, frozenset({"core_features_share_28d"})))


def day_of(rows: pd.DataFrame, seed: int, tables: frozenset[str] = ALL, stale: bool = False) -> Day:
    """Accounts somewhere in their lives; what the tables do not feed is missing."""
    rng = np.random.default_rng(seed)
    rows = rows.assign(**dict.fromkeys(sorted(absent_features(tables) & set(rows.columns)), np.nan))
    stages = rng.choice(np.array([*STAGES, "unheard of"], dtype=object), len(rows)).tolist()
    segments = [value if isinstance(value, str) else None for value in rows["segment"]]
    return Day(rows, segments, stages, np.full(len(rows), stale), tables)


def stored(gauge: Gauge, day: Day, *, same: bool = True, known: bool = True) -> Earlier:
    """A day as it is stored when a gauge has scored it; `same` and `known` as today's model finds it."""
    found = gauge.health(gauge.told(day.rows), day.rows, day.segments, day.stages, absent_features(day.tables))
    n = len(day.rows)
    return Earlier(day, found.health, found.calendar, np.full(n, same), np.full(n, known))
