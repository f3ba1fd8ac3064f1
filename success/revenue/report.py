"""Report: a history and a period in; how recurring revenue moved, was retained and renewed, by group, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from features.errors import TenureError
from features.history import History
from features.ledger import Ledger, ledger_of
from success.economics import desk_metrics, economics_metrics, spending
from success.metric import Definition
from success.periods import Period
from success.revenue import lifetime, movements, renewals, retention
from success.revenue.document import TOTAL, RevenueReport
from success.revenue.figures import Side, Spent
from success.revenue.groups import check_grouping
from success.revenue.notes import notes_on

__all__ = ["DEFINITIONS", "revenue_report", "revenue_series"]

DEFINITIONS: tuple[Definition, ...] = (
    *movements.DEFINITIONS,
    *retention.DEFINITIONS,
    *renewals.DEFINITIONS,
    *lifetime.DEFINITIONS,
)
"""Every definition of this package, as in docs/metrics.md."""


def revenue_report(
    history: History,
    period: Period,
    as_of: dt.date,
    by: str | None = None,
    *,
    ledger: Ledger | None = None,
    health: pd.DataFrame | None = None,
) -> RevenueReport:
    """How recurring revenue moved in a period, as known strictly before as_of.

    Parameters
    ----------
    by : one of `success.revenue.groups.GROUPINGS`, to tell figures by group too.
    ledger : of the same history and day, where there is one already.
    health : account_id and health as stored for the end of the period, for the health of books.

    Raises
    ------
    TenureError : the period has not begun, there is no such grouping, or currencies cannot be added.
    """
    return revenue_series(history, (period,), as_of, by, ledger=ledger, health=health)[0]


def revenue_series(
    history: History,
    periods: Sequence[Period],
    as_of: dt.date,
    by: str | None = None,
    *,
    ledger: Ledger | None = None,
    health: pd.DataFrame | None = None,
) -> list[RevenueReport]:
    """`revenue_report` of several periods, all as known on the same day; health is that at the end of the last one."""
    check_grouping(by)
    for period in periods:
        if as_of <= period.start:
            raise TenureError(f"{period.name} has no day before {as_of}; ask for an earlier period or a later day.")
    ledger = ledger or ledger_of(history, as_of)
    sides = [Side(history, ledger, None), *([Side(history, ledger, by)] if by else [])]
    last = max(periods, key=lambda period: period.until, default=None)
    return [_report(history, ledger, sides, period, health if period == last else None) for period in periods]


def _report(
    history: History, ledger: Ledger, sides: Sequence[Side], period: Period, health: pd.DataFrame | None
) -> RevenueReport:
    as_of, by = ledger.known_on, sides[-1].by
    until = period.known_until(as_of)
    told = economics_metrics(history, ledger, period, as_of, by)
    for name, metrics in desk_metrics(history, ledger, period, as_of, by, health).items():
        told[name] = {**told.get(name, {}), **metrics}
    spent = Spent(told[None]["gross_margin"], spending(history, as_of), told)
    (total,) = sides[0].groups(period, until, spent)
    groups = tuple(sides[1].groups(period, until, spent)) if by else ()
    notes = notes_on(history, ledger, period, until, by, [group.name for group in groups])
    return RevenueReport(period, as_of, until, ledger.currency, by, replace(total, name=TOTAL), groups, tuple(notes))
