"""Futures of an account from its hidden state on a day: probabilities of leaving and of growing at each horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.attention import Attention, settled
from features.simulation.contracts import BOUND_DAYS
from features.simulation.desk import CARE_KEEPS, EFFECT
from features.simulation.hazards import LEAD_DAYS, OTHER_END, RETURN_IN_GRACE, WITHDRAWN, Calendar
from features.simulation.latent import Shocks, State, draw_shocks, engagement, step
from features.simulation.timeline import NEVER, Days
from features.simulation.world import World

__all__ = ["FAR_PAIRS", "GROWTH", "HORIZONS", "NEAR_WEEKS", "PAIRS", "Forecast", "forecast"]

Floats = NDArray[np.float32]

HORIZONS = (30, 90, 180, 365)
PAIRS = 24  # antithetic pairs of futures a row, for as long as the 90 days last
FAR_PAIRS = 6  # of them go on to the longer horizons
NEAR_WEEKS = 14  # as many as 90 days can touch
GROWTH = 1.1
_SPAN = LEAD_DAYS[1] - LEAD_DAYS[0] + 1
BACK_WEEKS = BOUND_DAYS // 7 + 4  # from a notice withdrawn, or a return, until the account may leave again


@dataclass(frozen=True)
class Forecast:
    """Of m rows: means over futures, (m, horizons), and standard errors of what is asked at 90 days, (m,).

    Parameters
    ----------
    churn, growth : probability of churn, and of MRR reaching 1.1 times that of the day before any churn.
    alone : (m,) of churn within 90 days had the account never been touched and never would be.
    churn_error, growth_error : Monte Carlo standard errors at 90 days.
    """

    churn: NDArray[np.float64]
    growth: NDArray[np.float64]
    alone: NDArray[np.float64]
    churn_error: NDArray[np.float64]
    growth_error: NDArray[np.float64]


class _Days:
    """What the calendar says of each row's days, a week at a time."""

    def __init__(self, world: World, life: NDArray[np.int64], as_of: Days, bound: Days) -> None:
        lives = world.lives
        contracts, self._of = np.unique(life, return_inverse=True)
        self._first = int(as_of.min() // 7 * 7)
        days = np.arange(self._first, int(as_of.max()) + HORIZONS[-1] + 14)
        anchor, term = lives.start[contracts], world.population.term[lives.account[contracts]]
        calendar = world.hazards.calendar(anchor, term, np.broadcast_to(days, (len(contracts), len(days))))
        self._calendar: Calendar = calendar
        self._as_of, self._bound = as_of[:, None], bound[:, None]

    def week(self, i: int) -> tuple[Floats, Floats, Floats, Floats, dict[int, tuple[Floats, Floats, Floats]]]:
        """Of the i-th week from as_of on, (m, 1) each.

        Returns
        -------
        weight : days on which the account may decide, each with the calendar's weight of voluntary ones.
        free, open_ : days on which it may decide; on which it may change its terms.
        stays : share of those who decide that are back later: notice withdrawn, or returned within the grace period.
        by_horizon : of voluntary decisions, of involuntary ones and of changes, the share that falls inside.
        """
        days = self._as_of // 7 * 7 + 7 * i + np.arange(7)
        at = days - self._first
        weight, notice = (a[self._of[:, None], at] for a in (self._calendar.weight, self._calendar.notice))
        lead = self._calendar.lead[self._of[:, None], at]
        open_ = (days >= self._as_of).astype(np.float32)
        free = open_ * (days >= self._bound)
        weight = weight * free
        total, can, may = (a.sum(axis=1, keepdims=True) for a in (weight, free, open_))
        back = notice * np.float32(WITHDRAWN) + (1 - notice) * np.float32(RETURN_IN_GRACE)
        early = _share(weight * (1 - back), total), np.full_like(can, 1 - RETURN_IN_GRACE), np.ones_like(may)
        by_horizon = {}
        for h, horizon in enumerate(HORIZONS):
            if i * 7 >= horizon + 7:
                continue
            if i * 7 + 6 + LEAD_DAYS[1] < horizon:
                by_horizon[h] = early  # whatever is decided comes in time
                continue
            last_lead = (self._as_of + (horizon - 1) - days).astype(np.float32)  # a longer lead ends after the horizon
            inside = last_lead >= 0
            drawn = np.clip((last_lead - np.float32(LEAD_DAYS[0] - 1)) / np.float32(_SPAN), 0, 1)
            in_time = np.where(lead > 0, lead <= last_lead, drawn)
            gone = notice * in_time * np.float32(1 - WITHDRAWN) + (1 - notice) * inside * np.float32(
                1 - RETURN_IN_GRACE
            )
            by_horizon[h] = (
                _share(weight * gone, total),
                _share(free * inside, can) * np.float32(1 - RETURN_IN_GRACE),
                _share(open_ * inside, may),
            )
        return total, can, may, _share(weight * back, total), by_horizon


def _share(part: NDArray, whole: Floats) -> Floats:
    return (part.sum(axis=1, keepdims=True) / np.maximum(whole, np.float32(1e-9))).astype(np.float32)


def forecast(
    world: World,
    attention: Attention,
    life: NDArray[np.int64],
    as_of: Days,
    bound: Days,
    rng: np.random.Generator,
) -> Forecast:
    """Play possible futures of m rows, each a contract on a day.

    Only hidden states and touches are drawn. Given a future of them, the decisions' probabilities are computed week
    by week, not drawn (Rao-Blackwell); within a week, decisions of different days are taken at the week's mean.

    Parameters
    ----------
    bound : no end is decided before this day.
    """
    lives, people, hazards, desk = world.lives, world.population, world.hazards, world.desk
    account, start, week0 = lives.account[life], lives.start[life], as_of // 7
    m, wide = len(life), 2 * PAIRS
    logged = world.state.take((week0, account))
    state = State(**{name: np.repeat(column[:, None], wide, axis=1) for name, column in vars(logged).items()})
    care = np.repeat(world.care[week0, account][:, None], wide, axis=1)
    fit, onboarding = (a[account].astype(np.float32)[:, None] for a in (people.fit, people.onboarding))
    push, card = world.push[account][:, None], people.card[account][:, None]
    _, anchor_day = world.timeline.parts(start)
    bill_day = world.timeline.billing_days(int(week0.max()) + HORIZONS[-1] // 7 + 3)
    calendar, jump = _Days(world, life, as_of, bound), _price_jump(world, life, as_of)
    prices_jump = bool((jump < NEVER).any())

    shape = (len(HORIZONS), m, wide)
    churned, grown = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    alone = np.zeros((m, wide), np.float32)
    alive, steady, ungrown, untouched = (np.ones((m, wide), np.float32) for _ in range(4))
    coming_back: list[Floats] = []
    far = slice(0, 2 * FAR_PAIRS)
    tail = np.zeros((2, len(HORIZONS), m, 2 * FAR_PAIRS), np.float32)
    into_churn, into_growth = churned, grown
    for i in range(HORIZONS[-1] // 7 + 2):
        if i == NEAR_WEEKS:
            state, care = state.take((slice(None), far)), care[:, far].copy()
            alive, steady, ungrown = (a[:, far].copy() for a in (alive, steady, ungrown))
            into_churn, into_growth = tail
        week, age = week0 + i, (week0 + i) * 7 - start
        if i:
            billed_on = bill_day[week - 1, anchor_day]
            billed = ((billed_on < NEVER) & (billed_on >= start))[:, None]
            pairs = state.mood.shape[1] // 2
            state, _ = step(state, _antithetic(draw_shocks(rng, (m, pairs))), card, billed)
        weight, can, may, stays, shares = calendar.week(i)
        level = engagement(state, fit)
        pushed = push + hazards.prices.pain(week, start)[:, None]
        voluntary = hazards.voluntary(state, fit, onboarding, age[:, None], pushed) * weight
        involuntary = hazards.involuntary(state) * can
        other = np.float32(OTHER_END) * can
        if i < NEAR_WEEKS:
            gone, rate = _leave(untouched, voluntary, involuntary, other)
            by_choice, unpaid, _ = shares[1]
            alone += rate * (voluntary * by_choice + involuntary * unpaid)
            untouched -= gone
        calms, grows = hazards.cared(care)
        voluntary *= calms
        up = hazards.upgrade(state, fit) * grows * may
        down = hazards.downgrade(state, fit) * may
        gone, rate = _leave(steady, voluntary, involuntary, other, up, down)
        expanding = rate * up
        steady -= gone
        for h, (_, _, inside) in shares.items():
            into_growth[h] += expanding * inside
        if prices_jump:
            # A price that rises enough makes up for seats given back before.
            gone, _ = _leave(ungrown, voluntary, involuntary, other, up)
            ungrown -= gone
            jumping = jump // 7 - week0 == i
            for h in shares:
                now = jumping & (jump < as_of + HORIZONS[h])
                into_growth[h][now] += ungrown[now]
            steady[jumping], ungrown[jumping] = 0, 0
        gone, rate = _leave(alive, voluntary, involuntary, other)
        chose, owed = rate * voluntary, rate * involuntary
        for h, (by_choice, unpaid, _) in shares.items():
            into_churn[h] += chose * by_choice + owed * unpaid
        alive -= gone
        back = chose * stays + owed * np.float32(RETURN_IN_GRACE)
        coming_back.append(back[:, far].astype(np.float32))
        if i >= BACK_WEEKS:
            alive += coming_back[i - BACK_WEEKS]
        standing = attention.standing(world, account, week, age)[:, None]
        chance = attention.probability(standing, settled(week, age)[:, None], state, level)
        half = rng.random((m, chance.shape[1] // 2), dtype=np.float32)
        gain = (np.float32(EFFECT) * desk.skill_in(week, account))[:, None]
        care = np.float32(CARE_KEEPS) * care + gain * (_mirrored(half, 1 - half) < chance)

    means = [
        near.mean(axis=2, dtype=np.float64) + later.mean(axis=2, dtype=np.float64)
        for near, later in zip((churned, grown), tail, strict=True)
    ]
    errors = [_error(part[1]) for part in (churned, grown)]
    return Forecast(means[0].T, means[1].T, alone.mean(axis=1, dtype=np.float64), errors[0], errors[1])


def _leave(alive: Floats, *rates: Floats) -> tuple[Floats, Floats]:
    """Who leaves this week by any of some causes, and what multiplies the rate of one cause to give its part."""
    total = rates[0] + rates[1]
    for rate in rates[2:]:
        total = total + rate
    gone = alive * -np.expm1(-total)
    return gone, gone / np.maximum(total, np.float32(1e-12))


def _error(values: Floats) -> NDArray[np.float64]:
    pairs = values.reshape(len(values), PAIRS, 2).mean(axis=2, dtype=np.float64)
    return pairs.std(axis=1, ddof=1) / np.sqrt(PAIRS)


def _price_jump(world: World, life: NDArray[np.int64], as_of: Days) -> NDArray[np.int64]:
    """The day from as_of on on which risen list prices alone make an account's MRR 1.1 times what it was; or NEVER."""
    lives, prices, timeline = world.lives, world.hazards.prices, world.timeline
    start, term = lives.start[life], world.population.term[lives.account[life]]
    paid = prices.index(np.maximum(timeline.anniversaries(start, as_of - 1, term)[0], start))
    jump = np.full(len(life), NEVER)
    for day in prices.day[::-1]:
        reach = timeline.anniversaries(start, np.maximum(day - 1, start), term)[1]
        enough = (prices.index(day) >= GROWTH * paid) & (day > start) & (reach >= as_of)
        jump = np.where(enough, reach, jump)
    return jump


def _mirrored(values: Floats, other: Floats) -> Floats:
    return np.stack([values, other], axis=-1).reshape(len(values), -1)


def _antithetic(half: Shocks) -> Shocks:
    """Each future beside its mirror image, neighbours in the last axis: their errors largely cancel."""
    one = np.float32(1 - 2**-24)  # keeps the mirrored uniform inside [0, 1)
    return Shocks(
        _mirrored(half.mood, -half.mood),
        *(_mirrored(u, one - u) for u in (half.incident, half.champion, half.card)),
    )
