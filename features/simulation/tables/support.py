"""tickets: what customers complain about, and how it is dealt with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.late import delays
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.someone import someone
from features.simulation.world import World

__all__ = ["tickets"]

PRIORITIES = ("low", "normal", "high", "urgent")
CATEGORIES = ("question", "bug", "outage", "billing", "access", "integration")
PRIORITY, SERIOUS_PRIORITY = (0.30, 0.52, 0.15, 0.03), (0.02, 0.18, 0.50, 0.30)
CATEGORY, SERIOUS_CATEGORY = (0.40, 0.25, 0.02, 0.13, 0.12, 0.08), (0.03, 0.40, 0.40, 0.02, 0.05, 0.10)


def tickets(world: World, seen: Activity, seed: int) -> pd.DataFrame:
    """Ordinary tickets all the time and a burst of slow, serious ones after each incident; sorted by opening."""
    timeline, state, them = world.timeline, world.state, world.recorded.people
    rng, counts = stream(seed, "tickets"), world.recorded.tickets
    which, week, account = np.nonzero(counts)
    times = counts[which, week, account]
    which, week, account = (np.repeat(column, times) for column in (which, week, account))
    opened = week * 7 + rng.integers(0, 7, len(week)) + (8 + 10 * rng.random(len(week))) / 24
    inside = seen.held(account, np.floor(opened).astype(np.int64))
    order = np.lexsort((rng.random(len(opened)), opened))
    order = order[inside[order]]
    week, account, opened, serious = week[order], account[order], opened[order], which[order] == 1
    day = np.floor(opened).astype(np.int64)

    n = len(week)
    debt, mood = state.debt[week, account], state.mood[week, account]
    answered = opened + np.exp(rng.normal(np.where(serious, -1.6, -2.2), 0.8))
    resolved = answered + np.exp(rng.normal(np.where(serious, 1.5, -0.3), 0.9))
    escalated = np.where(rng.random(n) < np.where(serious, 0.28, 0.02), answered + rng.random(n) * 2, np.nan)
    escalated = np.where(escalated < resolved, escalated, np.nan)
    reopened = np.where(rng.random(n) < np.where(serious, 0.16, 0.04), resolved + 0.1 + 3 * rng.random(n), np.nan)
    rated = resolved + 0.05 + rng.exponential(0.8, n)
    csat = np.rint(np.clip(4.3 - 0.55 * debt + 0.25 * mood - 0.4 * serious + 0.8 * rng.normal(size=n), 1, 5))
    gone = np.minimum(_next_end(world, account, day), timeline.days)
    heard, closed = rated + delays(rng, n), resolved + delays(rng, n, longest=7)
    rated = np.where((rng.random(n) < 0.4) & (rated < gone) & (heard < timeline.days), rated, np.nan)

    def until_now(times: np.ndarray) -> np.ndarray:
        return np.where(times < timeline.days, times, np.nan)

    numbers = np.sort(rng.choice(9_000_000, size=n, replace=False)) + 1_000_000
    priority = np.where(serious, rng.choice(4, n, p=SERIOUS_PRIORITY), rng.choice(4, n, p=PRIORITY))
    category = np.where(serious, rng.choice(6, n, p=SERIOUS_CATEGORY), rng.choice(6, n, p=CATEGORY))
    return frame(
        "tickets",
        timeline,
        {
            "ticket_id": pd.array(np.char.add("T", numbers.astype(str)), dtype="str"),
            "account_id": look_up(world.population.account_id, account),
            "opened_at": opened,
            "priority": look_up(PRIORITIES, priority),
            "category": look_up(CATEGORIES, category),
            "user_id": look_up(them.user_id, someone(rng, them, account, day)),
            "first_response_at": until_now(answered),
            "resolved_at": until_now(np.where(closed < timeline.days, resolved, np.nan)),
            "reopened_at": until_now(np.where(closed < timeline.days, reopened, np.nan)),
            "escalated_at": until_now(escalated),
            "csat": np.where(np.isfinite(rated), csat, np.nan),
            "csat_at": rated,
            "resolved_at_recorded_at": until_now(closed),
            "csat_at_recorded_at": np.where(np.isfinite(rated), heard, np.nan),
        },
    )


def _next_end(world: World, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The day the contract that runs on `day`, or begins after it, ends."""
    lives, far = world.lives, np.int64(10_000_000)
    order = np.lexsort((lives.end, lives.account))
    key = lives.account[order] * far + lives.end[order]
    at = np.searchsorted(key, account * far + day, side="right")
    return lives.end[order][np.minimum(at, len(key) - 1)]
