"""The users of each account as they come and go, and the days on which they use the product, week by week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.population import Population
from features.simulation.season import season
from features.simulation.streams import stream
from features.simulation.timeline import NEVER, Days, Timeline

__all__ = ["ROLES", "People", "Team", "Uses"]

ROLES = ("champion", "admin", "decision_maker", "member")
CAP = 16  # users of one account at the start; keeps the usage table modest
TURNOVER = 0.006  # a member leaves, or a new one comes, a week
DAILY = 0.20  # chance that an ordinary user comes on a working day

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class People:
    """One entry a user, in order of account and id.

    Parameters
    ----------
    account, role : positions in the population and in ROLES.
    created, deactivated : days.
    """

    user_id: NDArray[np.str_]
    account: NDArray[np.int64]
    role: NDArray[np.int64]
    created: Days
    deactivated: Days


@dataclass(frozen=True)
class Uses:
    """One entry a (day, user) with use, in order of days; `user` is a position in People."""

    day: Days
    user: NDArray[np.int64]


class Team:
    """The users while the weeks are being played."""

    def __init__(self, population: Population, champion: Bools, timeline: Timeline, seed: int) -> None:
        base, n = population, len(population)
        self._base, self._timeline, self._seed = base, timeline, seed
        self._rng, self._days_rng = stream(seed, "users"), stream(seed, "days of use")
        rng = self._rng
        self._invited = np.clip(0.55 + 0.14 * base.onboarding + 0.08 * rng.normal(size=n), 0.15, 0.95)
        self._size = np.clip(np.rint(base.seats * self._invited), 1, CAP).astype(np.int64)
        account = np.repeat(np.arange(n), self._size)
        rank = np.arange(len(account)) - np.repeat(self._size.cumsum() - self._size, self._size)
        role = np.minimum(rank, 3)
        slow = 14 * np.exp(-0.4 * base.onboarding)
        created = base.first_use[account] + np.floor(rng.exponential(slow[account])).astype(np.int64)
        created = np.where(role == 0, base.created[account], np.where(role == 1, base.first_use[account], created))
        self.count = 0
        self._columns = [np.empty(0, np.int64) for _ in range(4)]
        self._keen, self._here = np.empty(0, np.float32), np.empty(0, bool)
        self._add(account, role, created)
        # The day before the history everybody who came by then is there.
        self._here[: self.count] = created < 0
        self._champion = np.flatnonzero(role == 0)
        none_yet = np.flatnonzero(~champion & (base.first_use < 0))
        self.deactivated[self._champion[none_yet]] = np.maximum(
            -rng.integers(1, 40, len(none_yet)), created[self._champion[none_yet]] + 1
        )
        self._log: list[tuple[Days, NDArray[np.int64]]] = []

    @property
    def account(self) -> NDArray[np.int64]:
        return self._columns[0][: self.count]

    @property
    def role(self) -> NDArray[np.int64]:
        return self._columns[1][: self.count]

    @property
    def created(self) -> Days:
        return self._columns[2][: self.count]

    @property
    def deactivated(self) -> Days:
        return self._columns[3][: self.count]

    def _add(self, account: NDArray[np.int64], role: NDArray[np.int64], created: Days) -> None:
        """Everybody but champions stays for a random time; those leave when the world says so."""
        more, rng = len(account), self._rng
        if self.count + more > len(self._keen):
            room = 2 * (self.count + more)
            self._columns = [np.r_[c[: self.count], np.empty(room - self.count, np.int64)] for c in self._columns]
            self._keen = np.r_[self._keen[: self.count], np.empty(room - self.count, np.float32)]
            self._here = np.r_[self._here[: self.count], np.zeros(room - self.count, bool)]
        at = slice(self.count, self.count + more)
        stay = 1 + np.floor(7 * rng.exponential(1 / TURNOVER, more)).astype(np.int64)
        gone = np.where(role == 0, NEVER, np.maximum(created, 0) + stay)
        for column, values in zip(self._columns, (account, role, created, gone), strict=True):
            column[at] = values
        self._keen[at] = np.exp(0.6 * rng.normal(size=more)) * np.where(role == 0, 1.5, 1.0)
        self.count += more

    def week(
        self,
        week: int,
        open_: Bools,
        level: Floats,
        left: Bools,
        found: Bools,
        grown: tuple[NDArray[np.int64], Days, NDArray[np.int64]],
    ) -> Floats:
        """One week on; the days on which users came, summed over the users of each account.

        Parameters
        ----------
        open_ : (7, n) the account may use the product on that day.
        level : (n,) what engagement shows.
        left, found : (n,) the champion leaves, or there is a new one, in this week.
        grown : accounts that change their seats in this week, the days, and the seats added.
        """
        rng, first, n = self._rng, week * 7, len(level)
        leavers = np.flatnonzero(left)
        leaving_on = first + rng.integers(0, 7, len(leavers))
        known = self._champion[leavers]
        self.deactivated[known] = np.maximum(leaving_on, self.created[known] + 1)

        per_week = TURNOVER * self._size * np.exp(0.6 * level) * open_[0]
        joins = np.repeat(np.arange(n), rng.poisson(np.minimum(per_week, 3)))
        who, on, seats = grown
        more = np.clip(np.rint(seats * self._invited[who]), 0, 6).astype(np.int64)
        heads = np.flatnonzero(found)
        account = np.concatenate([joins, np.repeat(who, more), heads])
        created = np.concatenate(
            [
                first + rng.integers(0, 7, len(joins)),
                np.repeat(on, more) + rng.integers(0, 30, more.sum()),
                first + rng.integers(0, 7, len(heads)),
            ]
        )
        role = np.full(len(account), 3)
        role[len(account) - len(heads) :] = 0
        self._champion[heads] = self.count + len(account) - len(heads) + np.arange(len(heads))
        self._add(account, role, created)

        # Who would come after the account has closed never does; its first people are created with it.
        new = np.flatnonzero((self.created >= first) & (self.created < min(first + 7, self._timeline.days)))
        there = open_[self.created[new] - first, self.account[new]]
        self._here[new] = there | (self.created[new] <= self._base.first_use[self.account[new]])
        return self._use(week, open_, level)

    def _use(self, week: int, open_: Bools, level: Floats) -> Floats:
        rng, first, n = self._days_rng, week * 7, len(level)
        # What nobody can explain: a level of its own, and busy and quiet weeks.
        noise = 0.22 * rng.standard_normal(n, dtype=np.float32)
        rate = DAILY * np.exp(0.62 * level + self._base.habit.astype(np.float32) + noise)
        some = np.asarray(open_.any(axis=0))
        around = np.flatnonzero(
            self._here[: self.count] & (self.created < first + 7) & (self.deactivated > first) & some[self.account]
        )
        account = self.account[around]
        days = np.arange(first, first + 7)
        working = season(self._timeline, days).astype(np.float32)
        chance = np.minimum((rate[account] * self._keen[around]) * working[:, None], np.float32(0.92))
        active = rng.random(chance.shape, dtype=np.float32) < chance
        active &= open_[:, account] & (days[:, None] >= self.created[around])
        active &= days[:, None] < self.deactivated[around]
        at_day, at_user = np.nonzero(active)
        self._log.append((days[at_day], around[at_user]))
        return np.bincount(account[at_user], minlength=n).astype(np.float32)

    def finish(self, last_end: Days) -> tuple[People, Uses]:
        """Those who were ever there, and their days of use.

        Parameters
        ----------
        last_end : (n,) the end of each account's last contract: who leaves after it is not seen to.
        """
        here = np.flatnonzero(self._here[: self.count])
        numbers = stream(self._seed, "user ids").choice(9_000_000, size=len(here), replace=False) + 1_000_000
        order = np.lexsort((numbers, self.account[here]))
        at = here[order]
        place = np.full(self.count, -1)
        place[at] = np.arange(len(at))
        gone = self.deactivated[at]
        until = np.minimum(last_end[self.account[at]], self._timeline.days)
        people = People(
            user_id=np.char.add("U", numbers[order].astype(str)),
            account=self.account[at],
            role=self.role[at],
            created=self.created[at],
            deactivated=np.where(gone < until, gone, NEVER),
        )
        day, user = (np.concatenate(column) for column in zip(*self._log, strict=True))
        return people, Uses(day, place[user])
