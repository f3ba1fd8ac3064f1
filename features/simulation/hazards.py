"""How likely an account is to decide to leave, to be merged away, or to change its terms, on each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.latent import State, engagement
from features.simulation.prices import Prices
from features.simulation.timeline import Days, Timeline

__all__ = [
    "KEPT_DISCOUNT",
    "LEAD_DAYS",
    "NULL_CHURN",
    "NULL_UPGRADE",
    "OTHER_END",
    "RETURN_IN_GRACE",
    "WITHDRAWN",
    "Calendar",
    "Hazards",
]

Floats = NDArray[np.float32]

LEAD_DAYS = (5, 45)  # from notice to end, both included
NULL_CHURN = 0.02 / 30.44  # a day
NULL_UPGRADE = 0.015 / 30.44
OTHER_END = 0.0006 / 30.44  # completed or merged, a day
RETURN_IN_GRACE = 0.04  # of those who leave without notice
WITHDRAWN = 0.12  # of notices
KEPT_DISCOUNT = 0.95  # what is left of the price of those who withdraw theirs
MONTHLY_NOTICE = 0.5
SEGMENT_RISK = np.array([0.2, 0.0, -0.35], dtype=np.float32)
VOLUNTARY = -7.85  # log rate a day of an average account on a monthly term
OFF_RENEWAL, BEFORE_RENEWAL, AFTER_RENEWAL = 0.12, 2.2, 2.6  # of an annual term, relative to a monthly one
LAPSE_DAYS = 15  # an annual account that let its renewal pass leaves within these
INVOLUNTARY = 0.10 / 7  # a day, once a payment has failed for good
ONBOARDING_DAYS = 120
CARE_GROWS = 0.4  # of what care takes off the log rate of leaving it adds to that of upgrades


@dataclass(frozen=True)
class Calendar:
    """What the calendar alone says of a day: (n, days) arrays.

    Parameters
    ----------
    weight : voluntary rate relative to a monthly term.
    notice : share of leavers who give notice.
    lead : days from notice to end where that is the renewal date, else 0 for a random lead.
    """

    weight: Floats
    notice: Floats
    lead: NDArray[np.int16]


@dataclass(frozen=True)
class Hazards:
    """The daily rates; under `null` one constant for all.

    Parameters
    ----------
    timeline : of the company.
    null : churn and expansion depend on nothing.
    prices : whose rises rankle.
    """

    timeline: Timeline
    null: bool
    prices: Prices

    def calendar(self, anchor: Days, term: Days, days: Days) -> Calendar:
        """Renewal pressure on (n, k) days, for contracts that began on (n,) `anchor`."""
        if self.null:
            return Calendar(
                np.ones(days.shape, np.float32), np.zeros(days.shape, np.float32), np.zeros(days.shape, np.int16)
            )
        from_day = np.maximum(days, anchor[:, None])
        last, following = self.timeline.anniversaries(anchor[:, None], from_day, np.full((1, 1), 12))
        annual = (term == 12)[:, None]
        left = following - days
        before = annual & (left >= LEAD_DAYS[0]) & (left <= LEAD_DAYS[1])
        lapsing = annual & (last > anchor[:, None]) & (days - last < LAPSE_DAYS)
        weight = np.select([before, lapsing, annual], [BEFORE_RENEWAL, AFTER_RENEWAL, OFF_RENEWAL], 1.0)
        notice = np.select([before, lapsing], [1.0, 0.0], MONTHLY_NOTICE)
        return Calendar(
            weight.astype(np.float32), notice.astype(np.float32), np.where(before, left, 0).astype(np.int16)
        )

    def voluntary(self, state: State, fit: Floats, onboarding: Floats, age: NDArray[np.int64], push: Floats) -> Floats:
        """Rate a day in this week, before the calendar's weight and what a CSM's care takes off.

        Parameters
        ----------
        age : days since the contract began, at the week's first day.
        push : log rate of the segment, of risen prices and of what nobody records.
        """
        if self.null:
            return np.full(state.mood.shape, 0.8 * NULL_CHURN, np.float32)
        fresh = np.clip(1 - age / ONBOARDING_DAYS, 0, 1).astype(np.float32)
        early = fresh * (0.5 - 1.3 * onboarding)
        return np.exp(
            np.float32(VOLUNTARY)
            + push
            + early.astype(np.float32)
            - np.float32(0.95) * state.mood
            - np.float32(0.55) * fit
            + np.float32(0.55) * state.debt
            + np.float32(1.3) * state.gap
        )

    def involuntary(self, state: State) -> Floats:
        """Rate a day in this week of being ended for want of payment."""
        if self.null:
            return np.full(state.mood.shape, 0.2 * NULL_CHURN, np.float32)
        return np.where(state.failed, np.float32(INVOLUNTARY), np.float32(0))

    def upgrade(self, state: State, fit: Floats) -> Floats:
        """Rate a day of more seats or a higher plan; always at least 12 % more MRR."""
        if self.null:
            return np.full(state.mood.shape, NULL_UPGRADE, np.float32)
        return np.exp(np.float32(np.log(0.012 / 30.44)) + np.float32(0.8) * engagement(state, fit))

    def cared(self, care: Floats) -> tuple[Floats, Floats]:
        """What care makes of the voluntary rate and of the rate of upgrades, as factors; 1 under `null`."""
        if self.null:
            return np.ones_like(care), np.ones_like(care)
        return np.exp(-care), np.exp(np.float32(CARE_GROWS) * care)

    def downgrade(self, state: State, fit: Floats) -> Floats:
        """Rate a day of fewer seats; none under `null`, where it would blur what reaches +10 %."""
        if self.null:
            return np.zeros(state.mood.shape, np.float32)
        return np.exp(np.float32(np.log(0.005 / 30.44)) - np.float32(0.7) * engagement(state, fit))
