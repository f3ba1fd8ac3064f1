"""Wanted: who looked after whom in; the baselines that somebody will be judged by out."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pandas as pd

from features.ledger import Ledger
from success.periods import month_of, months_after

__all__ = ["Stretch", "pairs_of", "stretches_of"]


class Stretch(NamedTuple):
    """A time during which a CSM looked after an account.

    Attributes
    ----------
    from_on : the day of the assignment.
    base : the first of the first month in it at whose start the account was a customer and something could be
        expected; what was known then is what the CSM took over.
    """

    account_id: str
    csm_id: str
    from_on: dt.date
    base: dt.date


def pairs_of(holders: pd.DataFrame, start: dt.date, until: dt.date) -> dict[str, list[str]]:
    """By account, everyone who looked after it on a day of `[start, until)`, in their order.

    Parameters
    ----------
    holders : see `features.books.holders`.
    """
    inside = holders[
        (holders["from_on"] < pd.Timestamp(until)) & ~(holders["to_on"] <= pd.Timestamp(start))
    ].drop_duplicates(["account_id", "csm_id"])
    return {str(account): list(mine) for account, mine in inside.groupby("account_id")["csm_id"]}


def stretches_of(holders: pd.DataFrame, ledger: Ledger, until: dt.date, first: dt.date = dt.date.min) -> list[Stretch]:
    """Every assignment with a month start in it, before a day, at which the account paid.

    Parameters
    ----------
    ledger : says who paid; as known on that day or later.
    first : the first of the month before which nothing could be expected. Of assignments that were made earlier only
        those count whose account was a customer then: of who had left before, not all are in the history.
    """
    runs = _runs(ledger)
    found = []
    for account, csm, begin, end in zip(
        holders["account_id"].astype(str).tolist(),
        holders["csm_id"].astype(str).tolist(),
        holders["from_on"].dt.date.tolist(),
        holders["to_on"].fillna(pd.Timestamp(until)).dt.date.tolist(),
        strict=True,
    ):
        base = max(begin if begin.day == 1 else months_after(month_of(begin), 1), first)
        while base < min(end, until) and not _paid(runs.get(account, []), base):
            base = months_after(base, 1)
        if base < min(end, until):
            found.append(Stretch(account, csm, begin, base))
    return found


def _runs(ledger: Ledger) -> dict[str, list[tuple[dt.date, dt.date]]]:
    """By account, the days `[from, until)` on which it paid something."""
    steps = ledger.steps[ledger.steps["cents"] > 0]
    begins = steps["from_on"].dt.date.tolist()
    ends = steps["until_on"].fillna(pd.Timestamp("2262-01-01")).dt.date.tolist()
    found: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for account, begin, end in zip(steps["account_id"].astype(str).tolist(), begins, ends, strict=True):
        found.setdefault(account, []).append((begin, end))
    return found


def _paid(runs: list[tuple[dt.date, dt.date]], day: dt.date) -> bool:
    """Whether the account paid on the day before."""
    before = day - dt.timedelta(1)
    return any(begin <= before < end for begin, end in runs)
