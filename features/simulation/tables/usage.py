"""usage: what each user did on each day, by feature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.contracts import ENTITLED, FEATURES
from features.simulation.world import World

__all__ = ["usage"]

CHUNK = 200_000
POPULAR = np.array([0.30, 0.25, 0.14, 0.10, 0.07, 0.05, 0.04, 0.02, 0.02, 0.01])


def usage(
    world: World, seen: Activity, seed: int, progress: Callable[[str, float], None] | None = None
) -> pd.DataFrame:
    """One row a (day, account, user, feature) with use, in that order but for the features."""
    timeline, them, uses = world.timeline, world.recorded.people, world.recorded.uses
    rng = stream(seed, "usage")
    parts: list[list[np.ndarray]] = []
    for at in range(0, len(uses.day), CHUNK):
        day, user = uses.day[at : at + CHUNK], uses.user[at : at + CHUNK]
        used, level = _features(rng, seen, day, them.account[user])
        row, feature = np.nonzero(used)
        level = level[row]
        events = 1 + rng.poisson(3.2 * np.exp(0.3 * level))
        minutes = np.round(events * rng.standard_gamma(2.0, len(events), dtype=np.float32), 1)
        parts.append([day[row], user[row], feature, events, minutes])
        if progress is not None:
            progress("recording usage", min(1.0, (at + CHUNK) / len(uses.day)))
    if not parts:
        parts = [[np.zeros(0, np.int64)] * 4 + [np.zeros(0)]]
    day, user, feature, events, minutes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return frame(
        "usage",
        timeline,
        {
            "account_id": look_up(world.population.account_id, them.account[user]),
            "day": day,
            "feature": look_up(FEATURES, feature),
            "events": events,
            "user_id": look_up(them.user_id, user),
            "minutes": minutes,
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
