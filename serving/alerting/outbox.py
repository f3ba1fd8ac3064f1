"""Outbox: what is to be sent, in order; and what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from features.errors import TenureError
from serving.store.reading import batches
from serving.store.store import Store
from serving.store.tables import alerts, outbox

__all__ = ["Dead", "Waiting", "bury", "dead", "delivered", "queued", "retry", "text_of", "tried", "waiting"]


class Waiting(NamedTuple):
    """A message that is neither delivered nor given up.

    Attributes
    ----------
    alert_key : the alert that it tells of.
    next_at : it is not tried before; None for at once.
    orphan : it tells of the end of an alert whose opening was given up.
    """

    id: str
    alert_key: str
    account_id: str
    attempts: int
    next_at: dt.datetime | None
    orphan: bool


class Dead(NamedTuple):
    """A message that was given up."""

    id: str
    kind: str
    rule: str
    account_id: str
    csm_id: str | None
    created_on: dt.date
    attempts: int
    dead_at: dt.datetime
    last_error: str | None
    body: str


_OPENING = outbox.alias("opening")
_LEFT = (outbox.c.delivered_at.is_(None), outbox.c.dead_at.is_(None))
# Of an account, what happened first comes first; on one day what ends comes before what begins.
_ORDER = (outbox.c.created_on, outbox.c.kind, outbox.c.id)


def queued(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Of some alerts, those whose opening was to be sent: their end is to be sent as well."""
    found: set[str] = set()
    for batch in batches(keys):
        asked = sa.select(outbox.c.alert_key).where(outbox.c.kind == "opened", outbox.c.alert_key.in_(batch))
        found |= set(connection.scalars(asked))
    return found


def waiting(store: Store) -> list[Waiting]:
    """What is still to be sent, in the order in which it is."""
    asked = (
        sa.select(
            outbox.c.id,
            outbox.c.alert_key,
            alerts.c.account_id,
            outbox.c.attempts,
            outbox.c.next_at,
            _OPENING.c.dead_at.is_not(None).label("orphan"),
        )
        .join_from(outbox, alerts, outbox.c.alert_key == alerts.c.key)
        .outerjoin(
            _OPENING,
            (_OPENING.c.alert_key == outbox.c.alert_key) & (_OPENING.c.kind == "opened") & (outbox.c.kind != "opened"),
        )
        .where(*_LEFT)
        .order_by(*_ORDER)
    )
    with store.reading() as connection:
        return [Waiting._make(row) for row in connection.execute(asked)]


def text_of(store: Store, id_: str) -> str | None:
    """What is sent; None where somebody else has sent it meanwhile."""
    with store.reading() as connection:
        return connection.scalar(sa.select(outbox.c.body).where(outbox.c.id == id_, *_LEFT))


def delivered(store: Store, id_: str, now: dt.datetime) -> None:
    """Keep that a message has arrived."""
    _note(store, id_, delivered_at=now, next_at=None, last_error=None, attempts=outbox.c.attempts + 1)


def tried(store: Store, id_: str, error: str, next_at: dt.datetime) -> None:
    """Keep that an attempt has failed, and when the next one is due."""
    _note(store, id_, attempts=outbox.c.attempts + 1, next_at=next_at, last_error=error)


def bury(store: Store, id_: str, error: str, now: dt.datetime, *, attempts: int = 1) -> None:
    """Give a message up.

    Parameters
    ----------
    attempts : that were made just now.
    """
    _note(store, id_, attempts=outbox.c.attempts + attempts, dead_at=now, next_at=None, last_error=error)


def _note(store: Store, id_: str, **values: object) -> None:
    # Whoever else was at the same message and came first is right.
    with store.writing() as connection:
        connection.execute(sa.update(outbox).where(outbox.c.id == id_, *_LEFT).values(**values))


def dead(store: Store) -> list[Dead]:
    """Every message that was given up, in the order of the days that they tell of."""
    asked = (
        sa.select(
            outbox.c.id,
            outbox.c.kind,
            alerts.c.rule,
            alerts.c.account_id,
            alerts.c.csm_id,
            outbox.c.created_on,
            outbox.c.attempts,
            outbox.c.dead_at,
            outbox.c.last_error,
            outbox.c.body,
        )
        .join_from(outbox, alerts, outbox.c.alert_key == alerts.c.key)
        .where(outbox.c.dead_at.is_not(None), outbox.c.delivered_at.is_(None))
        .order_by(*_ORDER)
    )
    with store.reading() as connection:
        return [Dead._make(row) for row in connection.execute(asked)]


def retry(store: Store, id_: str | None = None) -> int:
    """Give messages that were given up all their attempts again; how many.

    Parameters
    ----------
    id_ : of one, or how it begins; the end of the same alert goes with it. None for all of them.

    Raises
    ------
    TenureError : no message that was given up has that id, more than one begins so, or the opening has to go with it.
    """
    with store.writing() as connection:
        lost = outbox.c.dead_at.is_not(None)
        known = connection.execute(sa.select(outbox.c.id, outbox.c.alert_key, outbox.c.kind).where(lost)).all()
        chosen = [row for row in known if id_ is None or row.id.startswith(id_)]
        if id_ is not None:
            if len(chosen) != 1:
                many = "More than one message given up begins" if chosen else "No message that was given up begins"
                raise TenureError(f"{many} with {id_!r}; `tenure alerts dead` lists them.")
            ((_, key, kind),) = chosen
            if kind != "opened" and any(row.alert_key == key and row.kind == "opened" for row in known):
                raise TenureError(
                    "That message tells of the end of an alert whose opening was given up too; retry the opening, and "
                    "this one goes with it."
                )
            chosen = [row for row in known if row.alert_key == key]
        again = {"dead_at": None, "next_at": None, "attempts": 0}
        for batch in batches([row.id for row in chosen]):
            connection.execute(sa.update(outbox).where(outbox.c.id.in_(batch)).values(**again))
    return len(chosen)
