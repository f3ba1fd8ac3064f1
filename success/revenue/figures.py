"""Figures: what accounts pay on each day, by group, in; the movement and the metrics of each group out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.economics import Costs
from success.economics.spending import missing_sentence
from success.metric import Metric
from success.periods import Period
from success.revenue.beginning import history_begins, is_before, without_rates
from success.revenue.document import Group
from success.revenue.drift import drift_flags
from success.revenue.groups import grouped_steps
from success.revenue.lifetime import Paid, lifetime_metrics, months_of, paid_in
from success.revenue.movements import events_of, movement_of, movements
from success.revenue.renewals import left_early, renewal_metrics, renewals_of
from success.revenue.retention import retention_metrics
from success.revenue.starting import starting_accounts

__all__ = ["Side", "Spent"]

_ACQUISITION = "acquisition"


@dataclass(frozen=True)
class Spent:
    """What figures on single accounts take from elsewhere.

    Parameters
    ----------
    margin : gross margin of the company.
    costs : what was booked.
    told : further metrics, by group; None for all accounts.
    """

    margin: Metric
    costs: Costs
    told: Mapping[str | None, Mapping[str, Metric]]


class Side:
    """All accounts, as one group (by is None) or by their groups, for any period."""

    def __init__(self, history: History, ledger: Ledger, by: str | None) -> None:
        self.history = history
        self.ledger = ledger
        self.by = by
        self.steps = grouped_steps(history, ledger, by, ledger.known_on)
        self.events = events_of(ledger, self.steps)
        self.begins = history_begins(history, ledger.known_on)

    def groups(self, period: Period, until: dt.date, spent: Spent) -> list[Group]:
        """The figures of each group, by its name, of the days from a period's start to a day.

        Groups are those that had MRR in them, and those that `spent` tells of.
        """
        start, history, ledger = period.start, self.history, self.ledger
        moved = movements(self.steps, self.events, start, until)
        starting = starting_accounts(history, ledger, self.steps, start, until)
        up = renewals_of(history, ledger, start, until, ledger.known_on)
        early = left_early(ledger, up, start, until)
        up, early = up.assign(group=self._held(up, "renews_on")), early.assign(group=self._held(early, "left_on"))
        paid = paid_in(self.steps, self.events, start, until)
        names: Iterable[str] = [""]
        if self.by:
            met = {*moved.index, *starting["group"], *paid, *(name for name in spent.told if name is not None)}
            names = sorted(met, key=lambda name: (name == "", name))
        found = []
        for name in names:
            metrics = retention_metrics(starting[starting["group"] == name], "exits" in history.tables)
            metrics |= renewal_metrics(up[up["group"] == name], int((early["group"] == name).sum()))
            if is_before(start, self.begins):
                metrics = without_rates(metrics, self.begins)
            metrics |= lifetime_metrics(
                paid.get(name, Paid()),
                months_of(start, until),
                metrics,
                spent.margin,
                self._acquisition(spent, period, name),
            )
            metrics |= spent.told.get(name if self.by else None, {})
            row = moved.reindex([name], fill_value=0).iloc[0]
            flags = drift_flags(metrics, history.settings.revenue.drift)
            found.append(Group(name, movement_of(row), metrics, tuple(flags)))
        return found

    def _held(self, frame: pd.DataFrame, day: str) -> pd.Series:
        """The group that each account of a frame was in on the day before the day of its row."""
        asked = frame[["account_id"]].assign(at=frame[day] - pd.Timedelta(days=1), place=range(len(frame)))
        met = asked.merge(self.steps, on="account_id")
        met = met[(met["from_on"] <= met["at"]) & ~(met["until_on"] <= met["at"])].set_index("place")
        return met["group"].reindex(range(len(frame))).fillna("").set_axis(frame.index)

    def _acquisition(self, spent: Spent, period: Period, name: str) -> float | str:
        """What winning accounts cost, or why it is not known."""
        if missing := spent.costs.missing_months(period.months, (_ACQUISITION,)):
            return missing_sentence(spent.costs, missing, "acquisition costs")
        rows = spent.costs.of(period.months, (_ACQUISITION,))
        if self.by == "segment" and (rows["segment"] != "").all():
            rows = rows[rows["segment"] == name]
        elif self.by:
            return "Not defined: acquisition costs do not say what part of them is this group's."
        return int(rows["cents"].sum()) / 100
