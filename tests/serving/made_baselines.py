"""What is expected of a company's accounts, made up: everybody pays on and a few leave; in the place of a model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.history import History
from features.ledger import ledger_of
from success.baselines import Expectation
from success.periods import Period
from success.worth.holdings import assignments_of
from tests.success.expectations import make_expectation

_TAKEN = 60
"""Assignments that have a baseline: the last ones, since each day takes its time."""


def made_up(
    history: History, home: Path, store: Any, period: Period, as_of: dt.date, say: Callable[[str], None]
) -> tuple[Expectation, Expectation]:
    """As `serving.baselines.expectations_for`: for the period, and for the last assignments before its end."""
    ledger = ledger_of(history, as_of)
    say("making it up")
    held = assignments_of(history, as_of).rename(columns={"from_on": "since", "until_on": "until"})
    start = pd.Timestamp(period.start)
    now = held[(held["since"] < start) & ~(held["until"] < start)].drop_duplicates("account_id", keep="last")
    whose = dict(zip(now["account_id"], now["csm_id"], strict=True))
    paid = ledger.mrr_on(period.start - dt.timedelta(days=1))
    paid = paid[paid > 0]
    expected = make_expectation(
        len(paid),
        base=period.start,
        mrr=paid.tolist(),
        account_id=[str(account) for account in paid.index],
        csm_id=[whose.get(account, "") for account in paid.index],
        monthly_churn=0.02,
        growth=0.004,
        level_sd=0.1,
        shock_sd=0.05,
        growth_sd=0.01,
    )
    return expected, _taken(held, ledger, period.until)


def _taken(held: pd.DataFrame, ledger: Any, until: dt.date) -> Expectation:
    parts = []
    begun = held[held["since"] < pd.Timestamp(until)].sort_values("since").tail(_TAKEN)
    for since in sorted(begun["since"].unique()):
        rows, day = begun[begun["since"] == since], pd.Timestamp(since).date()
        paid = ledger.mrr_on(day - dt.timedelta(days=1)).reindex(rows["account_id"])
        keep = (paid > 0).to_numpy()
        if keep.any():
            ids, csms = rows["account_id"][keep].tolist(), rows["csm_id"][keep].tolist()
            made = make_expectation(
                int(keep.sum()), base=day, mrr=paid[keep].tolist(), account_id=ids, csm_id=csms, monthly_churn=0.02,
                kind="assignment",
            )  # fmt: skip
            parts.append(made)
    frames = [pd.concat([getattr(one, name) for one in parts], ignore_index=True) for name in ("rows", "shared")]
    months = type(parts[0].months)(*(_stacked(parts, name) for name in parts[0].months._fields))
    return Expectation(frames[0], months, frames[1])


def _stacked(parts: list[Expectation], name: str) -> Any:
    return np.concatenate([getattr(one.months, name) for one in parts])
