"""Holders: accounts in; in whose book the stored days saw each of them last out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from serving.store.reading import CURRENT, batches, storable
from serving.store.store import Store
from serving.store.tables import scores

__all__ = ["Seen", "last_seen"]


class Seen(NamedTuple):
    """Whose an account was on the last scored day on which it was anybody's."""

    as_of: dt.date
    csm_id: str


def last_seen(store: Store, account_ids: Iterable[str]) -> dict[str, Seen]:
    """In whose book each account was seen last, of the runs that hold; accounts that never were in one are left out.

    Raises
    ------
    StoreError : it cannot be read.
    """
    found: dict[str, Seen] = {}
    with store.reading() as connection:
        for batch in batches([one for one in dict.fromkeys(account_ids) if storable(one)]):
            held = (scores.c.account_id.in_(batch), scores.c.csm_id.is_not(None), scores.c.run_id.in_(CURRENT))
            last = sa.select(scores.c.account_id, sa.func.max(scores.c.as_of).label("day")).where(*held)
            day = last.group_by(scores.c.account_id).subquery()
            same = (scores.c.account_id == day.c.account_id) & (scores.c.as_of == day.c.day)
            asked = sa.select(scores.c.account_id, scores.c.as_of, scores.c.csm_id).join(day, same).where(*held)
            found |= {row.account_id: Seen(row.as_of, row.csm_id) for row in connection.execute(asked)}
    return found
