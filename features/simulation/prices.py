"""List prices: the known days on which they rise, whom that reaches when, and how long it rankles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulation.options import Options
from features.simulation.timeline import Days, Timeline

__all__ = ["Prices", "plan_prices"]

Floats = NDArray[np.float32]

RISE_MONTH = 3  # every March, for new contracts at once and for the others at their next renewal
RISE = 1.04
PAIN = 2.0  # on the log rate of leaving, by the log of the rise
PAIN_KEEPS = 0.94  # a week


@dataclass(frozen=True)
class Prices:
    """The rises of a company's list prices.

    Parameters
    ----------
    day : (r,) sorted days on which list prices rise.
    factor : (r,) by how much.
    """

    day: Days
    factor: NDArray[np.float64]

    def index(self, day: Days) -> NDArray[np.float64]:
        """List price on each day, relative to before the first rise."""
        return np.r_[1.0, self.factor.cumprod()][np.searchsorted(self.day, day, side="right")]

    def pain(self, week: Days | int, start: Days) -> Floats:
        """Added to the log rate of leaving in a week, for contracts that began on `start`; broadcasts.

        It begins in the first whole week after the rise, for contracts that were there before it.
        """
        total = np.zeros(np.broadcast_shapes(np.shape(week), np.shape(start)), np.float32)
        for day, factor in zip(self.day, self.factor, strict=True):
            since = np.asarray(week) - -(-day // 7)
            if np.max(since) < 0:
                continue
            felt = (since >= 0) & (start < day)
            total += np.where(felt, PAIN * np.log(factor) * PAIN_KEEPS ** np.maximum(since, 0), 0).astype(np.float32)
        return total


def plan_prices(timeline: Timeline, options: Options) -> Prices:
    """Rises inside the history: 4 % every March, and the one that the options ask for; without signal only that."""
    months, _ = timeline.parts(timeline.month_starts())
    rises = {
        int(day): RISE
        for day, month in zip(timeline.month_starts(), months, strict=True)
        if month % 12 == RISE_MONTH - 1 and not options.null
    }
    if options.price_rise is not None:
        at, factor = options.price_rise
        day = int(timeline.month_starts()[at - 1])
        rises[day] = rises.get(day, 1.0) * factor
    days = sorted(rises)
    return Prices(np.array(days, dtype=np.int64), np.array([rises[d] for d in days], dtype=np.float64))
