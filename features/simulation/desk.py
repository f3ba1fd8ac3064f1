"""The customer success desk: who looks after which account when, how skilled they are, and whom they leave alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.options import Options
from features.simulation.population import Population
from features.simulation.streams import stream
from features.simulation.timeline import Timeline

__all__ = ["CARE_KEEPS", "CONFOUNDS_CHURN", "EFFECT", "TOUCH_MODELS", "Desk", "draw_desk"]

TOUCH_MODELS = ("high", "mid", "low", "tech")
ACCOUNTS_A_CSM = 75  # of all accounts that ever come; about two thirds of them at a time
LEAVES = 0.2 / 52  # a CSM hands over the whole book to a successor, a week
MOVES = 0.05 / 52  # one account goes to another book, a week
SKILL_SPREAD = 0.5
CONTROL_SHARE = 0.12
EFFECT = 0.7  # one answered touch by a CSM of skill 1, off the log rate of leaving
CARE_KEEPS = 0.88  # of it is left a week later: half of it after five and a half
EARLIER_WEEKS = 20
REACHED_BEFORE = (0.12, 0.08, 0.045, 0.015)  # in a week, by touch model
CONFOUNDS_CHURN = 0.5  # on the log rate of leaving, by what nobody records


@dataclass(frozen=True)
class Desk:
    """Everything about CSMs that does not depend on what happens to the accounts.

    Parameters
    ----------
    csm_id : (c,) names of the CSMs.
    skill : (c,) what their touches are worth, 1 on average.
    csm : (weeks, n) position in `csm_id` of who looks after an account in a week.
    touch_model : (n,) position in TOUCH_MODELS.
    control : (n,) in the arm that is never touched.
    unheard : (n,) what nobody records, N(0, 1); 0 without hidden confounding.
    """

    csm_id: NDArray[np.str_]
    skill: NDArray[np.float64]
    csm: NDArray[np.int32]
    touch_model: NDArray[np.int64]
    control: NDArray[np.bool_]
    unheard: NDArray[np.float32]

    def care_before(self, population: Population, seed: int) -> NDArray[np.float32]:
        """What touches before the history, at the usual rate of each touch model, still do on its first day, (n,)."""
        drawn = stream(seed, "touches before").random((EARLIER_WEEKS, len(population)))
        reached = drawn < np.array(REACHED_BEFORE)[self.touch_model]
        left = (CARE_KEEPS ** np.arange(EARLIER_WEEKS) @ reached) * (population.start < 0) * ~self.control
        return (EFFECT * left).astype(np.float32) * self.skill_in(0, slice(None))

    def skill_in(self, week: NDArray[np.int64] | int, account: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Skill of the CSM of each account in each week; after the last week nothing changes hands."""
        at = np.minimum(week, len(self.csm) - 1)
        return self.skill[self.csm[at, account]].astype(np.float32)


def draw_desk(population: Population, timeline: Timeline, seed: int, options: Options) -> Desk:
    """Draw books, their changes of hands, skills and the arms; none of it depends on anything else."""
    rng, n, weeks = stream(seed, "desk"), len(population), timeline.weeks
    books = max(2, round(n / ACCOUNTS_A_CSM))
    book = rng.integers(0, books, n)
    holder, people = np.arange(books), books
    csm = np.empty((weeks, n), np.int32)
    for week in range(weeks):
        leaving = np.flatnonzero(rng.random(books) < LEAVES) if week else np.zeros(0, np.int64)
        holder[leaving] = people + np.arange(len(leaving))
        people += len(leaving)
        moving = rng.random(n) < MOVES
        elsewhere = rng.integers(0, books, n)
        book = np.where(moving & (week > 0), elsewhere, book)
        csm[week] = holder[book]
    talents = stream(seed, "skill")
    skill = np.clip(1 + SKILL_SPREAD * talents.standard_normal(people), 0, 2)
    segment = population.segment
    automated = stream(seed, "touch models").random(n) < 0.6
    return Desk(
        csm_id=np.array([f"C{i:03}" for i in 1 + stream(seed, "csm ids").permutation(people)]),
        skill=np.ones(people) if options.equal_skill else skill,
        csm=csm,
        touch_model=np.select([segment == 2, segment == 1], [0, 1], 2 + automated),
        control=stream(seed, "arms").random(n) < CONTROL_SHARE,
        unheard=(stream(seed, "unheard").standard_normal(n) * options.hidden_confounding).astype(np.float32),
    )
