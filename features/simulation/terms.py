"""Periods of constant terms: seats, plan and price of every contract, from change to change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.population import PRICES
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["Terms", "lay_out"]


@dataclass(frozen=True)
class Terms:
    """One entry a period, in order of (account, begin); periods of one contract follow each other without a gap.

    Parameters
    ----------
    account, life : positions in the population and in `World.lives`.
    begin, end : days; `end` is NEVER for a contract that runs on.
    last : it is the contract's last period, whose end is the contract's.
    seats, plan : on the terms.
    mrr : in whole cents.
    """

    account: NDArray[np.int64]
    life: NDArray[np.int64]
    begin: Days
    end: Days
    last: NDArray[np.bool_]
    seats: NDArray[np.int64]
    plan: NDArray[np.int64]
    mrr: NDArray[np.float64]

    def at(self, account: NDArray[np.int64], day: Days) -> NDArray[np.int64]:
        """The period in force for some accounts on some days; -1 where there is none."""
        key = self.account * (4 * NEVER) + self.begin + NEVER
        found = np.searchsorted(key, account * (4 * NEVER) + day + NEVER, side="right") - 1
        inside = (found >= 0) & (self.account[found] == account) & (day < self.end[found])
        return np.where(inside, found, -1)

    def mrr_on(self, account: NDArray[np.int64], day: Days) -> NDArray[np.float64]:
        """MRR of some accounts on some days, 0 without a contract."""
        found = self.at(account, day)
        return np.where(found >= 0, self.mrr[found], 0.0)


def lay_out(world: World) -> Terms:
    """Every period of every contract.

    A rise of the list price reaches a contract on its first renewal date on or after the day of the rise.
    """
    people, lives, changes, prices = world.population, world.lives, world.changes, world.hazards.prices
    m, k = len(lives.start), len(changes.day)
    rise = np.repeat(prices.day, m)
    risen = np.tile(np.arange(m), len(prices.day))
    reach = world.timeline.anniversaries(
        lives.start[risen], np.maximum(rise - 1, lives.start[risen]), people.term[lives.account[risen]]
    )[1]
    # Who is under notice is sent no new price; who withdraws it has it in the new terms.
    hit = (rise > lives.start[risen]) & (reach < np.minimum(lives.end, lives.notice)[risen])
    hit &= ~_under_notice(world, lives.account[risen], reach)
    risen, reach = risen[hit], reach[hit]
    r = len(risen)
    account = np.concatenate([lives.account, changes.account, lives.account[risen]])
    begin = np.concatenate([lives.start, changes.day, reach])
    life = np.concatenate([np.arange(m), np.full(k, -1), risen])
    told = np.concatenate([np.zeros(m, bool), np.ones(k, bool), np.zeros(r, bool)])
    seats = np.concatenate([np.zeros(m, np.int64), changes.seats, np.zeros(r, np.int64)])
    plan = np.concatenate([np.zeros(m, np.int64), changes.plan, np.zeros(r, np.int64)])
    factor = np.concatenate([np.ones(m), changes.factor, np.ones(r)])
    opens = np.concatenate([np.ones(m, bool), np.zeros(k + r, bool)])
    order = np.lexsort((~opens, begin, account))
    account, begin, life, told, seats, plan, factor, opens = (
        a[order] for a in (account, begin, life, told, seats, plan, factor, opens)
    )
    here = np.arange(len(account))
    # What a change said holds until the next one of the account, in later contracts too.
    since = np.maximum.accumulate(np.where(told, here, -1))
    known = (since >= 0) & (account[since] == account)
    seats = np.where(known, seats[since], people.seats[account])
    plan = np.where(known, plan[since], people.plan[account])
    factor = np.where(known, factor[since], 1.0)
    life = life[np.maximum.accumulate(np.where(opens, here, 0))]
    # A change that falls on the day of another: the later of the two says it all.
    final = np.r_[(life[1:] != life[:-1]) | (begin[1:] != begin[:-1]), True] if len(life) else np.zeros(0, bool)
    account, begin, life, seats, plan, factor = (a[final] for a in (account, begin, life, seats, plan, factor))
    followed = np.r_[life[1:] == life[:-1], False] if len(life) else np.zeros(0, bool)
    end = np.where(followed, np.r_[begin[1:], NEVER], lives.end[life])
    renewed, _ = world.timeline.anniversaries(lives.start[life], begin, people.term[account])
    index = prices.index(np.maximum(renewed, lives.start[life]))
    mrr = np.round(seats * PRICES[plan] * people.discount[account] * factor * index, 2)
    return Terms(account, life, begin, end, ~followed, seats, plan, mrr)


def _under_notice(world: World, account: NDArray[np.int64], day: Days) -> NDArray[np.bool_]:
    """Whether some accounts, on some days, have given a notice that they withdraw later."""
    kept = world.withdrawals
    order = np.lexsort((kept.notice, kept.account))
    key = kept.account[order] * (4 * NEVER) + kept.notice[order]
    found = np.searchsorted(key, account * (4 * NEVER) + day, side="right") - 1
    if not len(key):
        return np.zeros(len(account), bool)
    return (found >= 0) & (kept.account[order][found] == account) & (day <= kept.day[order][found])
