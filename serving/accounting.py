"""Accounting: a history, a period and a day in; what CSMs were worth and what was earned in it, as reports, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.errors import TenureError
from features.history import History
from serving.answers import plain
from serving.reports import GROUPINGS, HELD_LAST, named_accounts
from serving.store.reading import run_before
from serving.store.reports import Report
from success.periods import Period

if TYPE_CHECKING:
    from serving.store.store import Store
    from success.revenue.report import RevenueReport
    from success.worth import RoiReport

__all__ = ["Accounts", "account_for", "day_known", "last_period", "usual_period"]


_TREND = 4
"""Periods before the one that is asked for, for what is told as a trend."""

_NEAR = dt.timedelta(days=7)
"""So long before a period's end a stored health still is that of its end."""


@dataclass(frozen=True)
class Accounts:
    """What was found of a period.

    Parameters
    ----------
    roi : what each CSM was worth.
    revenue : what was earned, by what it is told by; by nothing under "".
    before : what was earned in the periods before it, as known on the same day, the oldest first.
    held_last : who held each account last that anybody ever held, as known on the day.
    """

    period: Period
    as_of: dt.date
    roi: RoiReport
    revenue: Mapping[str, RevenueReport]
    before: tuple[RevenueReport, ...] = ()
    held_last: Mapping[str, str] = field(default_factory=dict)

    def reports(self, now: dt.datetime) -> list[Report]:
        """What is kept of it: the report on CSMs first."""
        told: list[tuple[str, str, Any]] = [("roi", "", self.roi)]
        told += [("revenue", by, one) for by, one in self.revenue.items()]
        worth, *earned = [
            Report(kind, self.period.name, by, self.as_of, now, plain(one.to_json())) for kind, by, one in told
        ]
        named = named_accounts(worth)
        held = {account: csm for account, csm in self.held_last.items() if account in named}
        return [replace(worth, body={**worth.body, HELD_LAST: held}), *earned]

    def rows(self, by: str = "") -> list[dict[str, Any]]:
        """One row a figure: of CSMs, and of what was earned in total and by one thing."""
        roi = [{"report": "roi", "by": "csm", **row} for row in _of_kind(self.roi)]
        return roi + [{"report": "revenue", **row} for row in self.revenue[by].rows()]


def _of_kind(roi: RoiReport) -> Iterator[dict[str, Any]]:
    """The rows of a report on CSMs, with what kind of group each is of; groups are called as those of revenue."""
    from success.revenue.document import ALL, NONE, ONE
    from success.worth.definitions import BY_NAME

    # The company comes first, then nobody: a CSM may have the name of either.
    size = sum(name in BY_NAME for name in vars(roi.company))
    for place, row in enumerate(roi.rows()):
        kind = ALL if place < size else NONE if roi.nobody is not None and place < 2 * size else ONE
        yield {**row, "group": row["group"] if kind == ONE else kind, "group_kind": kind}


def account_for(
    history: History,
    home: Path,
    store: Store,
    period: Period,
    as_of: dt.date,
    say: Callable[[str], None],
    *,
    trend: bool = False,
) -> Accounts:
    """What was earned in a period and what CSMs were worth, as known on a day.

    What was expected is frozen on the way, where it was not yet; nothing else is stored.

    Parameters
    ----------
    trend : look at the periods before it too.

    Raises
    ------
    TenureError : the period has not begun by then, or the history cannot be relied on.
    """
    from features.ledger import ledger_of
    from serving.baselines import expectations_for
    from success.revenue.report import revenue_report, revenue_series
    from success.worth import gather, roi_report

    require_begun(period, as_of)
    history.require_sound(as_of)
    say("looking up what was expected")
    expected, taken = expectations_for(history, home, store, period, as_of, say)
    say("working out what CSMs were worth")
    ledger = ledger_of(history, as_of)
    roi = roi_report(gather(history, period, as_of, expected, taken, ledger))
    say("working out what was earned")
    health = _health(store, period.known_until(as_of))
    revenue = {
        by or "": revenue_report(history, period, as_of, by, ledger=ledger, health=health) for by in (None, *GROUPINGS)
    }
    before = [period]
    while trend and len(before) <= _TREND:
        before.append(before[-1].before)
    earlier = revenue_series(history, before[:0:-1], as_of, ledger=ledger)
    return Accounts(period, as_of, roi, revenue, tuple(earlier), _held_last(history, as_of))


def _held_last(history: History, as_of: dt.date) -> dict[str, str]:
    """Who held each account last, by account_id; of one that left, who held it then or took it over since."""
    from success.worth.holdings import spans_of

    last = spans_of(history, dt.date(1000, 1, 1), as_of, as_of).drop_duplicates("account_id", keep="last")
    return dict(zip(last["account_id"].astype(str), last["csm_id"].astype(str), strict=True))


def _health(store: Store, until: dt.date) -> pd.DataFrame | None:
    """The health of each account as it was stored for the end of a period; None where none was."""
    with store.reading() as connection:
        run = run_before(connection, until + dt.timedelta(days=1))
    if run is None or run.as_of < until - _NEAR:
        return None
    book = store.columns(run, ("account_id", "health"))
    book = store.book(run) if book is None else book
    if "health" not in book.columns:
        return None
    return book.loc[book["health"].notna(), ["account_id", "health"]].reset_index(drop=True)


def require_begun(period: Period, as_of: dt.date) -> None:
    """See that something of a period is known on a day.

    Raises
    ------
    TenureError : nothing is.
    """
    if as_of <= period.start:
        raise TenureError(
            f"{period.name} begins on {period.start}, and nothing of it is known on {as_of}; name an earlier one with "
            "--period, or a later day with --as-of."
        )


def last_period(as_of: dt.date) -> Period:
    """The last quarter that is over on a day.

    >>> last_period(dt.date(2025, 10, 1)).name, last_period(dt.date(2025, 9, 30)).name
    ('2025Q3', '2025Q2')
    """
    return Period.parse(f"{as_of.year}Q{(as_of.month + 2) // 3}").before


def usual_period(history: History, as_of: dt.date) -> Period:
    """The last quarter that is over on a day and of whose last month costs are known, as they are booked after it.

    Without a table of costs, or where none are known of the last five quarters: the last quarter that is over.
    """
    from success.economics import spending

    booked = set(spending(history, as_of).rows["month"].dt.date)
    last = period = last_period(as_of)
    for _ in range(_TREND + 1):
        if period.months[-1] in booked:
            return period
        period = period.before
    return last


def day_known(history: History, period: Period | None, as_of: dt.date | None) -> dt.date:
    """The day whose knowledge counts: as asked, the end of the observed period otherwise.

    Costs are booked after their month, so that a day after the observed period is a day like others; but what was not
    observed is not over: a period that goes on beyond it is told up to there.
    """
    until = history.observed_until
    if as_of is None or (as_of > until and period is not None and period.until > until):
        return until
    return as_of
