"""Reading: which alerts are wanted in; each as it was told, with where it stands now, out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from serving.store.store import Store
from serving.store.tables import alerts

__all__ = ["Alert", "alerts_of"]


@dataclass(frozen=True)
class Alert:
    """An episode of one account.

    Parameters
    ----------
    key : its id, which its messages name.
    csm_id : who looked after the account on the day it opened.
    closed_on : None while it is open.
    withheld : why nobody was told; None where somebody was, or would be with a webhook.
    detail : name, sentence, value, drivers and play; `cleared` says how it ended.
    """

    key: str
    rule: str
    account_id: str
    csm_id: str | None
    opened_on: dt.date
    closed_on: dt.date | None
    withheld: str | None
    detail: dict[str, Any] = field(repr=False, hash=False)

    def to_json(self) -> dict[str, Any]:
        """What the command line and the API tell: `cleared` is None while it is open."""
        told = {name: value for name, value in vars(self).items() if name not in ("detail", "key")}
        told |= {name: day.isoformat() for name, day in told.items() if isinstance(day, dt.date)}
        return {"alert": self.key, **told, **self.detail, "cleared": self.detail.get("cleared")}


def alerts_of(
    store: Store,
    *,
    closed: bool = False,
    csm_id: str | None = None,
    account_id: str | None = None,
    since: dt.date | None = None,
    withheld: bool = False,
) -> list[Alert]:
    """Alerts, the newest first.

    Parameters
    ----------
    closed : those that are over, too.
    csm_id, account_id : only of accounts that this CSM looked after, only of this account.
    since : only those that opened or were over on that day or later.
    withheld : those that nobody was told of, too. Whoever works with accounts must not see them, or the control arm,
        which shows what alerts are worth, is none.
    """
    asked = sa.select(*(alerts.c[name.name] for name in dataclasses.fields(Alert)))
    if not closed:
        asked = asked.where(alerts.c.closed_on.is_(None))
    if not withheld:
        asked = asked.where(alerts.c.withheld.is_(None))
    if csm_id is not None:
        asked = asked.where(alerts.c.csm_id == csm_id)
    if account_id is not None:
        asked = asked.where(alerts.c.account_id == account_id)
    if since is not None:
        asked = asked.where(sa.or_(alerts.c.opened_on >= since, alerts.c.closed_on >= since))
    with store.reading() as connection:
        rows = connection.execute(asked.order_by(alerts.c.opened_on.desc(), alerts.c.id.desc())).mappings().all()
    return [Alert(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
