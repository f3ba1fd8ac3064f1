"""When an account uses the product and on which plan, day by day: what all observed tables are cut to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.latent import engagement
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["Activity", "activity"]


@dataclass(frozen=True)
class Activity:
    """Arrays by day are (days, accounts), by week (weeks, accounts).

    Parameters
    ----------
    open : the account is in a trial or a contract on that day.
    paid : in a contract.
    plan : its plan on that day.
    seats : its seats on that day.
    level : log of the use that its hidden state brings about, by week.
    last_end : (accounts,) the day its last contract ends, or NEVER.
    """

    open: NDArray[np.bool_]
    paid: NDArray[np.bool_]
    plan: NDArray[np.int8]
    seats: NDArray[np.int32]
    level: NDArray[np.float32]
    last_end: Days


def activity(world: World) -> Activity:
    """Lay the contracts out by day."""
    people, timeline, lives, changes = world.population, world.timeline, world.lives, world.changes
    day = np.arange(timeline.days)[:, None]
    paid = np.zeros((timeline.days, len(people)), bool)
    last_end = np.full(len(people), NEVER)
    for rank in _ranks(lives.account):
        who = lives.account[rank]
        paid[:, who] |= (day >= lives.start[rank]) & (day < lives.end[rank])
        last_end[who] = lives.end[rank]
    trial = (people.trial_ends < NEVER) & (day >= people.first_use) & (day < people.trial_ends)
    plan = np.tile(people.plan.astype(np.int8), (timeline.days, 1))
    seats = np.tile(people.seats.astype(np.int32), (timeline.days, 1))
    for at in np.lexsort((changes.account, changes.day)):
        who, since = changes.account[at], changes.day[at]
        plan[since:, who], seats[since:, who] = changes.plan[at], changes.seats[at]
    return Activity(
        open=paid | trial,
        paid=paid,
        plan=plan,
        seats=seats,
        level=engagement(world.state, people.fit.astype(np.float32)),
        last_end=last_end,
    )


def _ranks(account: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of each account's first entry, of its second, and so on; entries are in order of time."""
    order = np.argsort(account, kind="stable")
    first = np.r_[True, account[order][1:] != account[order][:-1]]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    return [order[rank == r] for r in range(rank.max(initial=-1) + 1)]
