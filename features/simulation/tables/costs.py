"""costs: what looking after customers costs each month, booked when the month is closed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.population import SEGMENTS
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.world import World

__all__ = ["costs"]

SALARY = 7_500.0  # a CSM a month, fully loaded
# A month, in parts of the MRR that runs; acquisition by the MRR that is new.
SHARES = {
    "renewals_team": 0.010,
    "tools": 0.008,
    "training": 0.004,
    "programs": 0.006,
    "services": 0.015,
    "support": 0.040,
    "account_management": 0.020,
    "cogs": 0.180,
}
ACQUISITION = 14.0  # times the new MRR
CLOSED_AFTER = 8  # days after the month


def costs(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """One row a month and CSM (csm), a month and segment (acquisition), and a month (all others); by month.

    Months whose books are not closed when the history ends are not in the table.
    """
    timeline, desk, terms = world.timeline, world.desk, seen.terms
    rng = stream(seed, "costs")
    starts = timeline.month_starts()
    ends = np.r_[starts[1:], timeline.days]
    worth = rng.uniform(0.9, 1.15, len(desk.csm_id))
    days, categories, amounts, csms, segments, stamps = [], [], [], [], [], []

    def add(start: int, end: int, category: str, amount: float, csm: int = -1, segment: int = -1) -> None:
        days.append(start)
        categories.append(category)
        amounts.append(round(amount, 2))
        csms.append(csm)
        segments.append(segment)
        stamps.append(end + CLOSED_AFTER + 0.6)

    every = np.arange(len(world.population))
    for start, end in zip(starts, ends, strict=True):
        noise = rng.uniform(0.9, 1.1, len(SHARES))
        if end + CLOSED_AFTER + 1 > timeline.days:
            continue
        weeks = np.arange(start // 7, -(-end // 7))
        for csm in np.unique(desk.csm[weeks]):
            share = (desk.csm[weeks] == csm).any(axis=1).mean()
            add(start, end, "csm", SALARY * worth[csm] * share, csm=int(csm))
        running = terms.mrr_on(every, np.full(len(every), start)).sum()
        for (category, part), factor in zip(SHARES.items(), noise, strict=True):
            add(start, end, category, running * part * factor)
        new = np.flatnonzero(
            (terms.begin >= start) & (terms.begin < end) & (terms.begin == world.population.start[terms.account])
        )
        for segment in range(len(SEGMENTS)):
            won = terms.mrr[new][world.population.segment[terms.account[new]] == segment].sum()
            if won:
                add(start, end, "acquisition", ACQUISITION * won, segment=segment)
    return frame(
        "costs",
        timeline,
        {
            "month": np.array(days, np.int64),
            "category": pd.array(categories, dtype="str"),
            "amount": np.array(amounts, float),
            "csm_id": look_up(desk.csm_id, np.array(csms, np.int64)),
            "segment": look_up(SEGMENTS, np.array(segments, np.int64)),
            "recorded_at": np.array(stamps, float),
        },
    )
