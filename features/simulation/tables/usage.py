"""usage: what each user did on each day, by feature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.contracts import ENTITLED, FEATURES
from features.simulation.tables.users import People
from features.simulation.world import World

__all__ = ["usage"]

DAILY = 0.20  # chance that an ordinary user comes on a working day
WEEKEND = 0.2  # relative to a working day
CHUNK_WEEKS = 4
POPULAR = np.array([0.30, 0.25, 0.14, 0.10, 0.07, 0.05, 0.04, 0.02, 0.02, 0.01])


def usage(
    world: World, seen: Activity, them: People, seed: int, progress: Callable[[str, float], None] | None = None
) -> pd.DataFrame:
    """One row a (day, account, user, feature) with use, in that order but for the features."""
    timeline = world.timeline
    rng = stream(seed, "usage")
    # What nobody can explain: a level of its own, and busy and quiet weeks.
    noise = 0.22 * rng.standard_normal(seen.level.shape, dtype=np.float32)
    log_rate = 0.62 * seen.level + world.population.habit.astype(np.float32) + noise + np.float32(np.log(DAILY))
    keen = them.keen.astype(np.float32)
    parts: list[list[np.ndarray]] = []
    for first in range(0, timeline.days, CHUNK_WEEKS * 7):
        days = np.arange(first, min(first + CHUNK_WEEKS * 7, timeline.days))
        around = np.flatnonzero((them.created <= days[-1]) & (them.deactivated > first))
        account = them.account[around]
        weekday = (np.datetime64(timeline.start, "D") + days).astype("datetime64[D]").view("int64") % 7
        working = np.where((weekday == 2) | (weekday == 3), WEEKEND, 1.0).astype(np.float32)  # 1970 began on a Thursday
        weeks, week_of_day = np.unique(days // 7, return_inverse=True)
        chance = (np.exp(log_rate[weeks])[:, account] * keen[around])[week_of_day] * working[:, None]
        may = seen.open[days][:, account]
        may &= (days[:, None] >= them.created[around]) & (days[:, None] < them.deactivated[around])
        active = rng.random(chance.shape, dtype=np.float32) < np.minimum(chance, 0.92) * may
        at_day, at_user = np.nonzero(active)
        day, user = days[at_day], around[at_user]
        parts.append([day, user, *_features(rng, seen, day, them.account[user])])
        if progress is not None:
            progress("recording usage", (days[-1] + 1) / timeline.days)
    day, user, used, level = (np.concatenate(column) for column in zip(*parts, strict=True))
    at, feature = np.nonzero(used)
    day, user, level = day[at], user[at], level[at]
    events = 1 + rng.poisson(3.2 * np.exp(0.3 * level))
    minutes = events * rng.standard_gamma(2.0, len(events), dtype=np.float32)
    return frame(
        "usage",
        timeline,
        {
            "account_id": look_up(world.population.account_id, them.account[user]),
            "day": day,
            "feature": look_up(FEATURES, feature),
            "events": events,
            "user_id": look_up(them.user_id, user),
            "minutes": np.round(minutes, 1),
        },
    )


def _features(
    rng: np.random.Generator, seen: Activity, day: np.ndarray, account: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which features each (day, user) uses, (n, features), and the level behind it; at least one, all entitled."""
    n = len(day)
    level = seen.level[day // 7, account]
    entitled = np.array(ENTITLED)[seen.plan[day, account]]
    shares = POPULAR.cumsum()
    favourite = np.searchsorted(shares, rng.random(n) * shares[entitled - 1]).clip(0, entitled - 1)
    used = np.zeros((n, len(FEATURES)), bool)
    used[np.arange(n), favourite] = True
    # Others beside it, more of them where the product is at home.
    for chance in (0.40, 0.20):
        more = np.flatnonzero(rng.random(n, dtype=np.float32) < chance * np.exp(0.35 * level))
        used[more, np.floor(rng.random(len(more)) * entitled[more]).astype(np.int64)] = True
    return used, level
