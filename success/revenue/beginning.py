"""Beginning: a history and the first day of a period in; what cannot be told of days before the history, and why, out.

Who left before the first observed day is in no table, so that everybody in the tables seems to have stayed until then.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping

from features.errors import TenureError
from features.history import History
from success.metric import Metric
from success.phrases import on_day

__all__ = ["history_begins", "is_before", "unknown_before", "without_rates"]

_NEAR = dt.timedelta(days=7)
"""So much later than a period the history may begin: its first days may be a weekend."""

_COUNTED = ("starting_accounts", "starting_mrr", "accounts_without_mrr")
"""Of the metrics of retention and renewals, those that count what is there."""


def history_begins(history: History, as_of: dt.date) -> dt.date:
    """The first day that was observed, as known strictly before a day; of all days where none was known then.

    Where no day can be relied on there is nothing that money would come before: the first day of all.
    """
    for known_on in (as_of, None):
        with contextlib.suppress(TenureError):
            return history.observed_period(known_on)[0]
    return dt.date.min


def is_before(start: dt.date, begins: dt.date) -> bool:
    """Whether a period that starts on a day begins before the history does.

    >>> is_before(dt.date(2023, 1, 1), dt.date(2023, 1, 2)), is_before(dt.date(2022, 10, 1), dt.date(2023, 1, 2))
    (False, True)
    """
    return start + _NEAR < begins


def unknown_before(begins: dt.date) -> str:
    """Why a rate that needs days before the history is not defined."""
    return f"Not defined: the history begins on {on_day(begins)}, and who left before it is not in it."


def without_rates(metrics: Mapping[str, Metric], begins: dt.date) -> dict[str, Metric]:
    """Metrics of retention and renewals, of a period that begins before the history: only counts of who is there."""
    why = unknown_before(begins)
    return {
        name: metric if name in _COUNTED else Metric(metric.definition, None, note=why)
        for name, metric in metrics.items()
    }
