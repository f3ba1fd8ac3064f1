"""Basis: a history and how it is grouped in; costs, managed revenue and value renewed by month and group out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.economics.apportioning import apportioned
from success.economics.managed import held_on, managed_revenue
from success.economics.spending import Costs, spending
from success.metric import Metric
from success.periods import Period, months_after
from success.revenue.beginning import history_begins
from success.revenue.groups import grouped_steps
from success.revenue.renewals import renewals_of

__all__ = ["Basis", "basis_of", "no_trend", "trailing_year"]


@dataclass(frozen=True)
class Basis:
    """What the figures on costs are made of.

    Parameters
    ----------
    costs : what was booked.
    parts : by group (None: all), first day of a month and category, what the group has of the costs, in cents.
    revenue : by group (None: all) and first day of a month, the revenue managed, in cents.
    renewals : what was up for renewal: renews_on (datetime64[us]), group, value (money; 0 where it did not renew),
        monthly (bool: a term of one month).
    by : what the groups are; None where there are none.
    begins : the first observed day; who left before it is not in the history.
    """

    costs: Costs
    parts: Mapping[tuple[str | None, dt.date, str], float]
    revenue: Mapping[tuple[str | None, dt.date], float]
    renewals: pd.DataFrame
    by: str | None
    begins: dt.date

    def groups(self, months: Sequence[dt.date]) -> list[str]:
        """The groups that had revenue, costs or renewals in the months given by their first days, sorted."""
        if self.by is None:
            return []
        found = {group for group, month in self.revenue if month in months}
        found |= {group for group, month, _ in self.parts if month in months}
        due = self.renewals["renews_on"].dt.to_period("M").dt.to_timestamp().isin([pd.Timestamp(m) for m in months])
        found |= {*self.renewals.loc[due, "group"]}  # who held it on the day before may have had nothing since
        return sorted(group for group in found if group is not None)

    def revenue_of(self, months: Sequence[dt.date], group: str | None) -> float:
        """The revenue managed in some months by a group, or in all for None, in units of the currency."""
        return sum(self.revenue.get((group, month), 0.0) for month in months) / 100

    def cost_of(self, months: Sequence[dt.date], categories: Sequence[str], group: str | None) -> float:
        """The costs of some categories in some months of a group, or of all for None, in units of the currency."""
        return sum(self.parts.get((group, month, one), 0.0) for month in months for one in categories) / 100

    def renewed(self, start: dt.date, until: dt.date, group: str | None, monthly: bool = False) -> float:
        """The value renewed on the days `[start, until)` by a group, or by all for None, of terms longer than a month.

        Parameters
        ----------
        monthly : that of terms of one month instead.
        """
        rows = self.renewals if group is None else self.renewals[self.renewals["group"] == group]
        rows = rows[rows["monthly"] == monthly]
        inside = (rows["renews_on"] >= pd.Timestamp(start)) & (rows["renews_on"] < pd.Timestamp(until))
        return float(rows.loc[inside, "value"].sum())


def basis_of(history: History, ledger: Ledger, period: Period, as_of: dt.date, by: str | None) -> Basis:
    """Costs, revenue and renewals of the two years until the end of a period, as known at as_of.

    Raises
    ------
    TenureError : there is no such grouping.
    """
    since, until = months_after(period.until, -24), period.known_until(as_of)
    belonging = {
        name: grouped_steps(history, ledger, grouping, as_of)
        for name, grouping in (("csm_id", "csm"), ("segment", "segment"), ("group", by))
    }
    revenue = managed_revenue(belonging, since, until)
    costs = spending(history, as_of)
    within = costs.rows[costs.rows["month"] >= pd.Timestamp(since)]
    parts = _parts(within) | (_parts(apportioned(within, revenue, by)) if by is not None else {})
    renewals = _renewals(history, ledger, belonging["group"], (since, until), as_of)
    return Basis(costs, parts, _revenue(revenue), renewals, by, history_begins(history, as_of))


def _parts(rows: pd.DataFrame) -> dict[tuple[str | None, dt.date, str], float]:
    """Cents added up by group (None where rows have none), first day of the month and category."""
    groups = rows["group"] if "group" in rows else [None] * len(rows)
    told: dict[tuple[str | None, dt.date, str], float] = {}
    for group, month, category, cents in zip(
        groups, rows["month"].dt.date, rows["category"], rows["cents"], strict=True
    ):
        told[(group, month, category)] = told.get((group, month, category), 0.0) + float(cents)
    return told


def _revenue(rows: pd.DataFrame) -> dict[tuple[str | None, dt.date], float]:
    """Cents added up by group and first day of the month, and for None by the month alone."""
    told: dict[tuple[str | None, dt.date], float] = {}
    for group, month, cents in zip(rows["group"], rows["month"].dt.date, rows["cents"], strict=True):
        for key in (group, None):
            told[(key, month)] = told.get((key, month), 0.0) + float(cents)
    return told


def _renewals(
    history: History, ledger: Ledger, steps: pd.DataFrame, days: tuple[dt.date, dt.date], as_of: dt.date
) -> pd.DataFrame:
    """What was up for renewal on some days, by group; what did not renew is worth 0."""
    found = renewals_of(history, ledger, *days, as_of)
    # Whoever held it on the day before has brought the renewal home.
    before = found["renews_on"] - pd.Timedelta(days=1)
    found = found.assign(group=held_on(found["account_id"], before, steps))
    return found[["renews_on", "group", "value", "monthly"]]


def no_trend(now: Metric, before: Metric) -> str:
    """Why nothing can be compared with a year before."""
    if now.value is None:
        return "No trend: " + now.note.removeprefix("Not defined: ")
    return "No trend: a year before, the figure is not defined; " + before.note.removeprefix("Not defined: ")


def trailing_year(until: dt.date) -> tuple[dt.date, ...]:
    """The first days of the twelve months before the first of a month.

    >>> [str(day) for day in trailing_year(dt.date(2025, 10, 1))[::11]]
    ['2024-10-01', '2025-09-01']
    """
    return tuple(months_after(until, n) for n in range(-12, 0))
