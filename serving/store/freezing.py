"""Freezing: churned accounts of a day in; the last score of each before it churned, from the store, out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import sqlalchemy as sa

from serving.store.reading import CURRENT, ROW, Row, batches, row_of, rows, run_before
from serving.store.tables import scores

__all__ = ["frozen", "frozen_scores"]

_BY_RULES = '"health_source":"rule_based"'  # the figures of a row that has health and no probability; quotes in a
# name are escaped there, so that no text of somebody's can look like it


def frozen_scores(connection: sa.Connection, as_of: dt.date, accounts: Sequence[str]) -> dict[str, str]:
    """The last score of each account before a day, as JSON text; accounts that never had one are left out.

    An account that was churned on the scored day before keeps what was frozen then. Only who churned since then is
    looked for in all of its history.
    """
    before = run_before(connection, as_of)
    if before is None:
        return {}
    known = rows(connection, before, accounts)
    found = {account: row.frozen for account, row in known.items() if row.status == "churned"}
    left = [account for account in accounts if account not in found]
    found |= {account: frozen(row) for account, row in _last_scored(connection, as_of, left).items()}
    return {account: text for account, text in found.items() if text is not None}


def frozen(row: Row) -> str:
    """A row as it is kept once the account has churned: its figures and its drivers in one object.

    >>> frozen(Row("a-1", None, "ok", '{"account_id":"a-1","churn_90d":0.5}', '[{"points": 0.25}]', None, None))
    '{"churn_90d":0.5,"drivers":[{"points": 0.25}]}'
    """
    if row.frozen is not None:
        return row.frozen
    figures = json.loads(row.figures)
    del figures["account_id"]
    text = json.dumps(figures, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # The lists go in as they are stored, since reading and writing them again could change how a number is written.
    lists = f',"drivers":{row.drivers or "[]"}'
    lists += f',"expansion_drivers":{row.expansion_drivers}' if row.expansion_drivers else ""
    return f"{text[:-1]}{lists}}}"


def _last_scored(connection: sa.Connection, as_of: dt.date, accounts: Sequence[str]) -> dict[str, Row]:
    """The last rows before a day that have a probability or health, or are of a churned account that had one."""
    found: dict[str, Row] = {}
    for batch in batches(accounts):
        known = (
            scores.c.account_id.in_(batch),
            scores.c.as_of < as_of,
            scores.c.run_id.in_(CURRENT),
            sa.or_(scores.c.drivers.is_not(None), scores.c.frozen.is_not(None), scores.c.figures.contains(_BY_RULES)),
        )
        last = sa.select(scores.c.account_id, sa.func.max(scores.c.as_of).label("day")).where(*known)
        days = last.group_by(scores.c.account_id).subquery()
        same = (scores.c.account_id == days.c.account_id) & (scores.c.as_of == days.c.day)
        asked = sa.select(*ROW).join_from(scores, days, same).where(scores.c.run_id.in_(CURRENT))
        found |= {row.account_id: row_of(row) for row in connection.execute(asked)}
    return found
