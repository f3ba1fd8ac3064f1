"""Past: a stored day and accounts in; what was told of each then, and the features that it was told from, out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from serving.store.packing import unpack
from serving.store.reading import Run
from serving.store.store import Store
from serving.store.tables import scores

__all__ = ["Past", "past_features", "past_of"]


@dataclass(frozen=True)
class Past:
    """What was told of n accounts on a stored day; None or NaN where an account has none.

    Parameters
    ----------
    segments, stages : what each was compared with; sources : what told the health.
    health, calendar, anchor, points_to_double : (n,) as the score row has them.
    tables : those that the history had; None in runs that do not say.
    """

    run: Run
    statuses: list[str | None]
    segments: list[str | None]
    stages: list[str | None]
    sources: list[str | None]
    health: np.ndarray
    calendar: np.ndarray
    anchor: np.ndarray
    points_to_double: np.ndarray
    tables: frozenset[str] | None


def past_of(store: Store, run: Run, accounts: Sequence[str]) -> Past:
    """What a run says of some accounts, in their order."""
    asked = sa.select(scores.c.account_id, scores.c.figures).where(scores.c.run_id == run.id)
    wanted = set(accounts)
    with store.reading() as connection:
        told = [(account, json.loads(text)) for account, text in connection.execute(asked) if account in wanted]
    found = dict(told)
    rows: list[dict[str, Any]] = [found.get(account, {}) for account in accounts]
    tables = run.header.get("tables") or next((row["tables"] for row in rows if row.get("tables")), None)

    def texts(name: str) -> list[str | None]:
        return [value if isinstance(value := row.get(name), str) else None for row in rows]

    def numbers(name: str) -> np.ndarray:
        return np.array([row.get(name) for row in rows], dtype=np.float64)

    return Past(
        run,
        texts("status"),
        texts("segment"),
        texts("health_stage"),
        texts("health_source"),
        numbers("health"),
        numbers("calendar_points"),
        numbers("health_anchor"),
        numbers("points_to_double"),
        None if tables is None else frozenset(json.loads(tables) if isinstance(tables, str) else tables),
    )


def past_features(store: Store, run: Run, like: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The features of a run's accounts, with the index and columns of today's, and (n,) whether there are any."""
    asked = sa.select(scores.c.account_id, scores.c.features).where(
        scores.c.run_id == run.id, scores.c.features.is_not(None)
    )
    wanted = set(like.index)
    with store.reading() as connection:
        packed = [(account, features) for account, features in connection.execute(asked) if account in wanted]
    found = {account: json.loads(unpack(features)) for account, features in packed}
    rows = [found.get(account, {}) for account in like.index]
    columns = {}
    for name in like.columns:
        values = [row.get(name) for row in rows]
        is_number = pd.api.types.is_numeric_dtype(like[name].dtype)
        columns[name] = np.array(values, dtype=np.float64 if is_number else object)
    known = np.array([account in found for account in like.index], dtype=bool)
    return pd.DataFrame(columns, index=like.index), known
