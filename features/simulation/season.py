"""The season: how much the calendar alone raises or lowers use on each day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.simulation.timeline import Days, Timeline

__all__ = ["WORKING", "season", "weekdays"]

WEEKEND = 0.2  # relative to a working day
YEARLY = 0.10  # use swings by this much, highest in mid-March
HOLIDAYS = 0.45  # from 22 December to 2 January
SUMMER = 0.85  # in August
QUARTER_END = 1.15  # on the last week of a quarter
WORKING = 5  # days of a week, from Monday


def weekdays(timeline: Timeline, days: Days) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday."""
    return ((np.datetime64(timeline.start, "D") + np.asarray(days)).astype("datetime64[D]").view("int64") + 3) % 7


def season(timeline: Timeline, days: Days) -> NDArray[np.float64]:
    """Use on each day relative to an average working day."""
    month0, day = timeline.parts(days)
    month = month0 % 12 + 1
    in_year = (month - 1) / 12 + day / 365
    factor = np.exp(YEARLY * np.cos(2 * np.pi * (in_year - 0.2)))
    factor *= np.where((month == 12) & (day >= 22) | (month == 1) & (day <= 2), HOLIDAYS, 1.0)
    factor *= np.where(month == 8, SUMMER, 1.0)
    factor *= np.where((month % 3 == 0) & (month != 12) & (day >= 24), QUARTER_END, 1.0)
    return factor * np.where(weekdays(timeline, days) >= WORKING, WEEKEND, 1.0)
