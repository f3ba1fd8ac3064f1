"""Spending: the costs a company has booked and a day in; what each month cost as known then, and what is not, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from features.history import History
from features.money import RevenueSettings
from success.periods import months_after
from success.revenue.groups import months_held

__all__ = ["Costs", "missing_sentence", "months_told", "spending"]

_LISTED = 3
"""Months that are named one by one where they are missing."""


@dataclass(frozen=True)
class Costs:
    """What a company has booked as costs, as known on a day.

    Parameters
    ----------
    rows : month (datetime64[us], its first day), category (lower case), cents (int64; costs name no currency and count
        as in the reporting one), csm_id and segment ("" where a row names none); by month, as they came.
    as_of : nothing known on or after this day counts, and no month that is not over on it.
    settings : which categories count for what.
    present : whether there is a table of costs at all.
    held : every CSM and first day of a month in which a paying account was theirs.
    """

    rows: pd.DataFrame
    as_of: dt.date
    settings: RevenueSettings
    present: bool
    held: frozenset[tuple[str, dt.date]] = frozenset()

    def of(self, months: Sequence[dt.date], categories: Sequence[str]) -> pd.DataFrame:
        """The rows of some categories in the months given by their first days."""
        rows = self.rows
        return rows[rows["month"].isin([pd.Timestamp(m) for m in months]) & rows["category"].isin(categories)]

    def missing_months(self, months: Sequence[dt.date], categories: Sequence[str]) -> tuple[dt.date, ...]:
        """Of months given by their first days, those without any row of some categories, and those not over yet.

        A figure that needs such a month would be too low, so it is not defined.
        """
        return tuple(
            month
            for month in months
            if months_after(month, 1) > self.as_of or self._booked.get(month, frozenset()).isdisjoint(categories)
        )

    def lacking(self, months: Sequence[dt.date], categories: Sequence[str]) -> str:
        """A sentence for each category that one month lacks and every other one has; empty for none."""
        sentences = []
        for category in categories:
            without = [month for month in months if category not in self._booked.get(month, frozenset())]
            if len(months) > 2 and len(without) == 1:
                sentences.append(f"The costs of {without[0]:%Y-%m} have no {category}, which every other month has.")
        return " ".join(sentences)

    @cached_property
    def _booked(self) -> dict[dt.date, frozenset[str]]:
        """By month the categories of its rows."""
        booked: dict[dt.date, frozenset[str]] = {}
        for month, category in zip(self.rows["month"].dt.date, self.rows["category"], strict=True):
            booked[month] = booked.get(month, frozenset()) | {category}
        return booked


def spending(history: History, as_of: dt.date) -> Costs:
    """What a company has booked as costs, as known strictly before a day.

    The costs of a month are booked once it is closed: `recorded_at` says when, and without it they are known from the
    day after the day they are dated.
    """
    revenue = history.settings.revenue
    if "costs" not in history.tables:
        nothing = pd.DataFrame(
            {
                "month": pd.Series(dtype="datetime64[us]"),
                "category": pd.Series(dtype="str"),
                "cents": pd.Series(dtype="int64"),
                "csm_id": pd.Series(dtype="str"),
                "segment": pd.Series(dtype="str"),
            }
        )
        return Costs(nothing, as_of, revenue, present=False)
    rows = history.con.execute(
        f"""
        SELECT CAST(date_trunc('month', month) AS TIMESTAMP) AS month, lower(trim(category)) AS category,
               CAST(round(amount * 100, 0) AS BIGINT) AS cents,
               coalesce(trim(CAST(csm_id AS VARCHAR)), '') AS csm_id,
               coalesce(trim(CAST(segment AS VARCHAR)), '') AS segment
        FROM {history.visible("costs", as_of)} ORDER BY month, category, csm_id, segment, cents
        """
    ).df()
    held = months_held(history, as_of)
    return Costs(rows.astype({"month": "datetime64[us]"}), as_of, revenue, present=True, held=held)


def missing_sentence(costs: Costs, months: Sequence[dt.date], what: str = "costs") -> str:
    """Why a figure is not defined that needs the costs of months which are missing.

    Parameters
    ----------
    what : the costs it needs, as in "retention costs".
    """
    if not costs.present:
        return "Not defined: there is no table of costs."
    return f"Not defined: no {what} are known for {months_told(months)}."


def months_told(months: Sequence[dt.date]) -> str:
    """Months by name; where there are many, the first ones and how many more.

    >>> months_told([dt.date(2025, 1, 1), dt.date(2025, 3, 1)])
    '2025-01 and 2025-03'
    """
    named = [f"{month:%Y-%m}" for month in months]
    if len(named) > _LISTED:
        named = [*named[: _LISTED - 1], f"{len(named) - _LISTED + 1} more months"]
    return f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
