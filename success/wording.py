"""Wording: a calibrated probability as a person says it."""

from __future__ import annotations

import datetime as dt
import math

__all__ = ["odds", "reading"]

_ONE_IN = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
_FRACTIONS = [(1, n) for n in _ONE_IN] + [(2, 5), (3, 5), (2, 3), (3, 4), (4, 5), (9, 10), (19, 20)]


def odds(probability: float) -> str:
    """The nearest plain fraction, by log-odds.

    >>> [odds(p) for p in (0.001, 0.21, 0.5, 0.66, 0.99)]
    ['fewer than 1 in 200', 'about 1 in 5', 'about 1 in 2', 'about 2 in 3', 'more than 19 in 20']
    """
    if probability < 1 / 250:
        return "fewer than 1 in 200"
    if probability > 0.965:
        return "more than 19 in 20"
    log_odds = math.log(probability / (1 - probability))
    top, bottom = min(_FRACTIONS, key=lambda f: abs(math.log(f[0] / (f[1] - f[0])) - log_odds))
    return f"about {top} in {bottom}"


def reading(probability: float, as_of: dt.date, horizon: int) -> str:
    """A churn probability as a sentence's middle, with the last day that the horizon covers.

    Parameters
    ----------
    horizon : days; the label covers `[as_of, as_of + horizon)`.

    >>> reading(0.21, dt.date(2026, 1, 1), 90)
    'about 1 in 5 accounts like this leave by 31 March 2026'
    """
    last = as_of + dt.timedelta(days=horizon - 1)
    return f"{odds(probability)} accounts like this leave by {last.day} {last:%B %Y}"
