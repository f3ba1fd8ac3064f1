"""Writing: the score frame of a day in; one run with all its rows in the store, or nothing changed."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from serving.store.books import checksum_of
from serving.store.copying import insert
from serving.store.freezing import frozen_scores
from serving.store.rendering import Day
from serving.store.store import Store
from serving.store.tables import books, runs, scores

__all__ = ["Written", "write_day"]

_LOCK = 0x73636F726573  # the advisory lock on PostgreSQL: "scores"


@dataclass(frozen=True)
class Written:
    """What became of a day.

    Parameters
    ----------
    run_id, key : of the run that holds for the day now.
    new : whether it was written; false where the store said the same already.
    replaced : whether an earlier run of that day no longer holds.
    accounts : rows of the run.
    """

    run_id: int
    key: str
    new: bool
    replaced: bool
    accounts: int


def write_day(
    store: Store,
    frame: pd.DataFrame,
    as_of: dt.date,
    features: pd.DataFrame | None = None,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
) -> Written:
    """Store a scored day whole: a reader sees the run that was there or this one.

    Written twice, the same scores are stored once; when they were computed does not make them others. Facts are told
    beside a score, so other facts make another run; none at all make the run that there was before facts were stored.
    A churned account gets the last score that the store has of it. The book of the run is written with it.

    Parameters
    ----------
    frame : one row an account with the columns of the score file (`serving.layout`); further columns are kept.
    as_of : the day all rows speak from.
    features : what the models were given, one row an account, indexed by account_id; None where there was no model.
    facts : by account_id, what was known of an account on that day, as JSON can say it; None for nothing of anybody.

    Raises
    ------
    ValueError : a column is absent or of another type, an account appears twice, a probability lies outside
        [0, 1] or its interval, falls as the horizon grows or is less than its involuntary part, or the drivers of an
        account do not add up to its probability to 1e-9, or
        JSON cannot say a fact.
    StoreError : an id is one that a database cannot hold, or the store cannot be written.
    """
    day = Day(frame, as_of, features, facts)
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's transaction is the only one that writes
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        frozen = frozen_scores(connection, as_of, day.churned)
        digest = day.digest(frozen)
        last = sa.select(runs.c.id, runs.c.key, runs.c.digest).where(runs.c.as_of == as_of)
        before = connection.execute(last.order_by(runs.c.id.desc()).limit(1)).first()
        if before is not None and before.digest == digest:
            return Written(before.id, before.key, new=False, replaced=False, accounts=len(day.rows))
        key = secrets.token_hex(16)
        values = {**day.run, "key": key, "digest": digest}
        run_id = connection.scalars(sa.insert(runs).values(values).returning(runs.c.id)).one()
        insert(connection, scores, day.stored(run_id, frozen))
        book = {"run_id": run_id, "content": day.book, "checksum": checksum_of(day.book)}
        connection.execute(sa.insert(books).values(book))
    return Written(run_id, key, new=True, replaced=before is not None, accounts=len(day.rows))
