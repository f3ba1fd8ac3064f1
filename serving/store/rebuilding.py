"""Rebuilding: a run that has no book in; the book that its rows make, read a thousand at a time, out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from serving.store.books import FACTUAL, book_table, frame_of, top_of
from serving.store.cells import text_of
from serving.store.reading import Run, batches, text_in
from serving.store.tables import scores
from success.book import FEATURES

__all__ = ["rebuilt"]


def rebuilt(connection: sa.Connection, run: Run) -> pd.DataFrame:
    """The book of a run, made of its rows: seconds for 20,000 accounts.

    A day in a column that no book declares stays text here, since JSON has no days.
    """
    mine = scores.c.run_id == run.id
    accounts = connection.scalars(sa.select(scores.c.account_id).where(mine)).all()
    asked = sa.select(scores.c.figures, scores.c.drivers, scores.c.features, scores.c.facts).where(mine)
    parts = [
        _part(connection.execute(asked.where(scores.c.account_id.in_(batch))).all()) for batch in batches(accounts)
    ]
    return frame_of(pa.concat_tables(parts, promote_options="default").sort_by("account_id"))


def _part(rows: Sequence[Any]) -> pa.Table:
    """Rows of a run as a part of its book."""
    figures = pa.Table.from_pylist([_figures(row) for row in rows])
    drivers = [text_in(row.drivers) for row in rows]
    features = [json.loads(text_in(row.features) or "{}") for row in rows]
    return book_table(
        {name: figures.column(name) for name in figures.column_names},
        [None if text is None else top_of(text) for text in drivers],
        {name: pa.array([given.get(name) for given in features]) for name in FEATURES},
    )


def _figures(row: Any) -> dict[str, Any]:
    """The figures of a row with what its facts say of them, lists as JSON text as in a book that was stored."""
    facts = json.loads(text_in(row.facts) or "{}")
    told = {**json.loads(row.figures), **{name: facts.get(name) for name in FACTUAL if name in facts}}
    return {name: text_of(value) if isinstance(value, list) else value for name, value in told.items()}
