"""Feedback: what a person says of an account in; kept beside its scores, which it never alters, and read back."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from serving.store.reading import storable
from serving.store.store import Store
from serving.store.tables import feedback

__all__ = ["Feedback", "add_feedback", "feedback_of", "snoozed"]


@dataclass(frozen=True)
class Feedback:
    """What was said of an account once.

    Parameters
    ----------
    verdict : handled, disagree or not_savable.
    until : the account is snoozed before this day; None for not at all.
    as_of : the scored day that it speaks of.
    token_id, csm_id : who said it, and the book that the token was bound to.
    """

    id: int
    account_id: str
    verdict: str
    until: dt.date | None
    as_of: dt.date
    token_id: str
    csm_id: str | None
    given_at: dt.datetime


def add_feedback(
    store: Store,
    *,
    account_id: str,
    verdict: str,
    until: dt.date | None,
    as_of: dt.date,
    token_id: str,
    csm_id: str | None,
    given_at: dt.datetime,
) -> Feedback:
    """Keep what was said; whoever calls has seen that there is such an account.

    Raises
    ------
    StoreError : it cannot be stored.
    """
    said = Feedback(0, account_id, verdict, until, as_of, token_id, csm_id, given_at.astimezone(dt.UTC))
    values = {name: value for name, value in asdict(said).items() if name != "id"}
    with store.writing() as connection:
        told = connection.execute(sa.insert(feedback).values(values)).inserted_primary_key
    assert told is not None
    return Feedback(**{**values, "id": told[0]})


def feedback_of(store: Store, account_id: str, since: dt.date) -> list[Feedback]:
    """What was said of an account from a day on (in UTC), oldest first."""
    if not storable(account_id):
        return []
    from_ = dt.datetime.combine(since, dt.time.min, dt.UTC)
    asked = sa.select(feedback).where(feedback.c.account_id == account_id, feedback.c.given_at >= from_)
    with store.reading() as connection:
        found = connection.execute(asked.order_by(feedback.c.given_at, feedback.c.id)).mappings().all()
    return [Feedback(**row) for row in found]


def snoozed(store: Store, day: dt.date) -> dict[str, dt.date]:
    """The accounts that are snoozed on a day, and until when; the newest that was said of an account holds."""
    order = (feedback.c.given_at.desc(), feedback.c.id.desc())
    place = sa.func.row_number().over(partition_by=feedback.c.account_id, order_by=order).label("place")
    said = sa.select(feedback.c.account_id, feedback.c.until, place).subquery()
    with store.reading() as connection:
        found = connection.execute(sa.select(said).where(said.c.place == 1, said.c.until > day)).all()
    return {row.account_id: row.until for row in found}
