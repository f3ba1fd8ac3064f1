"""The accounts as they are when they first appear: who they are, what they bought, and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.streams import stream
from features.simulation.timeline import NEVER, Days, Timeline

__all__ = ["PLANS", "PRICES", "SEGMENTS", "Population", "draw_population"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SEGMENTS = ("smb", "mid", "enterprise")
PLANS = ("starter", "team", "business")
PRICES = np.array([22.0, 41.0, 68.0])  # list price of a seat a month
SEGMENT_SHARE = (0.55, 0.33, 0.12)
MEDIAN_SEATS = np.array([6.0, 20.0, 60.0])
PLAN_SHARE = np.array([[0.60, 0.32, 0.08], [0.25, 0.50, 0.25], [0.05, 0.35, 0.60]])
MONTHLY_SHARE = np.array([0.65, 0.40, 0.15])
CARD_SHARE = np.array([0.75, 0.40, 0.08])
PRESENT_SHARE = 0.60  # accounts that are customers before the history begins
PRESENT_YEARS = 3.0
TRIAL_SHARE = 0.35
TRIAL_DAYS = 14


@dataclass(frozen=True)
class Population:
    """One entry an account, in the order of the account ids, which says nothing about anything.

    Parameters
    ----------
    created, first_use, trial_ends, start : days; `first_use` is the trial's or the contract's first day,
        `trial_ends` NEVER without a trial, `start` the first paid day.
    segment, plan : positions in SEGMENTS and PLANS at the start.
    seats, term : licences at the start, months.
    discount : what is paid of the list price.
    card : pays by card, monthly; the others by bank transfer, once a term.
    fit, onboarding : how well the product suits them and how well they were introduced, about N(0, 1).
    habit : log of how much they use it for reasons that have nothing to do with staying.
    """

    account_id: NDArray[np.str_]
    created: Days
    first_use: Days
    trial_ends: Days
    start: Days
    segment: NDArray[np.int64]
    plan: NDArray[np.int64]
    seats: NDArray[np.int64]
    term: NDArray[np.int64]
    discount: Floats
    card: Bools
    fit: Floats
    onboarding: Floats
    habit: Floats

    def __len__(self) -> int:
        return len(self.account_id)


def draw_population(accounts: int, timeline: Timeline, seed: int) -> Population:
    """Draw `accounts` accounts, of which 60 % are customers when the history begins."""
    rng = stream(seed, "population")
    numbers = np.sort(rng.choice(max(900_000, accounts * 3), size=accounts, replace=False)) + 100_000
    segment = rng.choice(3, size=accounts, p=SEGMENT_SHARE)
    plan = (rng.random(accounts)[:, None] > PLAN_SHARE.cumsum(axis=1)[segment][:, :2]).sum(axis=1)
    seats = np.maximum(1, np.rint(MEDIAN_SEATS[segment] * np.exp(0.6 * rng.normal(size=accounts)))).astype(np.int64)

    # Exact shares, evenly spread: which account arrives when is a random permutation.
    arrival = rng.permutation(accounts)
    old = round(accounts * PRESENT_SHARE)
    present = arrival < old
    spread = rng.random(accounts)
    age = (arrival + spread) / max(old, 1) * PRESENT_YEARS * 365
    entry = (arrival - old + spread) / max(accounts - old, 1) * timeline.days
    start = timeline.snap(np.where(present, -1 - np.floor(age), np.floor(entry)).astype(np.int64))

    trial = ~present & (rng.random(accounts) < TRIAL_SHARE)
    pause = np.where(rng.random(accounts) < 0.25, rng.integers(1, 10, accounts), 0)
    trial_ends = np.where(trial, start - pause, NEVER)
    first_use = np.where(trial, trial_ends - TRIAL_DAYS, start)
    return Population(
        account_id=np.char.add("A", numbers.astype(str)),
        created=first_use - rng.integers(0, 21, accounts),
        first_use=first_use,
        trial_ends=trial_ends,
        start=start,
        segment=segment,
        plan=plan,
        seats=seats,
        term=np.where(rng.random(accounts) < MONTHLY_SHARE[segment], 1, 12),
        discount=np.round(1 - 0.25 * rng.random(accounts) * (segment > 0), 2),
        card=rng.random(accounts) < CARD_SHARE[segment],
        fit=rng.normal(size=accounts),
        onboarding=rng.normal(size=accounts),
        habit=0.35 * rng.normal(size=accounts),
    )
