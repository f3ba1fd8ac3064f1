"""Said: a store in; what people said of accounts, and the call lists that it was said of, out."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from typing import Any

import pandas as pd
import sqlalchemy as sa

from serving.lists import Said
from serving.store.feedback import snoozed
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.tables import feedback

__all__ = ["JUDGED_DAYS", "Sayings"]

JUDGED_DAYS = 10
"""The newest days of which something was said, whose lists are looked up; each costs some 50 ms at 20,000 accounts."""

_BACK = dt.timedelta(days=365)
_KEPT = 64
_SNOOZED = ("calls", "billing")  # the lists that leave out what is snoozed
_JUDGED = ("calls",)  # those whose precision is told
_COLUMNS = ["account_id", "csm_id", "list_rank"]
_LISTED = ["as_of", "account_id", "csm_id"]


class Sayings:
    """What lists have to know of what was said; the call lists of days gone by are kept, since they never change.

    May be used by several threads: at worst two of them look the same list up.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, pd.DataFrame] = OrderedDict()

    def of(self, store: Store, name: str, today: dt.date) -> Said:
        """What the list of a name has to know.

        Parameters
        ----------
        today : an account is snoozed as those who call see it, whichever day the list is of.

        Raises
        ------
        StoreError : the store does not answer.
        """
        away = snoozed(store, today) if name in _SNOOZED else {}
        if name not in _JUDGED:
            return Said(away)
        verdicts = _verdicts(store, today - _BACK)
        days = sorted({one["as_of"] for one in verdicts})[-JUDGED_DAYS:]
        runs = [(day, store.run_of(day)) for day in days]
        lists = [self._listed(store, run).assign(as_of=day)[_LISTED] for day, run in runs if run is not None]
        lists = [one for one in lists if len(one)]
        whole = pd.concat(lists, ignore_index=True) if lists else pd.DataFrame(columns=_LISTED, dtype=object)
        return Said(away, [one for one in verdicts if one["as_of"] in days], whole)

    def _listed(self, store: Store, run: Run) -> pd.DataFrame:
        """The call lists as they were kept with a day's scores: account_id and csm_id."""
        found = self._kept.get(run.key)
        if found is None:
            book = store.columns(run, _COLUMNS)
            if book is None or len(book.columns) < len(_COLUMNS):  # an earlier version scored the day
                book = pd.DataFrame(columns=_COLUMNS, dtype=object)
            found = self._kept[run.key] = book.loc[book["list_rank"].notna(), ["account_id", "csm_id"]]
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


def _verdicts(store: Store, since: dt.date) -> list[dict[str, Any]]:
    """account_id, verdict and as_of of everything that was said of a day or a later one, the oldest first."""
    asked = sa.select(feedback.c.account_id, feedback.c.verdict, feedback.c.as_of).where(feedback.c.as_of >= since)
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(asked.order_by(feedback.c.given_at, feedback.c.id)).mappings()]
