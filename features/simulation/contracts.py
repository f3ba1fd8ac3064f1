"""The contracts while they are being played: decisions to leave, notices withdrawn, changes of terms, returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.hazards import (
    KEPT_DISCOUNT,
    LEAD_DAYS,
    OTHER_END,
    RETURN_IN_GRACE,
    WITHDRAWN,
    Hazards,
)
from features.simulation.population import PLANS, Population
from features.simulation.timeline import NEVER, Days

__all__ = ["BOUND_DAYS", "REASONS", "Changes", "Contracts", "Lives", "Withdrawals"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

REASONS = ("", "voluntary", "involuntary", "completed", "merged")
COMES_BACK = 0.04  # of those who left, long after
BOUND_DAYS = 90  # who is won back within the grace period, or withdraws a notice, signs for a quarter


@dataclass(frozen=True)
class Lives:
    """One entry a contract relation: an account from a first paid day to its end, in order of `start`.

    Parameters
    ----------
    account : position in the population.
    start, end, notice : days; NEVER where it does not come.
    reason : position in REASONS.
    bound : no end is decided before this day.
    """

    account: NDArray[np.int64]
    start: Days
    end: Days
    notice: Days
    reason: NDArray[np.int64]
    bound: Days

    def running(self, account: NDArray[np.int64], day: Days) -> NDArray[np.int64]:
        """The contract that each account has on a day; -1 for none."""
        order = np.lexsort((self.start, self.account))
        key = self.account[order] * (4 * NEVER) + self.start[order] + NEVER
        found = np.searchsorted(key, account * (4 * NEVER) + day + NEVER, side="right") - 1
        life = order[found]
        return np.where((found >= 0) & (self.account[life] == account) & (day < self.end[life]), life, -1)


@dataclass(frozen=True)
class Changes:
    """One entry a change of terms: the account, the day, and the terms from that day on.

    `factor` is what discounts given since the beginning leave of the price.
    """

    account: NDArray[np.int64]
    day: Days
    seats: NDArray[np.int64]
    plan: NDArray[np.int64]
    factor: NDArray[np.float64]


@dataclass(frozen=True)
class Withdrawals:
    """One entry a notice that was withdrawn: the account, its day, the end it announced, the day it was withdrawn."""

    account: NDArray[np.int64]
    notice: Days
    end: Days
    day: Days


class Contracts:
    """What each account has now, and the log of everything."""

    def __init__(self, population: Population) -> None:
        n = len(population)
        self.start = population.start.copy()
        self.bound = np.full(n, -NEVER, dtype=np.int64)
        self.end = np.full(n, NEVER, dtype=np.int64)
        self.restart = np.full(n, NEVER, dtype=np.int64)
        self.seats = population.seats.copy()
        self.plan = population.plan.copy()
        self.factor = np.ones(n)
        self.notice = np.full(n, NEVER, dtype=np.int64)
        self.reason = np.zeros(n, dtype=np.int64)
        self.kept_notice = np.full(n, -NEVER, dtype=np.int64)  # the last notice that was, or will be, withdrawn
        self.kept_on = np.full(n, -NEVER, dtype=np.int64)
        self._opened = self.bound.copy()  # `bound` as the contract began
        none: NDArray[np.int64] = np.zeros(0, np.int64)
        self._lives: list[tuple[NDArray[np.int64], ...]] = []
        self._changes: list[tuple[NDArray, ...]] = [(none, none, none, none, np.zeros(0))]
        self._withdrawals: list[tuple[NDArray[np.int64], ...]] = [(none,) * 4]

    def close(self, who: NDArray[np.int64]) -> None:
        """Write the current contract of some accounts to the log."""
        columns = (self.start, self.end, self.notice, self.reason, self._opened)
        self._lives.append((who, *(column[who] for column in columns)))

    def reopen(self, who: NDArray[np.int64]) -> None:
        """Begin the next contract of accounts that come back."""
        self.close(who)
        soon = self.restart[who] - self.end[who] <= 30
        self.start[who] = self.restart[who]
        self.bound[who] = np.where(soon, self.restart[who] + BOUND_DAYS, -NEVER)
        self._opened[who] = self.bound[who]
        for column in (self.end, self.restart, self.notice):
            column[who] = NEVER
        self.reason[who] = 0

    def may(self, days: Days, until: int) -> Bools:
        """(n, days) whether the contract runs on a day, has no end in sight, and nothing is being taken back."""
        runs = (days > self.start[:, None]) & (days < until) & (self.end == NEVER)[:, None]
        return runs & ((days < self.kept_notice[:, None]) | (days > self.kept_on[:, None]))

    def decide(
        self,
        hazards: Hazards,
        rates: tuple[Floats, Floats],
        days: Days,
        until: int,
        term: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """Draw who decides to leave in this week, on which day, how, and whether they come back.

        Parameters
        ----------
        rates : (n,) voluntary and involuntary rate a day.
        days : (7,) of the week.
        until : the end of the history.
        term : months.
        """
        may = self.may(days, until) & (days >= self.bound[:, None])
        n = len(may)
        threshold, cause, gives, lead, returns, gap, keeps, kept = rng.random((8, n))
        calendar = hazards.calendar(self.start, term, np.broadcast_to(days, may.shape))
        voluntary = rates[0][:, None] * calendar.weight * may
        total = voluntary + (rates[1] + np.float32(OTHER_END))[:, None] * may
        reached = total.cumsum(axis=1) >= -np.log1p(-threshold)[:, None]
        who = np.flatnonzero(reached.any(axis=1) & may.any(axis=1))
        on = reached[who].argmax(axis=1)
        day = days[on]
        share = cause[who] * total[who, on]
        leaves = share < voluntary[who, on]
        unpaid = ~leaves & (share < voluntary[who, on] + rates[1][who])
        merged = np.where(lead[who] < 0.5, REASONS.index("completed"), REASONS.index("merged"))
        notice = leaves & (gives[who] < calendar.notice[who, on])
        fixed = calendar.lead[who, on].astype(np.int64)
        drawn = LEAD_DAYS[0] + np.floor(lead[who] * (LEAD_DAYS[1] - LEAD_DAYS[0] + 1)).astype(np.int64)
        end = day + np.where(notice, np.where(fixed > 0, fixed, drawn), 0)

        stays = notice & (keeps[who] < WITHDRAWN)
        back_on = day + 1 + np.floor(kept[who] * (end - day - 1)).astype(np.int64)
        self._withdraw(who[stays], day[stays], end[stays], back_on[stays])
        who, day, end, leaves, unpaid, merged, notice = (
            a[~stays] for a in (who, day, end, leaves, unpaid, merged, notice)
        )
        self.end[who] = end
        self.notice[who] = np.where(notice, day, NEVER)
        self.reason[who] = np.where(leaves, 1, np.where(unpaid, 2, merged))
        churned = leaves | unpaid
        soon = churned & ~notice & (returns[who] < RETURN_IN_GRACE) & (not hazards.null)
        late = churned & ~soon & (returns[who] > 1 - COMES_BACK)
        wait = np.select([soon, late], [11 + np.floor(gap[who] * 18), 50 + np.floor(gap[who] * 110)], NEVER)
        restart = hazards.timeline.snap(np.minimum(end + wait, NEVER - 31).astype(np.int64))
        self.restart[who] = np.where(soon | late, restart, NEVER)

    def _withdraw(self, who: NDArray[np.int64], notice: Days, end: Days, day: Days) -> None:
        """A notice is withdrawn for a lower price, and a promise to stay for a quarter."""
        self._withdrawals.append((who, notice, end, day))
        self.kept_notice[who], self.kept_on[who] = notice, day
        self.bound[who] = day + BOUND_DAYS
        self.factor[who] *= KEPT_DISCOUNT
        self._changes.append((who, day, self.seats[who], self.plan[who], self.factor[who]))

    def change(
        self, up: Floats, down: Floats, may: Bools, days: Days, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], Days, NDArray[np.int64]]:
        """Draw changes of terms on days before any decision to leave.

        Parameters
        ----------
        may : what `may` said before this week's decisions.

        Returns
        -------
        Accounts that change, on which days, and the seats that they add.
        """
        threshold, which, how, size = rng.random((4, len(may)))
        # Nobody who decides on a later day of this week is spared or favoured: the day is drawn first.
        until = np.minimum(np.minimum(self.end, self.notice), self._next_pause(days))
        open_days = may & (days < until[:, None])
        reached = (open_days * (up + down)[:, None]).cumsum(axis=1) >= -np.log1p(-threshold)[:, None]
        who = np.flatnonzero(reached.any(axis=1) & open_days.any(axis=1))
        day = days[reached[who].argmax(axis=1)]
        rising = which[who] * (up + down)[who] < up[who]
        seats, plan = self.seats[who], self.plan[who]
        higher = rising & (how[who] < 0.25) & (plan < len(PLANS) - 1)
        more = np.maximum(seats + 1, np.ceil(seats * (1.12 + 0.4 * size[who]))).astype(np.int64)
        fewer = np.maximum(1, np.floor(seats * (0.6 + 0.3 * size[who]))).astype(np.int64)
        new_seats = np.where(higher, seats, np.where(rising, more, fewer))
        real = higher | (new_seats != seats)
        who, day, new_seats, plan = who[real], day[real], new_seats[real], (plan + higher)[real]
        added = new_seats - self.seats[who]
        self.seats[who], self.plan[who] = new_seats, plan
        self._changes.append((who, day, new_seats, plan, self.factor[who]))
        return who, day, added

    def _next_pause(self, days: Days) -> Days:
        """The day a notice that is later withdrawn was given, where that is in this week; else NEVER."""
        return np.where(self.kept_notice >= days[0], self.kept_notice, NEVER)

    def finish(self, until: int) -> tuple[Lives, Changes, Withdrawals]:
        """Close what is open and hand out the log."""
        self.close(np.flatnonzero(self.start < until))
        lives = [np.concatenate(column) for column in zip(*self._lives, strict=True)]
        order = np.lexsort((lives[0], lives[1]))
        changes = [np.concatenate(column) for column in zip(*self._changes, strict=True)]
        withdrawals = [np.concatenate(column) for column in zip(*self._withdrawals, strict=True)]
        return Lives(*(column[order] for column in lives)), Changes(*changes), Withdrawals(*withdrawals)
