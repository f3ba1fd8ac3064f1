"""Accounting: which period and day are meant, which health counts, and what is kept of what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import serving.accounting as module
from features.errors import TenureError
from serving.accounting import day_known, last_period, require_begun
from serving.store.address import address_of
from serving.store.store import Store
from serving.store.writing import write_day
from success.periods import Period

UNTIL = dt.date(2025, 7, 1)


def history(until: dt.date = UNTIL) -> Any:
    return SimpleNamespace(observed_until=until)


@pytest.mark.parametrize(
    ("day", "name"),
    [("2025-01-01", "2024Q4"), ("2025-03-31", "2024Q4"), ("2025-04-01", "2025Q1"), ("2025-12-31", "2025Q3")],
)
def test_the_last_quarter_that_is_over(day: str, name: str) -> None:
    as_of = dt.date.fromisoformat(day)
    found = last_period(as_of)
    assert found.name == name
    assert found.over_on(as_of)
    assert not Period.parse(f"{found.until.year}Q{found.until.month // 3 + 1}").over_on(as_of)


@pytest.mark.parametrize(
    ("period", "asked", "meant"),
    [
        (None, None, "2025-07-01"),
        ("2025Q2", None, "2025-07-01"),
        ("2025Q2", "2025-05-01", "2025-05-01"),
        ("2025Q2", "2025-08-15", "2025-08-15"),  # costs of June are booked by then
        ("2025Q3", "2025-08-15", "2025-07-01"),  # nothing of July was observed
        (None, "2025-08-15", "2025-08-15"),
        (None, "2025-02-01", "2025-02-01"),
    ],
)
def test_the_day_whose_knowledge_counts(period: str | None, asked: str | None, meant: str) -> None:
    wanted = None if period is None else Period.parse(period)
    day = None if asked is None else dt.date.fromisoformat(asked)
    assert str(day_known(history(), wanted, day)) == meant


def test_a_period_that_has_not_begun_is_refused() -> None:
    period = Period.parse("2025Q3")
    require_begun(period, dt.date(2025, 7, 2))
    with pytest.raises(TenureError, match=r"^2025Q3 begins on 2025-07-01, and nothing of it is known on 2025-07-01; "):
        require_begun(period, UNTIL)


@pytest.mark.parametrize(("scored", "counts"), [("2025-07-01", True), ("2025-06-24", True), ("2025-06-23", False),
                                                ("2025-07-02", False), (None, False)])  # fmt: skip
def test_the_health_of_a_periods_end_is_what_was_stored_then(
    tmp_path: Path, make_frame: Callable[..., pd.DataFrame], scored: str | None, counts: bool
) -> None:
    with Store.open(address_of(tmp_path)) as store:
        if scored is not None:
            day = dt.date.fromisoformat(scored)
            write_day(store, make_frame(day).assign(health=[10.0, 20.0, 30.0, 40.0, 50.0, np.nan]), day)
        found = module._health(store, UNTIL)
    if not counts:
        assert found is None
        return
    assert found is not None
    assert found.set_index("account_id")["health"].to_dict() == {f"a-{n}": 10.0 * (n + 1) for n in range(5)}


def test_without_any_health_there_is_none(tmp_path: Path, make_frame: Callable[..., pd.DataFrame]) -> None:
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(UNTIL), UNTIL)
        assert module._health(store, UNTIL) is None
