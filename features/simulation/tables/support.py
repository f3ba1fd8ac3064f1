"""tickets and surveys: what customers complain about and what they say when asked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.simulation.frame import frame, look_up
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.tables.users import People
from features.simulation.world import World

__all__ = ["surveys", "tickets"]

PRIORITIES = ("low", "normal", "high", "urgent")
CATEGORIES = ("question", "bug", "outage", "billing", "access", "integration")
PRIORITY, SERIOUS_PRIORITY = (0.30, 0.52, 0.15, 0.03), (0.02, 0.18, 0.50, 0.30)
CATEGORY, SERIOUS_CATEGORY = (0.40, 0.25, 0.02, 0.13, 0.12, 0.08), (0.03, 0.40, 0.40, 0.02, 0.05, 0.10)
NPS_EVERY_WEEKS = 13
ASKED = 3  # users asked each time


def _someone(rng: np.random.Generator, them: People, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """A user of each account, one of those who are there on that day; -1 where nobody is.

    Drawn only from those present: one draw from all who ever come would fail more often for accounts that
    still have newcomers ahead of them, and so tell the future.
    """
    first = np.searchsorted(them.account, account)
    count = np.searchsorted(them.account, account, side="right") - first
    request = np.repeat(np.arange(len(account)), count)
    user = np.arange(len(request)) - np.repeat(count.cumsum() - count, count) + first[request]
    there = (them.created[user] <= day[request]) & (them.deactivated[user] > day[request])
    request, user = request[there], user[there]
    order = np.lexsort((rng.random(len(user)), request))
    request, user = request[order], user[order]
    someone = np.full(len(account), -1)
    someone[request[::-1]] = user[::-1]  # the first of each request is written last
    return someone


def tickets(world: World, seen: Activity, them: People, seed: int) -> pd.DataFrame:
    """Ordinary tickets all the time and a burst of slow, serious ones after each incident; sorted by opening."""
    timeline, state = world.timeline, world.state
    rng = stream(seed, "tickets")
    size = (np.sqrt(world.population.seats / 15) * 0.11).astype(np.float32)
    ordinary = rng.poisson(size * np.exp(-0.25 * state.mood + 0.2 * rng.standard_normal(state.mood.shape)))
    burst = rng.poisson(1.8 * world.incident)
    burst[1:] += rng.poisson(1.0 * world.incident[:-1])
    counts = np.stack([ordinary, burst])
    which, week, account = np.nonzero(counts)
    times = counts[which, week, account]
    which, week, account = (np.repeat(column, times) for column in (which, week, account))
    opened = week * 7 + rng.integers(0, 7, len(week)) + (8 + 10 * rng.random(len(week))) / 24
    inside = opened < timeline.days
    inside &= seen.open[np.minimum(opened, timeline.days - 1).astype(np.int64), account]
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
    rated = np.where((rng.random(n) < 0.4) & (rated < gone), rated, np.nan)

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
            "user_id": look_up(them.user_id, _someone(rng, them, account, day)),
            "first_response_at": until_now(answered),
            "resolved_at": until_now(resolved),
            "reopened_at": until_now(reopened),
            "escalated_at": until_now(escalated),
            "csat": np.where(np.isfinite(rated), csat, np.nan),
            "csat_at": rated,
        },
    )


def _next_end(world: World, account: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The day the contract that runs on `day`, or begins after it, ends."""
    lives, far = world.lives, np.int64(10_000_000)
    order = np.lexsort((lives.end, lives.account))
    key = lives.account[order] * far + lives.end[order]
    at = np.searchsorted(key, account * far + day, side="right")
    return lives.end[order][np.minimum(at, len(key) - 1)]


def surveys(world: World, seen: Activity, them: People, seed: int) -> pd.DataFrame:
    """A few users of each account asked each quarter (nps) and now and then (csat); sorted by response."""
    timeline = world.timeline
    rng, n = stream(seed, "surveys"), len(world.population)
    weeks = np.arange(timeline.weeks)[:, None]
    asked = np.zeros((2, timeline.weeks, n), np.int64)
    asked[0] = np.where((weeks + rng.integers(0, NPS_EVERY_WEEKS, n)) % NPS_EVERY_WEEKS == 0, ASKED, 0)
    asked[1] = rng.random((timeline.weeks, n)) < 0.02
    kind, week, account = np.nonzero(asked)
    times = asked[kind, week, account]
    kind, week, account = (np.repeat(a, times) for a in (kind, week, account))
    sent = week * 7 + rng.integers(0, 7, len(week)) + 9 / 24
    day = np.floor(sent).astype(np.int64)
    user = _someone(rng, them, account, np.minimum(day, timeline.days))
    feeling = seen.level[week, account]
    answers = (user >= 0) & (rng.random(len(week)) < np.clip(0.36 + 0.10 * feeling, 0.05, 0.8))
    responded = sent + rng.exponential(1.5, len(week)) + 0.01
    recorded = responded + np.minimum(rng.exponential(0.4, len(week)), 3)
    last = np.minimum(np.floor(responded).astype(np.int64), timeline.days - 1)
    inside = answers & (day < timeline.days) & seen.open[np.minimum(day, timeline.days - 1), account]
    inside &= (recorded < timeline.days) & seen.open[last, account]
    nps = np.clip(np.rint(7.4 + 1.5 * feeling + 1.9 * rng.normal(size=len(week))), 0, 10)
    csat = np.clip(np.rint(4.0 + 0.55 * feeling + 0.8 * rng.normal(size=len(week))), 1, 5)
    rows = frame(
        "surveys",
        timeline,
        {
            "account_id": look_up(world.population.account_id, account),
            "kind": look_up(("nps", "csat"), kind),
            "responded_at": responded,
            "score": np.where(kind == 0, nps, csat),
            "user_id": look_up(them.user_id, user),
            "sent_at": sent,
            "recorded_at": recorded,
        },
    )[inside]
    # One person answers one survey once.
    rows = rows.drop_duplicates(["user_id", "kind", "sent_at"])
    return rows.sort_values(["responded_at", "user_id"], ignore_index=True)
