"""Frozen: what is expected in; rows of the store, and what they say when they are read again, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from serving.store.baselines import Baseline
from success.baselines import COLUMNS, SHARED, Expectation, Months

__all__ = ["expectation_of", "rows_of"]

_DIGITS = 9
"""Significant digits of what is stored: a cent of ten millions."""
_OWN = ("source", "reconstructed", "own_book_left_out", "segment", "mrr")


def rows_of(expectation: Expectation, computed_at: dt.datetime) -> list[Baseline]:
    """The rows that freeze an expectation."""
    rows = expectation.rows.to_dict("records")
    shared = expectation.shared.to_dict("records")
    months = {name: part.tolist() for name, part in expectation.months._asdict().items()}
    found = []
    for place, (row, errors) in enumerate(zip(rows, shared, strict=True)):
        told: dict[str, Any] = {name: [_short(value) for value in part[place]] for name, part in months.items()}
        detail = {name: row[name] for name in _OWN} | {name: _short(value) for name, value in errors.items()}
        churn, kept = told["churn"][0], told["kept_exit"][0]
        found.append(
            Baseline(
                account_id=row["account_id"],
                kind=row["kind"],
                period=row["period"],
                as_of=row["as_of"],
                model_version=row["model_version"],
                expected_mrr=_short((1 - churn) * kept),
                expected_churn=churn,
                computed_at=computed_at,
                csm_id=row["csm_id"],
                detail=detail | {"months": told},
            )
        )
    return found


def expectation_of(found: Sequence[Baseline]) -> Expectation:
    """What stored rows say."""
    if not found:
        return Expectation.empty()
    rows = []
    for one in found:
        assert one.detail is not None  # of every baseline that is stored
        own = {name: one.detail[name] for name in (*_OWN, *SHARED)}
        told = {
            name: getattr(one, name) for name in ("account_id", "csm_id", "kind", "period", "as_of", "model_version")
        }
        rows.append({**told, **own, **one.detail["months"]})
    frame = pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=object) for name in (*COLUMNS, *SHARED, *Months._fields)}
    )
    frame = frame.astype({"mrr": np.float64, "reconstructed": bool, "own_book_left_out": bool})
    return Expectation.of_frame(frame)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
