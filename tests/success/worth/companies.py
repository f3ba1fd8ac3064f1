"""Companies: what was expected of a few accounts written down in; a report on them out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features.history import History
from success.baselines import Expectation
from success.periods import Period
from success.worth import gather, roi_report
from tests.success.economics.companies import by_month, company, subscription
from tests.success.expectations import make_expectation

__all__ = ["AS_OF", "Q3", "assigned", "by_month", "company", "expected", "report", "subscription"]

Q3 = Period.parse("2025Q3")
AS_OF = dt.date(2025, 12, 1)


def assigned(account: str, csm: str, from_on: str = "2024-01-01", to_on: str = "") -> dict[str, Any]:
    """An assignment."""
    return {"account_id": account, "csm_id": csm, "from_on": from_on, "to_on": to_on}


def expected(
    rows: Sequence[tuple[str, str, float, float]],
    *,
    taken: Sequence[str] | None = None,
    base: dt.date = Q3.start,
    spread: float = 0.0,
    growth_sd: float = 0.0,
) -> Expectation:
    """What is expected of accounts: account_id, csm_id, MRR, probability of leaving in a month.

    Parameters
    ----------
    taken : the days of their assignments, where it was frozen on those.
    """
    accounts, csms, mrr, churn = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    made = make_expectation(
        len(rows), csm_id=csms, account_id=accounts, mrr=mrr, monthly_churn=churn, base=base, spread=spread,
        growth_sd=growth_sd, kind="assignment" if taken else "period",
    )  # fmt: skip
    if not taken:
        return made
    days = pd.Series([dt.date.fromisoformat(day).replace(day=1) for day in taken], dtype=object)
    return replace(made, rows=made.rows.assign(period=list(taken), as_of=days))


def report(
    history: History,
    expectation: Expectation,
    taken: Expectation | None = None,
    period: Period = Q3,
    as_of: dt.date = AS_OF,
) -> dict[str, Any]:
    """The report as plain values, with the CSMs by their id under "by"."""
    inputs = gather(history, period, as_of, expectation, Expectation.empty() if taken is None else taken)
    told = roi_report(inputs).to_json()
    assert np.isclose(inputs.rows.groupby("account_id")["share"].sum(), 1).all()
    return told | {"by": {csm["csm_id"]: csm for csm in told["csms"]}}
