"""Grid: the as_of days on which a history is looked at."""

from __future__ import annotations

import datetime as dt
from typing import Literal

__all__ = ["as_of_days"]


def as_of_days(first: dt.date, last: dt.date, grid: Literal["monthly", "weekly"]) -> list[dt.date]:
    """The first of each month, or each Monday, within `[first, last]`.

    >>> [str(d) for d in as_of_days(dt.date(2024, 1, 2), dt.date(2024, 3, 1), "monthly")]
    ['2024-02-01', '2024-03-01']
    """
    days = []
    day = first
    while day <= last:
        if day.day == 1 if grid == "monthly" else day.weekday() == 0:
            days.append(day)
        day += dt.timedelta(days=1)
    return days
