"""What is recorded while the weeks go by, and whom the CSMs touch because of it.

A CSM knows no hidden state. Whom to touch is decided from rows that stand in the tables before the week begins:
use that fell, tickets, a failed payment, a detractor's answer; and from independent chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.desk import Desk
from features.simulation.late import delays
from features.simulation.latent import State
from features.simulation.population import Population
from features.simulation.season import WORKING, season, weekdays
from features.simulation.streams import stream
from features.simulation.timeline import Days, Timeline

__all__ = ["ASKED", "Answers", "Recorder", "Touched"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

# Log odds of a touch in a week, by touch model, and what recorded trouble adds to them.
BASE = np.array([-2.6, -3.1, -3.7, -5.0])
FELL, TICKETS, UNPAID, DETRACTOR, NEW = 1.9, 0.9, 1.9, 1.6, 1.5
CONFOUNDS_TOUCH = 1.0
CHANCE = 0.5  # standard deviation of the chance in it
AT_RANDOM = 0.06  # share touched in a week where nothing matters
ANSWERED = 0.72
RECENT, EARLIER = 4, 8  # weeks of use that are compared
FALL = 0.7
NEW_DAYS = 60
NPS_EVERY_WEEKS = 13
ASKED = 3  # users asked each time
HEARD_WEEKS = 5  # a detractor's answer is acted upon this long


@dataclass(frozen=True)
class Answers:
    """NPS answers given, one entry each; times in days. The score is of the account's mood that week."""

    account: NDArray[np.int64]
    sent: NDArray[np.float64]
    responded: NDArray[np.float64]
    recorded: NDArray[np.float64]
    score: NDArray[np.float64]


@dataclass(frozen=True)
class Touched:
    """One week's touches, (n,) each; `day` is meaningful where `tried`, and `answered` ones help."""

    tried: Bools
    answered: Bools
    day: Days
    trouble: Bools


class Recorder:
    """Draws what is recorded week by week: ticket counts and NPS answers, and from all of it the touches."""

    def __init__(self, population: Population, desk: Desk, timeline: Timeline, seed: int, null: bool) -> None:
        n, weeks = len(population), timeline.weeks
        self._population, self._desk, self._timeline, self._null = population, desk, timeline, null
        self._ticket_rng, self._nps_rng = stream(seed, "ticket counts"), stream(seed, "nps")
        self._touch_rng = stream(seed, "touches")
        self._asked_in = self._nps_rng.integers(0, NPS_EVERY_WEEKS, n)
        self._detractors = np.zeros((weeks + 8, n), bool)
        self._answers: list[list[NDArray[np.float64]]] = []
        self._last_incident = np.zeros(n, np.float32)
        self.tickets = np.zeros((2, weeks, n), np.int16)
        self.user_days = np.zeros((weeks, n), np.float32)
        expected = season(timeline, np.arange(weeks * 7)).reshape(weeks, 7).sum(axis=1)
        self._seasonal = (WORKING / expected).astype(np.float32)  # takes the season out of a week's use
        first = weekdays(timeline, np.arange(7))
        self._working_days = np.flatnonzero(first < WORKING)

    def week(self, week: int, state: State, level: Floats, incident: Floats, open_: Bools, user_days: Floats) -> None:
        """Record a week that is over.

        Parameters
        ----------
        level : what engagement shows.
        incident : size of incidents that began in this week, else 0.
        open_ : (n,) the account used the product on some day of it.
        user_days : days on which users came, summed over users.
        """
        n = len(level)
        size = (np.sqrt(self._population.seats / 15) * 0.11).astype(np.float32)
        chance = 0.2 * self._ticket_rng.standard_normal(n)
        self.tickets[0, week] = self._ticket_rng.poisson(size * np.exp(-0.25 * state.mood + chance)) * open_
        burst = self._ticket_rng.poisson(1.8 * incident) + self._ticket_rng.poisson(1.0 * self._last_incident)
        self.tickets[1, week] = burst * open_
        self._last_incident = incident.copy()
        self.user_days[week] = user_days * self._seasonal[week]
        self._ask(week, level, open_)

    def _ask(self, week: int, level: Floats, open_: Bools) -> None:
        rng = self._nps_rng
        who = np.repeat(np.flatnonzero(open_ & ((week + self._asked_in) % NPS_EVERY_WEEKS == 0)), ASKED)
        feeling = level[who]
        answers = rng.random(len(who)) < np.clip(0.36 + 0.10 * feeling, 0.05, 0.8)
        sent = week * 7 + rng.integers(0, 7, len(who)) + 9 / 24
        responded = sent + rng.exponential(1.5, len(who)) + 0.01
        recorded = responded + delays(rng, len(who), longest=10)
        score = np.clip(np.rint(7.4 + 1.5 * feeling + 1.9 * rng.normal(size=len(who))), 0, 10)
        self._answers.append([column[answers] for column in (who.astype(float), sent, responded, recorded, score)])
        low = answers & (score <= 6)
        known_in = np.floor(recorded[low]).astype(np.int64) // 7 + 1
        self._detractors[np.minimum(known_in, len(self._detractors) - 1), who[low]] = True

    def touch(self, week: int, start: Days, unpaid: Bools) -> Touched:
        """Whom the CSMs touch in a week, from what stood in the tables when it began.

        Parameters
        ----------
        start : first days of the contracts.
        unpaid : a payment had failed for good by the beginning of the week before.
        """
        rng, desk, n = self._touch_rng, self._desk, len(start)
        uniform, answer, day = rng.random((3, n))
        chance = CHANCE * rng.standard_normal(n)
        recent = self.user_days[max(week - RECENT, 0) : week].sum(axis=0) / RECENT
        earlier = self.user_days[max(week - RECENT - EARLIER, 0) : max(week - RECENT, 0)].sum(axis=0) / EARLIER
        fell = (week >= RECENT + EARLIER) & (earlier > 1) & (recent < FALL * earlier)
        fell &= start < week * 7 - 7 * (RECENT + EARLIER)
        tickets = self.tickets[:, max(week - 2, 0) : week].sum(axis=(0, 1))
        detractor = self._detractors[max(week - HEARD_WEEKS + 1, 0) : week + 1].any(axis=0)
        new = (week * 7 - start < NEW_DAYS) & (week * 7 >= start)
        odds = (
            BASE[desk.touch_model]
            + FELL * fell
            + TICKETS * np.minimum(np.log1p(tickets), 2)
            + UNPAID * unpaid
            + DETRACTOR * detractor
            + NEW * new
            + chance
            + CONFOUNDS_TOUCH * desk.unheard
        )
        probability = np.full(n, AT_RANDOM) if self._null else 1 / (1 + np.exp(-odds))
        tried = (uniform < probability) & ~desk.control
        return Touched(
            tried=tried,
            answered=tried & (answer < ANSWERED),
            day=week * 7 + self._working_days[np.floor(day * len(self._working_days)).astype(np.int64)],
            trouble=fell | unpaid | detractor | (tickets >= 2),
        )

    def answers(self) -> Answers:
        """All NPS answers of the history, in order of weeks."""
        account, sent, responded, recorded, score = (np.concatenate(c) for c in zip(*self._answers, strict=True))
        return Answers(account.astype(np.int64), sent, responded, recorded, score)
