"""Leaving: a book in; the accounts that gave notice, and when each of them ends, out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from success.book import numbers, status_in, table, texts
from success.listing import Listing
from success.phrases import counted, money, on_day, verb

__all__ = ["leaving"]


def leaving(book: pd.DataFrame) -> Listing:
    """Accounts that gave notice, the first to end first, then the most monthly revenue.

    Returns
    -------
    Rows account_id, name, csm_id, segment, plan, mrr, ends_on (the end of the term, the book's renews_on; None where it
    is not known), sentence.
    """
    rows = book[status_in(book, "notice_given")]
    names = ("account_id", "name", "csm_id", "segment", "plan")
    mrr, ends_on = numbers(rows, "mrr"), texts(rows, "renews_on")
    sentences = [_sentence(day, paid) for day, paid in zip(ends_on, mrr, strict=True)]
    told = table({name: texts(rows, name) for name in names} | {"mrr": mrr, "ends_on": ends_on, "sentence": sentences})
    when = [dt.date.max if day is None else day for day in ends_on]
    order = told.assign(when=when, paid=-told["mrr"].fillna(0.0)).sort_values(["when", "paid", "account_id"]).index
    told = told.loc[order].reset_index(drop=True)
    notes: tuple[str, ...] = ()
    if len(told):
        total, n = float(np.nansum(told["mrr"])), len(told)
        notes = (
            f"{counted(n, 'account')} that {verb(n, 'pays', 'pay')} {money(total)} a month gave notice; how often a "
            "notice is withdrawn is not counted here.",
        )
    return Listing(told, {}, notes)


def _sentence(day: dt.date | None, mrr: float) -> str:
    when = "on a day that is not known" if day is None else f"on {on_day(day)}"
    paid = "what it pays is not known, and it" if np.isnan(mrr) else f"{money(mrr)} a month"
    return f"Notice has been given: {paid} ends {when} unless the notice is withdrawn."
