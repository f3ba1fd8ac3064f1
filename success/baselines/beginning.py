"""Beginning: a history in; the first month that anything can be expected at the start of, out."""

from __future__ import annotations

import datetime as dt

from features.history import History
from success.periods import month_of, months_after

__all__ = ["OBSERVED", "first_expected"]

OBSERVED = 90
"""Days that must have been observed before a day on which something is expected.

Customers who had left before a history begins are usually not in it, so that nobody is seen to leave before: a rate of
leaving can only be counted from there on, and with less than a quarter of it one would be made up."""


def first_expected(history: History, known_on: dt.date) -> dt.date:
    """The first day of the first month that begins when `OBSERVED` days are known.

    Raises
    ------
    TenureError : nothing was observed, as known on the day.
    """
    enough = history.observed_period(known_on)[0] + dt.timedelta(OBSERVED)
    return enough if enough.day == 1 else months_after(month_of(enough), 1)
