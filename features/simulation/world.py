"""The company's weeks played out: hidden states, contracts, changes of terms, notices and ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from features.simulation.hazards import LEAD_DAYS, OTHER_END, RETURN_IN_GRACE, SEGMENT_RISK, Hazards
from features.simulation.latent import CARD_WEEKS, State, draw_shocks, step
from features.simulation.population import PLANS, Population
from features.simulation.streams import stream
from features.simulation.timeline import NEVER, Days, Timeline

__all__ = ["REASONS", "Changes", "Lives", "World", "play"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

REASONS = ("", "voluntary", "involuntary", "completed", "merged")
COMES_BACK = 0.04  # of those who left, long after
BOUND_DAYS = 90  # who is won back within the grace period signs for a quarter


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


@dataclass(frozen=True)
class Changes:
    """One entry a change of terms: the account, the day, and the terms from that day on."""

    account: NDArray[np.int64]
    day: Days
    seats: NDArray[np.int64]
    plan: NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """Everything that happened. Arrays by week are (weeks, accounts) and hold for the whole week.

    Parameters
    ----------
    state : hidden states by week; meaningful where `alive`.
    alive : the account uses the product, in a trial or a contract, and its state moves.
    incident : size of an incident that begins in this week, else 0.
    champion_left, champion_found, card_renewed : it happens in this week.
    bill_day : (weeks, 29) the day in a week with this day of the month.
    """

    timeline: Timeline
    population: Population
    hazards: Hazards
    lives: Lives
    changes: Changes
    state: State
    alive: Bools
    incident: Floats
    champion_left: Bools
    champion_found: Bools
    card_renewed: Bools
    bill_day: Days


def _first_state(rng: np.random.Generator, n: int, fresh: Bools) -> State:
    """A state to begin with; `fresh` accounts come with a champion and a newer card."""
    shocks = draw_shocks(rng, (n,))
    has = fresh | (shocks.champion < 0.88)
    return State(
        mood=shocks.mood.copy(),
        debt=np.where(fresh, 0, np.where(shocks.incident < 0.15, 5 * shocks.incident, 0)).astype(np.float32),
        champion=has,
        gap=(~has).astype(np.float32),
        card_left=(shocks.card * np.where(fresh, CARD_WEEKS - 8, CARD_WEEKS)).astype(np.int32) + 8 * fresh,
        declined=np.zeros(n, bool),
        failed=np.zeros(n, bool),
    )


class _Contracts:
    """The contracts while they are being played: what each account has now, and the log of all."""

    def __init__(self, population: Population) -> None:
        n = len(population)
        self.start = population.start.copy()
        self.bound = np.full(n, -NEVER, dtype=np.int64)
        self.end = np.full(n, NEVER, dtype=np.int64)
        self.restart = np.full(n, NEVER, dtype=np.int64)
        self.seats = population.seats.copy()
        self.plan = population.plan.copy()
        self.notice = np.full(n, NEVER, dtype=np.int64)
        self.reason = np.zeros(n, dtype=np.int64)
        self.lives: list[tuple[NDArray[np.int64], ...]] = []
        self.changes: list[tuple[NDArray[np.int64], ...]] = []

    def close(self, who: NDArray[np.int64]) -> None:
        """Write the current contract of some accounts to the log."""
        self.lives.append((who, self.start[who], self.end[who], self.notice[who], self.reason[who], self.bound[who]))

    def reopen(self, who: NDArray[np.int64]) -> None:
        """Begin the next contract of accounts that come back."""
        self.close(who)
        soon = self.restart[who] - self.end[who] <= 30
        self.start[who] = self.restart[who]
        self.bound[who] = np.where(soon, self.restart[who] + BOUND_DAYS, -NEVER)
        for column in (self.end, self.restart, self.notice):
            column[who] = NEVER
        self.reason[who] = 0


def play(
    population: Population,
    timeline: Timeline,
    seed: int,
    null: bool,
    progress: Callable[[str, float], None] | None = None,
) -> World:
    """Play all weeks; the hidden state never looks at what will be decided."""
    n, weeks = len(population), timeline.weeks
    hazards = Hazards(timeline, null)
    nature, fate, terms = (stream(seed, name) for name in ("nature", "fate", "terms"))
    fit, onboarding = population.fit.astype(np.float32), population.onboarding.astype(np.float32)
    risk = SEGMENT_RISK[population.segment]
    bill_day = timeline.billing_days(weeks + 1)
    now = _first_state(nature, n, fresh=population.first_use >= 0)
    contracts = _Contracts(population)
    log = State(**{f.name: np.empty((weeks, n), getattr(now, f.name).dtype) for f in fields(State)})
    alive = np.zeros((weeks, n), bool)
    incident = np.zeros((weeks, n), np.float32)
    left, found, renewed = (np.zeros((weeks, n), bool) for _ in range(3))

    for week in range(weeks):
        first = week * 7
        days = np.arange(first, first + 7)
        begun = population.first_use < first + 7
        back = (contracts.restart >= first) & (contracts.restart < first + 7)
        shocks = draw_shocks(nature, (n,))
        reborn = _first_state(nature, n, np.ones(n, bool))
        if week:
            _, anchor_day = timeline.parts(contracts.start)
            billed_on = bill_day[week - 1, anchor_day]
            billed = (billed_on < NEVER) & (billed_on >= contracts.start)
            later, happened = step(now, shocks, population.card, billed)
            moving = alive[week - 1] & (contracts.end > first)
            now.put(moving, later)
            incident[week] = np.where(moving, happened.incident, 0)
            left[week] = moving & happened.champion_left
            found[week] = moving & happened.champion_found
            renewed[week] = moving & happened.card_renewed
        if back.any():
            # The people stay who they are; mood, grievances and the card begin anew.
            reborn.champion, reborn.gap = now.champion.copy(), now.gap.copy()
            now.put(back, reborn)
            contracts.reopen(np.flatnonzero(back))
        alive[week] = begun & (contracts.end > first)
        for f in fields(State):
            getattr(log, f.name)[week] = getattr(now, f.name)

        open_ = (days > contracts.start[:, None]) & (days < np.minimum(contracts.end, timeline.days)[:, None])
        open_ &= (contracts.end == NEVER)[:, None]
        rates = hazards.voluntary(now, fit, onboarding, first - contracts.start, risk), hazards.involuntary(now)
        _decide(contracts, hazards, rates, open_ & (days >= contracts.bound[:, None]), days, population, fate)
        _change(contracts, hazards.upgrade(now, fit), hazards.downgrade(now, fit), open_, days, terms)
        if progress is not None and week % 8 == 7:
            progress("playing the weeks", (week + 1) / weeks)

    contracts.close(np.flatnonzero(contracts.start < timeline.days))
    lives = [np.concatenate(column) for column in zip(*contracts.lives, strict=True)]
    order = np.lexsort((lives[0], lives[1]))
    nothing = (np.zeros(0, dtype=np.int64),) * 4
    changes = [np.concatenate(column) for column in zip(nothing, *contracts.changes, strict=True)]
    return World(
        timeline=timeline,
        population=population,
        hazards=hazards,
        lives=Lives(*(column[order] for column in lives)),
        changes=Changes(*changes),
        state=log,
        alive=alive,
        incident=incident,
        champion_left=left,
        champion_found=found,
        card_renewed=renewed,
        bill_day=bill_day,
    )


def _decide(
    contracts: _Contracts,
    hazards: Hazards,
    rates: tuple[Floats, Floats],
    may: Bools,
    days: Days,
    population: Population,
    rng: np.random.Generator,
) -> None:
    """Draw who decides to leave in this week, on which day, how, and whether they come back."""
    n = len(may)
    threshold, cause, gives, lead, returns, gap = rng.random((6, n))
    calendar = hazards.calendar(contracts.start, population.term, np.broadcast_to(days, may.shape))
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
    contracts.end[who] = end
    contracts.notice[who] = np.where(notice, day, NEVER)
    contracts.reason[who] = np.where(leaves, 1, np.where(unpaid, 2, merged))

    churned = leaves | unpaid
    soon = churned & ~notice & (returns[who] < RETURN_IN_GRACE) & (not hazards.null)
    late = churned & ~soon & (returns[who] > 1 - COMES_BACK)
    wait = np.select([soon, late], [11 + np.floor(gap[who] * 18), 50 + np.floor(gap[who] * 110)], NEVER)
    restart = hazards.timeline.snap(np.minimum(end + wait, NEVER - 31).astype(np.int64))
    contracts.restart[who] = np.where(soon | late, restart, NEVER)


def _change(contracts: _Contracts, up: Floats, down: Floats, may: Bools, days: Days, rng: np.random.Generator) -> None:
    """Draw changes of terms on days before any decision to leave."""
    threshold, which, how, size = rng.random((4, len(may)))
    # Nobody who decides on a later day of this week is spared or favoured: the day is drawn first.
    open_days = may & (days < np.minimum(contracts.end, contracts.notice)[:, None])
    reached = (open_days * (up + down)[:, None]).cumsum(axis=1) >= -np.log1p(-threshold)[:, None]
    who = np.flatnonzero(reached.any(axis=1) & open_days.any(axis=1))
    day = days[reached[who].argmax(axis=1)]
    rising = which[who] * (up + down)[who] < up[who]
    seats, plan = contracts.seats[who], contracts.plan[who]
    higher = rising & (how[who] < 0.25) & (plan < len(PLANS) - 1)
    more = np.maximum(seats + 1, np.ceil(seats * (1.12 + 0.4 * size[who]))).astype(np.int64)
    fewer = np.maximum(1, np.floor(seats * (0.6 + 0.3 * size[who]))).astype(np.int64)
    new_seats = np.where(higher, seats, np.where(rising, more, fewer))
    real = higher | (new_seats != seats)
    who, day, new_seats, plan = who[real], day[real], new_seats[real], (plan + higher)[real]
    contracts.seats[who], contracts.plan[who] = new_seats, plan
    contracts.changes.append((who, day, new_seats, plan))
