"""Baselines: what was expected of accounts in; frozen for good, so that what is realised can be set against it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serving.store.reading import batches, storable
from serving.store.store import Store
from serving.store.tables import baselines

__all__ = ["Baseline", "baselines_of", "freeze", "frozen_keys"]

_LOCK = 0x626173656C696E  # the advisory lock on PostgreSQL: "baselin"


@dataclass(frozen=True)
class Baseline:
    """What was expected of an account in a period, or from an assignment on.

    Parameters
    ----------
    kind : "period" or "assignment".
    period : the month from whose first day on it holds, as in 2025-07; or the day of the assignment.
    csm_id : whose book it is for, when the model was fitted without that; empty for everybody's.
    as_of : what was known then.
    model_version : None where a rate of the segment stands in.
    expected_mrr : at the end of the first month, in the reporting currency.
    expected_churn : the probability of having left by then.
    detail : the months after it and how it was made, as JSON can say it; see `serving.baselines.frozen`.
    """

    account_id: str
    kind: str
    period: str
    as_of: dt.date
    model_version: str | None
    expected_mrr: float
    expected_churn: float
    computed_at: dt.datetime
    csm_id: str = ""
    detail: Mapping[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one of."""
        return self.account_id, self.kind, self.period, self.csm_id


def freeze(store: Store, rows: Iterable[Baseline]) -> int:
    """Freeze baselines, all of them or none; what was frozen first holds, also where it differs.

    Returns
    -------
    How many are new; the others stood already and stay as they are.

    Raises
    ------
    ValueError : an id is one that a database cannot hold.
    StoreError : they cannot be stored.
    """
    wanted: dict[tuple[str, str, str, str], Baseline] = {}
    for row in rows:
        if not (storable(row.account_id) and storable(row.csm_id)):
            raise ValueError(f"the store cannot hold the id of the baseline {row.key!a}")
        wanted.setdefault(row.key, row)
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite's transaction is the only one that writes
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        standing: set[tuple[str, str, str, str]] = set()
        key = (baselines.c.account_id, baselines.c.kind, baselines.c.period, baselines.c.csm_id)
        for batch in batches(sorted({row.account_id for row in wanted.values()})):
            asked = sa.select(*key).where(baselines.c.account_id.in_(batch))
            standing |= {(row[0], row[1], row[2], row[3]) for row in connection.execute(asked)}
        new = [row for known, row in wanted.items() if known not in standing]
        if new:
            connection.execute(sa.insert(baselines), [_stored(row) for row in new])
    return len(new)


def frozen_keys(store: Store, *, kind: str, period: str | None = None) -> set[tuple[str, str, str]]:
    """Account, period and CSM of every frozen baseline of a kind, of one period or all."""
    asked = sa.select(baselines.c.account_id, baselines.c.period, baselines.c.csm_id).where(baselines.c.kind == kind)
    asked = asked if period is None else asked.where(baselines.c.period == period)
    with store.reading() as connection:
        return {(row[0], row[1], row[2]) for row in connection.execute(asked)}


def baselines_of(store: Store, *, kind: str, period: str | None = None, csm_id: str | None = None) -> list[Baseline]:
    """The frozen baselines of a kind, of one period or all, of one book or all; by account and period."""
    asked = sa.select(baselines).where(baselines.c.kind == kind)
    for column, value in ((baselines.c.period, period), (baselines.c.csm_id, csm_id)):
        asked = asked if value is None else asked.where(column == value)
    with store.reading() as connection:
        found = connection.execute(asked).mappings().all()
    return sorted((_baseline(row) for row in found), key=lambda baseline: baseline.key)


def _stored(row: Baseline) -> dict[str, Any]:
    detail = json.dumps(row.detail, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return {**vars(row), "detail": detail}


def _baseline(row: sa.RowMapping) -> Baseline:
    told: dict[str, Any] = {str(name): value for name, value in row.items() if name != "id"}
    return Baseline(**{**told, "detail": json.loads(told["detail"])})
