"""Days as whole numbers from the first day of the history, and the calendar arithmetic on them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER", "Days", "Timeline"]

Days = NDArray[np.int64]
NEVER = 1_000_000  # a day that does not come; an integer, so that comparisons need no special case
LAST_ANCHOR = 28  # every month has a 28th: anniversaries then never have to be clipped


@dataclass(frozen=True)
class Timeline:
    """The observed period `[0, days)` in days from `start`; earlier days are negative.

    Parameters
    ----------
    start : first day of the history.
    months : calendar months observed.
    """

    start: dt.date
    months: int

    @property
    def days(self) -> int:
        """Length of the observed period in days; the first day after it."""
        return int(self._day_of(self._month0 + self.months, np.int64(self.start.day)))

    @property
    def weeks(self) -> int:
        """Weeks that cover the observed period; the last one may reach beyond it."""
        return -(-self.days // 7)

    @property
    def _month0(self) -> np.int64:
        return np.int64((self.start.year - 1970) * 12 + self.start.month - 1)

    def _day_of(self, month: np.int64 | Days, day_of_month: np.int64 | Days) -> Days:
        first = np.asarray(month).astype("datetime64[M]").astype("datetime64[D]")
        return (first - np.datetime64(self.start, "D")).astype(np.int64) + day_of_month - 1

    def parts(self, days: Days) -> tuple[Days, Days]:
        """Month counted from January 1970, and day of the month, of each day."""
        dates = np.datetime64(self.start, "D") + np.asarray(days)
        months = dates.astype("datetime64[M]")
        return months.astype(np.int64), (dates - months.astype("datetime64[D]")).astype(np.int64) + 1

    def month_starts(self) -> Days:
        """The first day of each month inside the observed period."""
        months = self._month0 + np.arange(self.months + 1)
        days = self._day_of(months, np.int64(1))
        return days[(days >= 0) & (days < self.days)]

    def snap(self, days: Days) -> Days:
        """Move the 29th to the 31st back to the 28th, so that every later month has the same day."""
        _, day_of_month = self.parts(days)
        return days - np.maximum(day_of_month - LAST_ANCHOR, 0)

    def anniversaries(self, anchor: Days, days: Days, term: Days) -> tuple[Days, Days]:
        """The last anniversary on or before each day, and the first one after it.

        Parameters
        ----------
        anchor : start of the term, a snapped day no later than `days`.
        days : the days asked about.
        term : months between anniversaries.
        """
        anchor_month, anchor_day = self.parts(anchor)
        month, day_of_month = self.parts(days)
        whole = (month - anchor_month - (day_of_month < anchor_day)) // term
        last = self._day_of(anchor_month + whole * term, anchor_day)
        return last, self._day_of(anchor_month + (whole + 1) * term, anchor_day)

    def billing_days(self, weeks: int) -> Days:
        """(weeks, 29) table: the day in that week with this day of the month, or NEVER."""
        table = np.full((weeks, LAST_ANCHOR + 1), NEVER, dtype=np.int64)
        days = np.arange(weeks * 7)
        _, day_of_month = self.parts(days)
        usable = day_of_month <= LAST_ANCHOR
        table[days[usable] // 7, day_of_month[usable]] = days[usable]
        return table

    def dates(self, days: Days) -> NDArray[np.datetime64]:
        """`datetime64[us]` midnights; NaT for NEVER."""
        days = np.asarray(days, dtype=np.int64)
        dates = (np.datetime64(self.start, "D") + np.where(days >= NEVER, 0, days)).astype("datetime64[us]")
        dates[days >= NEVER] = np.datetime64("NaT")
        return dates

    def times(self, days: NDArray[np.float64]) -> NDArray[np.datetime64]:
        """`datetime64[us]` on whole seconds, from days with fractions; NaT for NaN."""
        known = np.isfinite(days)
        seconds = np.floor(np.where(known, days, 0.0) * 86_400).astype("timedelta64[s]")
        times = np.datetime64(self.start, "us") + seconds.astype("timedelta64[us]")
        times[~known] = np.datetime64("NaT")
        return times
