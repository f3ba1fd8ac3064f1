"""When an account uses the product and on which plan, day by day: what all observed tables are cut to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.latent import engagement
from features.simulation.terms import Terms, lay_out
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["Activity", "activity"]


@dataclass(frozen=True)
class Activity:
    """Arrays by day are (days, accounts), by week (weeks, accounts).

    Parameters
    ----------
    open : the account is in a trial or a contract on that day.
    plan : its plan on that day.
    level : log of the use that its hidden state brings about, by week.
    last_end : (accounts,) the day its last contract ends, or NEVER.
    terms : of all contracts.
    """

    open: NDArray[np.bool_]
    plan: NDArray[np.int8]
    level: NDArray[np.float32]
    last_end: Days
    terms: Terms

    def held(self, account: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether some accounts are open on some days; never before the history or after it."""
        inside = (day >= 0) & (day < len(self.open))
        return inside & self.open[np.clip(day, 0, len(self.open) - 1), account]


def activity(world: World) -> Activity:
    """Lay the contracts out by day."""
    people, timeline, lives = world.population, world.timeline, world.lives
    terms, n, days = lay_out(world), len(world.population), timeline.days
    begin, until = np.clip(terms.begin, 0, days), np.clip(terms.end, 0, days)
    edges = np.zeros((days + 1, n), np.int8)
    np.add.at(edges, (begin, terms.account), 1)
    np.add.at(edges, (until, terms.account), -1)
    tried = np.flatnonzero(people.trial_ends < NEVER)
    np.add.at(edges, (np.clip(people.first_use[tried], 0, days), tried), 1)
    np.add.at(edges, (np.clip(people.trial_ends[tried], 0, days), tried), -1)
    plan = np.tile(people.plan.astype(np.int8), (days, 1))
    # The day a period begins says by how much its plan differs from the account's last one.
    first = np.r_[True, terms.account[1:] != terms.account[:-1]]
    before = np.where(first, people.plan[terms.account], np.r_[0, terms.plan[:-1]])
    moved = np.flatnonzero((terms.plan != before) & (terms.begin < days))
    for at in moved:
        plan[max(terms.begin[at], 0) :, terms.account[at]] = terms.plan[at]
    last_end = np.full(n, NEVER)
    last_end[lives.account] = lives.end
    return Activity(
        open=edges[:days].cumsum(axis=0, dtype=np.int8) > 0,
        plan=plan,
        level=engagement(world.state, people.fit.astype(np.float32)),
        last_end=last_end,
        terms=terms,
    )
