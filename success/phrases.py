"""Phrases: amounts, counts, days and two probabilities in; the words that a person reads out."""

from __future__ import annotations

import datetime as dt
import math

from success.wording import odds
from training.kernel.sentences import shown

__all__ = ["LEAST_POINTS", "beside", "by_day", "counted", "listed_out", "money", "on_day", "percent", "points", "verb"]

LEAST_POINTS = 0.5
"""Points of health below which a change rounds to nothing, and is not told."""


def money(amount: float) -> str:
    """An amount, as exact as its size deserves.

    >>> [money(x) for x in (0.0, 0.001, 12.5, 4200.4)]
    ['0', 'less than 0.01', '12.50', '4,200']
    """
    return "less than 0.01" if 0 < amount < 0.005 else shown("money", float(amount))


def counted(number: int, one: str, many: str = "") -> str:
    """A count and its noun.

    >>> [counted(n, "account") for n in (0, 1, 1200)]
    ['no accounts', '1 account', '1,200 accounts']
    """
    return shown(f"count|{one}|{many or one + 's'}", float(number))


def verb(number: int, one: str, many: str) -> str:
    """The verb that goes with a count.

    >>> [verb(n, "is", "are") for n in (0, 1, 2)]
    ['are', 'is', 'are']
    """
    return one if number == 1 else many


def percent(share: float) -> str:
    """A share in whole percent, never rounded to all or nothing.

    >>> [percent(x) for x in (0.0, 0.001, 0.504, 0.999, 1.0)]
    ['0 %', 'less than 1 %', '50 %', 'more than 99 %', '100 %']
    """
    if 0 < share < 0.01:
        return "less than 1 %"
    if 0.99 < share < 1:
        return "more than 99 %"
    return f"{100 * share:.0f} %"


def points(number: float) -> str:
    """Points of health, whole, without their sign.

    >>> [points(x) for x in (-0.2, 1.2, -12.6)]
    ['less than 1 point', '1 point', '13 points']
    """
    size = abs(number)
    return "less than 1 point" if size < LEAST_POINTS else counted(round(size), "point")


def on_day(day: dt.date) -> str:
    """A day.

    >>> on_day(dt.date(2026, 3, 4))
    '4 March 2026'
    """
    return f"{day.day} {day:%B %Y}"


def by_day(as_of: dt.date | None, horizon: int) -> str:
    """The last day that a horizon covers; the label covers `[as_of, as_of + horizon)`.

    >>> by_day(dt.date(2026, 1, 1), 90), by_day(None, 90)
    ('by 31 March 2026', 'within 90 days')
    """
    if as_of is None:
        return f"within {counted(horizon, 'day')}"
    return f"by {on_day(as_of + dt.timedelta(days=horizon - 1))}"


def beside(probability: float, usual: float) -> tuple[str, str]:
    """How many do, and how many usually do, so that the two never read the same where they differ to the eye.

    >>> beside(0.33, 0.08)
    ('about 1 in 3 accounts like this', '1 in 12')
    >>> beside(0.083, 0.081)
    ('8.3 % of accounts like this', '8.1 %')
    """
    one, other = odds(probability), odds(usual)
    if one != other:
        return f"{one} accounts like this", other.removeprefix("about ")
    gap = abs(probability - usual)
    digits = 0 if gap >= 0.01 else min(4, max(1, math.ceil(-math.log10(100 * gap)))) if gap > 0 else 1
    return f"{100 * probability:.{digits}f} % of accounts like this", f"{100 * usual:.{digits}f} %"


def listed_out(parts: list[str]) -> str:
    """Several things in one sentence.

    >>> [listed_out(list("abc"[:n])) for n in (1, 2, 3)]
    ['a', 'a and b', 'a, b and c']
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
