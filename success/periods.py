"""Periods: the name of a month, quarter or year in; its days and its neighbours out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from features.errors import TenureError

__all__ = ["Period", "month_of", "months_after"]

_NAMES = re.compile(r"(\d{4})(?:-?[Qq]([1-4])|-(0[1-9]|1[0-2]))?")


@dataclass(frozen=True)
class Period:
    """A calendar month, quarter or year: the days `[start, until)`.

    >>> period = Period.parse("2025Q3")
    >>> str(period.start), str(period.until), len(period.months), period.before.name, period.year_before.name
    ('2025-07-01', '2025-10-01', 3, '2025Q2', '2024Q3')
    """

    name: str
    start: dt.date
    until: dt.date

    @classmethod
    def parse(cls, text: str) -> Period:
        """The period that is called so: 2025, 2025Q3 or 2025-07.

        Raises
        ------
        TenureError : nothing is called so.
        """
        found = _NAMES.fullmatch(text.strip())
        if not found or not 1900 <= int(found[1]) <= 9998:
            raise TenureError(
                f'"{text}" is no period; write a quarter as 2025Q3, a month as 2025-07 or a year as 2025.'
            )
        year = int(found[1])
        first, count = (3 * int(found[2]) - 2, 3) if found[2] else (int(found[3]), 1) if found[3] else (1, 12)
        return cls._of(dt.date(year, first, 1), count)

    @classmethod
    def _of(cls, start: dt.date, count: int) -> Period:
        names = {1: f"{start:%Y-%m}", 3: f"{start.year}Q{(start.month + 2) // 3}", 12: f"{start.year}"}
        return cls(names[count], start, months_after(start, count))

    @property
    def months(self) -> tuple[dt.date, ...]:
        """The first day of each month in it."""
        count = 12 * (self.until.year - self.start.year) + self.until.month - self.start.month
        return tuple(months_after(self.start, n) for n in range(count))

    @property
    def before(self) -> Period:
        """The one that ends where it begins, as long."""
        return self._of(months_after(self.start, -len(self.months)), len(self.months))

    @property
    def year_before(self) -> Period:
        """The same one a year before."""
        return self._of(months_after(self.start, -12), len(self.months))

    def over_on(self, as_of: dt.date) -> bool:
        """Whether all its days lie before a day."""
        return self.until <= as_of

    def known_until(self, as_of: dt.date) -> dt.date:
        """The end of it as far as it is known on a day."""
        return min(self.until, as_of)


def month_of(day: dt.date) -> dt.date:
    """The first day of a day's month."""
    return day.replace(day=1)


def months_after(month: dt.date, count: int) -> dt.date:
    """The first day of the month so many months after another one's.

    >>> str(months_after(dt.date(2025, 11, 1), 3))
    '2026-02-01'
    """
    place = 12 * month.year + month.month - 1 + count
    return dt.date(place // 12, place % 12 + 1, 1)
