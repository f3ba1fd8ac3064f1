"""The company's weeks played out: hidden states, contracts, what is recorded, and whom the CSMs touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from features.simulation.contracts import Changes, Contracts, Lives, Withdrawals
from features.simulation.desk import CARE_KEEPS, CONFOUNDS_CHURN, EFFECT, Desk
from features.simulation.hazards import SEGMENT_RISK, Hazards
from features.simulation.latent import CARD_WEEKS, State, draw_shocks, engagement, step
from features.simulation.options import Options
from features.simulation.population import Population
from features.simulation.prices import plan_prices
from features.simulation.recorded import Answers, Recorder
from features.simulation.streams import stream
from features.simulation.team import People, Team, Uses
from features.simulation.timeline import NEVER, Days, Timeline

__all__ = ["Record", "World", "play"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Record:
    """What was recorded while the weeks went by; of the world with touches alone.

    Parameters
    ----------
    people, uses, answers : users, their days of use, NPS answers.
    tickets : (2, weeks, n) ordinary ones, and those after incidents.
    tried, answered, trouble : (weeks, n) touches, those that reached somebody, and accounts in recorded trouble.
    touch_day : (weeks, n) of the touch.
    """

    people: People
    uses: Uses
    answers: Answers
    tickets: NDArray[np.int16]
    tried: Bools
    answered: Bools
    trouble: Bools
    touch_day: NDArray[np.int32]


@dataclass(frozen=True)
class World:
    """Everything that happened. Arrays by week are (weeks, accounts) and hold for the whole week.

    Parameters
    ----------
    state : hidden states by week; meaningful where `alive`.
    care : what touches take off the log rate of leaving; 0 in a world without them.
    push : what segment and hidden causes add to it; (accounts,).
    alive : the account uses the product, in a trial or a contract, and its state moves.
    incident : size of an incident that begins in this week, else 0.
    champion_left, champion_found, card_renewed : it happens in this week.
    bill_day : (weeks, 29) the day in a week with this day of the month.
    record : None in the world without touches, of which nothing is recorded.
    """

    timeline: Timeline
    population: Population
    desk: Desk
    hazards: Hazards
    lives: Lives
    changes: Changes
    withdrawals: Withdrawals
    state: State
    care: Floats
    push: Floats
    alive: Bools
    incident: Floats
    champion_left: Bools
    champion_found: Bools
    card_renewed: Bools
    bill_day: Days
    record: Record | None

    @property
    def recorded(self) -> Record:
        """The record of a world that has one."""
        assert self.record is not None, "nothing was recorded in the world without touches"
        return self.record


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


class _Desktop:
    """The observed side of the weeks: users, records and touches."""

    def __init__(self, population: Population, desk: Desk, timeline: Timeline, seed: int, null: bool) -> None:
        self._shape = timeline.weeks, len(population)
        self._population, self._timeline = population, timeline
        self._new_team = lambda champion: Team(population, champion, timeline, seed)
        self._team: Team | None = None
        self._recorder = Recorder(population, desk, timeline, seed, null)
        self.tried, self.answered, self.trouble = (np.zeros(self._shape, bool) for _ in range(3))
        self.day = np.zeros(self._shape, np.int32)

    def touch(self, week: int, contracts: Contracts, failed: Bools) -> Bools:
        """Touch in this week; which accounts were reached. An account is touched only while it has a contract."""
        found = self._recorder.touch(week, contracts.start, failed)
        until = np.minimum(contracts.end, self._timeline.days)
        runs = (found.day >= contracts.start) & (found.day < until)
        self.tried[week], self.answered[week] = found.tried & runs, found.answered & runs
        self.trouble[week], self.day[week] = found.trouble & runs, found.day
        return self.answered[week]

    def week(
        self,
        week: int,
        contracts: Contracts,
        state: State,
        happened: tuple[Floats, Bools, Bools],
        grown: tuple[NDArray[np.int64], Days, NDArray[np.int64]],
    ) -> None:
        """Record what happened in a week once its contracts are decided; `happened`: incident, left, found."""
        people = self._population
        if self._team is None:
            self._team = self._new_team(state.champion)
        days = np.arange(week * 7, week * 7 + 7)[:, None]
        open_: Bools = (days >= contracts.start) & (days < contracts.end)
        open_ |= (people.trial_ends < NEVER) & (days >= people.first_use) & (days < people.trial_ends)
        open_ &= days < self._timeline.days
        level = engagement(state, people.fit.astype(np.float32))
        incident, left, found = happened
        used = self._team.week(week, open_, level, left, found, grown)
        self._recorder.week(week, state, level, incident, np.asarray(open_.any(axis=0)), used)

    def finish(self, lives: Lives) -> Record:
        assert self._team is not None
        last_end = np.full(self._shape[1], NEVER)
        last_end[lives.account] = lives.end  # in order of starts: the last one stays
        people, uses = self._team.finish(last_end)
        answers, tickets = self._recorder.answers(), self._recorder.tickets
        return Record(people, uses, answers, tickets, self.tried, self.answered, self.trouble, self.day)


def play(
    population: Population,
    desk: Desk,
    timeline: Timeline,
    seed: int,
    options: Options | None = None,
    touches: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> World:
    """Play all weeks; the hidden state never looks at what will be decided.

    Both worlds, with touches and without, draw the same random numbers for the same account and week.
    """
    options = options or Options()
    n, weeks = len(population), timeline.weeks
    hazards = Hazards(timeline, options.null, plan_prices(timeline, options))
    nature, fate, terms = (stream(seed, name) for name in ("nature", "fate", "terms"))
    fit, onboarding = population.fit.astype(np.float32), population.onboarding.astype(np.float32)
    push = SEGMENT_RISK[population.segment] + np.float32(CONFOUNDS_CHURN) * desk.unheard
    bill_day = timeline.billing_days(weeks + 1)
    now = _first_state(nature, n, fresh=population.first_use >= 0)
    contracts = Contracts(population)
    log = State(**{f.name: np.empty((weeks, n), getattr(now, f.name).dtype) for f in fields(State)})
    alive = np.zeros((weeks, n), bool)
    incident, cared = np.zeros((weeks, n), np.float32), np.zeros((weeks, n), np.float32)
    left, found, renewed = (np.zeros((weeks, n), bool) for _ in range(3))
    desktop = _Desktop(population, desk, timeline, seed, options.null) if touches else None
    if touches:
        cared[0] = desk.care_before(population, seed)

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

        pushed = push + hazards.prices.pain(week, contracts.start)
        calms, grows = hazards.cared(cared[week])
        voluntary = hazards.voluntary(now, fit, onboarding, first - contracts.start, pushed) * calms
        may = contracts.may(days, timeline.days)
        contracts.decide(hazards, (voluntary, hazards.involuntary(now)), days, timeline.days, population.term, fate)
        grown = contracts.change(hazards.upgrade(now, fit) * grows, hazards.downgrade(now, fit), may, days, terms)
        if desktop is not None:
            reached = desktop.touch(week, contracts, log.failed[max(week - 1, 0)])
            if week + 1 < weeks:
                gain = EFFECT * desk.skill_in(week, slice(None)) * reached
                cared[week + 1] = CARE_KEEPS * cared[week] + gain
            desktop.week(week, contracts, now, (incident[week], left[week], found[week]), grown)
        if progress is not None and week % 8 == 7:
            progress("playing the weeks", (week + 1) / weeks)

    lives, changes, withdrawals = contracts.finish(timeline.days)
    return World(
        timeline=timeline,
        population=population,
        desk=desk,
        hazards=hazards,
        lives=lives,
        changes=changes,
        withdrawals=withdrawals,
        state=log,
        care=cared,
        push=push,
        alive=alive,
        incident=incident,
        champion_left=left,
        champion_found=found,
        card_renewed=renewed,
        bill_day=bill_day,
        record=desktop.finish(lives) if desktop is not None else None,
    )
