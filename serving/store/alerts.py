"""Alerts: a store in; the alerts that are open, or have opened or closed since a day, out."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from serving.store.reading import storable
from serving.store.store import Store
from serving.store.tables import alerts

__all__ = ["Alert", "alerts_since", "open_alerts"]


@dataclass(frozen=True)
class Alert:
    """One episode: from the day that a rule's condition was met until the day that it no longer was.

    Parameters
    ----------
    key : stable id of the episode.
    rule, rule_hash : the rule's name, and what it means.
    csm_id : who looked after the account on the day it opened.
    opened_on, closed_on : scored days; closed_on is None while it is open.
    value : that opened it.
    detail : what is told of it: sentence, drivers, play.
    withheld : why nobody was told, as for an account of the control arm; None for told.
    """

    id: int
    key: str
    rule: str
    rule_hash: str
    account_id: str
    csm_id: str | None
    opened_on: dt.date
    closed_on: dt.date | None
    value: float | None
    detail: dict[str, Any] = field(hash=False)
    withheld: str | None


def open_alerts(store: Store, csm_id: str | None = None, *, withheld: bool = False) -> list[Alert]:
    """The alerts that are open, newest first.

    Parameters
    ----------
    csm_id : only those of this CSM's book; None for all.
    withheld : also those that nobody was told of. Whoever acts on alerts must not see them, or the control arm, which
        shows what alerts are worth, is none.
    """
    return _found(store, alerts.c.closed_on.is_(None), csm_id, withheld)


def alerts_since(store: Store, day: dt.date, csm_id: str | None = None, *, withheld: bool = False) -> list[Alert]:
    """The alerts that opened or closed on a day or later, newest first; the others as for `open_alerts`."""
    return _found(store, sa.or_(alerts.c.opened_on >= day, alerts.c.closed_on >= day), csm_id, withheld)


def _found(store: Store, which: sa.ColumnElement[bool], csm_id: str | None, withheld: bool) -> list[Alert]:
    asked = sa.select(alerts).where(which).order_by(alerts.c.opened_on.desc(), alerts.c.id.desc())
    if csm_id is not None:
        if not storable(csm_id):
            return []
        asked = asked.where(alerts.c.csm_id == csm_id)
    if not withheld:
        asked = asked.where(alerts.c.withheld.is_(None))
    with store.reading() as connection:
        found = connection.execute(asked).mappings().all()
    return [Alert(**{**row, "detail": json.loads(row["detail"])}) for row in found]
