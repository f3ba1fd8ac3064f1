"""users: the people of each account, as they come and go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulation.frame import frame, look_up
from features.simulation.streams import stream
from features.simulation.tables.activity import Activity
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["ROLES", "People", "people", "users"]

ROLES = ("champion", "admin", "decision_maker", "member")
DEPARTMENTS = ("operations", "sales", "marketing", "finance", "product", "support")
CAP = 16  # users of one account at the start; keeps the usage table modest
TURNOVER = 0.006  # a member leaves, or a new one comes, a week


@dataclass(frozen=True)
class People:
    """One entry a user, in order of account and id.

    Parameters
    ----------
    account, role : positions in the population and in ROLES.
    created, deactivated : days.
    keen : how often this user comes, relative to others.
    """

    user_id: NDArray[np.str_]
    account: NDArray[np.int64]
    role: NDArray[np.int64]
    created: Days
    deactivated: Days
    keen: NDArray[np.float64]


def people(world: World, seen: Activity, seed: int) -> People:
    """The users who appear while their account is open."""
    base, timeline = world.population, world.timeline
    rng, n = stream(seed, "users"), len(base)
    invited = np.clip(0.55 + 0.14 * base.onboarding + 0.08 * rng.normal(size=n), 0.15, 0.95)
    size = np.clip(np.rint(base.seats * invited), 1, CAP).astype(np.int64)

    account = np.repeat(np.arange(n), size)
    rank = np.arange(len(account)) - np.repeat(size.cumsum() - size, size)
    role = np.minimum(rank, 3)
    slow = 14 * np.exp(-0.4 * base.onboarding)
    created = base.first_use[account] + np.floor(rng.exponential(slow[account])).astype(np.int64)
    created = np.where(role == 0, base.created[account], np.where(role == 1, base.first_use[account], created))

    # Newcomers, more of them where the product is liked and where seats were added.
    per_week = TURNOVER * size * np.exp(0.6 * seen.level) * seen.open[::7]
    weeks, who = np.nonzero(count := rng.poisson(np.minimum(per_week, 3)))
    weeks, who = np.repeat(weeks, count[weeks, who]), np.repeat(who, count[weeks, who])
    joined = weeks * 7 + rng.integers(0, 7, len(weeks))
    changes = world.changes
    before = seen.seats[np.maximum(changes.day - 1, 0), changes.account]
    more = np.clip(np.rint((changes.seats - before) * invited[changes.account]), 0, 6).astype(np.int64)
    grown = np.repeat(changes.account, more)
    grown_on = np.repeat(changes.day, more) + rng.integers(0, 30, more.sum())

    found_week, found = np.nonzero(world.champion_found)
    found_on = found_week * 7 + rng.integers(0, 7, len(found))
    account = np.concatenate([account, who, grown, found])
    created = np.concatenate([created, joined, grown_on, found_on])
    role = np.concatenate([role, np.full(len(who) + len(grown), 3), np.zeros(len(found), dtype=np.int64)])

    # Everybody but champions stays for a random time; those leave when the world says so, in their order.
    stay = 7 * rng.exponential(1 / TURNOVER, len(account))
    deactivated = np.where(role == 0, NEVER, np.maximum(created, 0) + 1 + np.floor(stay).astype(np.int64))
    left_week, left = np.nonzero(world.champion_left)
    left_on = left_week * 7 + rng.integers(0, 7, len(left))
    none_yet = np.flatnonzero(~world.state.champion[0] & (base.first_use < 0))
    left, left_on = np.r_[none_yet, left], np.r_[-rng.integers(1, 40, len(none_yet)), left_on]
    champions = np.flatnonzero(role == 0)
    champions = champions[np.lexsort((created[champions], account[champions]))]
    leavers = np.lexsort((left_on, left))
    place = np.searchsorted(account[champions], left[leavers]) + _rank(left[leavers])
    deactivated[champions[place]] = np.maximum(left_on[leavers], created[champions[place]] + 1)

    inside = np.clip(created, 0, timeline.days - 1)
    here = np.where(created < 0, True, (created < timeline.days) & seen.open[inside, account])
    # The first champion is created with the account, which may be before it is open.
    here |= (created >= 0) & (created < np.minimum(base.first_use[account] + 1, timeline.days))
    account, created, role, deactivated = (a[here] for a in (account, created, role, deactivated))
    deactivated = np.where(deactivated < np.minimum(seen.last_end[account], timeline.days), deactivated, NEVER)
    numbers = rng.choice(9_000_000, size=len(account), replace=False) + 1_000_000
    order = np.lexsort((numbers, account))
    return People(
        user_id=np.char.add("U", numbers[order].astype(str)),
        account=account[order],
        role=role[order],
        created=created[order],
        deactivated=deactivated[order],
        keen=np.exp(0.6 * rng.normal(size=len(account))) * np.where(role[order] == 0, 1.5, 1.0),
    )


def _rank(sorted_keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 ... within each run of equal keys."""
    if not len(sorted_keys):
        return np.zeros(0, dtype=np.int64)
    first = np.r_[True, sorted_keys[1:] != sorted_keys[:-1]]
    return np.arange(len(sorted_keys)) - np.maximum.accumulate(np.where(first, np.arange(len(sorted_keys)), 0))


def users(world: World, them: People, seed: int) -> pd.DataFrame:
    """The table, sorted by user_id."""
    rng = stream(seed, "departments")
    rows = frame(
        "users",
        world.timeline,
        {
            "user_id": pd.array(them.user_id, dtype="str"),
            "account_id": look_up(world.population.account_id, them.account),
            "created_on": them.created,
            "role": look_up(ROLES, them.role),
            "department": look_up(DEPARTMENTS, rng.integers(0, len(DEPARTMENTS), len(them.account))),
            "deactivated_on": them.deactivated,
        },
    )
    return rows.sort_values("user_id", ignore_index=True)
