"""Figures: a history, a period and a grouping in; what retaining customers costs, and how the desk stands, out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.economics import desk, loaded, renewal_cost, retention_cost, voices
from success.economics.basis import basis_of, trailing_year
from success.economics.dealings import dealings_of
from success.economics.managed import held_on
from success.metric import Metric
from success.periods import Period
from success.revenue.groups import grouped_steps

__all__ = ["DEFINITIONS", "desk_metrics", "economics_metrics"]

DEFINITIONS = (
    *retention_cost.DEFINITIONS,
    *renewal_cost.DEFINITIONS,
    *loaded.DEFINITIONS,
    *desk.DEFINITIONS,
    *voices.DEFINITIONS,
)
"""Every definition of this package, as in docs/metrics.md."""

Figures = dict[str | None, dict[str, Metric]]


def economics_metrics(
    history: History, ledger: Ledger, period: Period, as_of: dt.date, by: str | None = None
) -> Figures:
    """What retaining customers and renewing their contracts costs, as known strictly before as_of.

    Returns
    -------
    By group the metrics by name; None is the total, which comes first and also has the gross margin. Groups are those
    with revenue, costs or renewals in the twelve months until the period's end, so that they add up to the total.

    Raises
    ------
    TenureError : there is no such grouping.
    """
    basis = basis_of(history, ledger, period, as_of, by)
    figures: Figures = {}
    for group in (None, *basis.groups(trailing_year(period.until))):
        figures[group] = retention_cost.retention_metrics(basis, period, group)
        figures[group] |= renewal_cost.renewal_metrics(basis, period, group)
    margin = loaded.gross_margin(basis.costs, ledger, period, as_of)
    figures[None][margin.definition.name] = margin
    return figures


def desk_metrics(
    history: History,
    ledger: Ledger,
    period: Period,
    as_of: dt.date,
    by: str | None = "csm",
    health: pd.DataFrame | None = None,
) -> Figures:
    """How large the books at the end of a period are, how they are used and how healthy, and what customers say.

    Parameters
    ----------
    health : account_id and health (points; NaN: none), as stored for the end of the period.

    Returns
    -------
    By group the metrics by name; None is the total, which comes first. Groups are those with an account on the day
    before the period or on its last. Where as_of lies inside the period, its figures run until then.

    Raises
    ------
    TenureError : there is no such grouping.
    """
    steps = grouped_steps(history, ledger, by, as_of)
    last = period.known_until(as_of) - dt.timedelta(days=1)
    book = ledger.mrr_on(last).rename_axis("account_id").reset_index()
    accounts = book["account_id"]
    owners = steps if by == "csm" else grouped_steps(history, ledger, "csm", as_of)
    book = book.assign(csm_id=held_on(accounts, last, owners), group=held_on(accounts, last, steps))
    opening = pd.Series(ledger.mrr_on(period.start - dt.timedelta(days=1)).index)
    groups = {*book["group"], *held_on(opening, period.start - dt.timedelta(days=1), steps)} if by else set()
    dealings = dealings_of(history, period, as_of)
    books = desk.desk_of(book, dealings, period.known_until(as_of), health)
    said = voices.voices_of(dealings, steps, by)
    return {group: books.metrics(group) | said.metrics(group) for group in (None, *sorted(groups))}
