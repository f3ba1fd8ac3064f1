"""Revenue and notices after as_of, on random companies: against plain loops over days, and blind to what came later."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.afterwards import later_mrr, notice_days
from features.history import History
from features.settings import HistorySettings, Settings

Row = dict[str, Any]
KNOWN_ON = dt.date(2024, 5, 31)
HORIZONS = (1, 30, 90)
LAG = 3
LENIENT = Settings(history=HistorySettings(max_failing_share=1.0, recording_lag_days=LAG))
DAYS = [KNOWN_ON - dt.timedelta(days=n) for n in range(0, 240, 13)]


def _made(company: ModuleType, seed: int) -> dict[str, list[Row]]:
    """What a company has of accounts, contracts and usage; the rest says nothing of revenue."""
    tables = company.make(Random(seed), KNOWN_ON, accounts=12)
    return {name: tables[name] for name in ("accounts", "subscriptions", "usage")}


def _date(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _known(tables: dict[str, list[Row]], account: str) -> list[Row]:
    """The paid subscriptions of an account as somebody had them at the start of KNOWN_ON."""
    midnight = dt.datetime.combine(KNOWN_ON, dt.time())

    def before(day: Any, stamp: Any = None) -> bool:
        moments = [
            dt.datetime.combine(d, dt.time()) if not isinstance(d, dt.datetime) else d for d in (day, stamp) if d
        ]
        return all(moment < midnight for moment in moments)

    found = []
    for row in tables["subscriptions"]:
        if row["account_id"] != account or row["trial"] or not before(row["started_on"], row["recorded_at"]):
            continue
        row = dict(row)
        for column in ("ended_on", "notice_on", "notice_withdrawn_on"):
            stamp = row[f"{column}_recorded_at"]
            # A fact with a stamp of its own is known from then on, even when it lies ahead.
            if row[column] and not (before(stamp) if stamp else before(row[column])):
                row[column] = None
        found.append(row)
    return found


def _paid(subs: list[Row], day: dt.date) -> tuple[float, set[str]]:
    there = [s for s in subs if s["started_on"] <= day and (not s["ended_on"] or day < s["ended_on"])]
    return float(sum(s["mrr"] for s in there)), {s["currency"].upper() for s in there if s["currency"]}


def _wanted(tables: dict[str, list[Row]], account: str, as_of: dt.date) -> tuple[float, list[float], float]:
    subs = _known(tables, account)
    mrr, paid_in = _paid(subs, as_of - dt.timedelta(days=1))
    later = []
    for horizon in HORIZONS:
        then, currency = _paid(subs, as_of + dt.timedelta(days=horizon - 1))
        unknown = as_of + dt.timedelta(days=horizon + LAG) > KNOWN_ON or len(currency) > 1
        # Of mixed money the smallest name stands for all; it is not compared anyway.
        foreign = bool(currency and paid_in and min(currency) != min(paid_in))
        later.append(math.nan if unknown or foreign else then)
    notices = [
        (_date(s["notice_on"]) - as_of).days
        for s in subs
        if s["notice_on"]
        and s["notice_on"] >= as_of
        and not (s["notice_withdrawn_on"] and s["notice_withdrawn_on"] >= s["notice_on"])
    ]
    return (mrr if mrr > 0 and len(paid_in) < 2 else math.nan), later, min(notices, default=math.nan)


def _asked(accounts: list[str]) -> pd.DataFrame:
    pairs = [(account, pd.Timestamp(day)) for day in DAYS for account in accounts]
    return pd.DataFrame(pairs, columns=["account_id", "as_of"])


def _found(history: History, asked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (*later_mrr(history, asked, HORIZONS, KNOWN_ON), notice_days(history, asked, KNOWN_ON))


def _accounts(tables: dict[str, list[Row]]) -> list[str]:
    return sorted({row["account_id"] for row in tables["subscriptions"]})


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_plain_loops_find(seed: int, company: ModuleType, fresh_folder: Callable[[], Path]) -> None:
    tables = _made(company, seed)
    history = History.open(company.write(tables, fresh_folder()), LENIENT)
    asked = _asked(_accounts(tables)).sample(frac=1, random_state=seed, ignore_index=True)
    mrr, later, notice = _found(history, asked)
    for i, row in enumerate(asked.itertuples()):
        wanted = _wanted(tables, str(row.account_id), row.as_of.date())
        ours = (mrr[i], list(later[i]), notice[i])
        assert ours[0] == pytest.approx(wanted[0], nan_ok=True), (row, wanted)
        assert ours[1] == pytest.approx(wanted[1], nan_ok=True), (row, wanted)
        assert ours[2] == pytest.approx(wanted[2], nan_ok=True), (row, wanted)


def test_the_companies_hold_what_matters(company: ModuleType) -> None:
    met = []
    for seed in range(6):
        tables = _made(company, seed)
        met += [_wanted(tables, account, day) for account in _accounts(tables) for day in DAYS]
    mrr = np.array([m for m, _, _ in met])
    later = np.array([values for _, values, _ in met])
    notice = np.array([n for _, _, n in met])
    assert (mrr > 0).sum() > 300
    assert np.isnan(mrr).sum() > 50
    assert ((later[:, 1] == 0) & (mrr > 0)).sum() > 10
    assert ((later[:, 2] > mrr) & (mrr > 0)).sum() > 5
    assert np.isnan(later[:, 2]).sum() > np.isnan(later[:, 0]).sum() > 0
    assert 20 < (notice >= 0).sum() < len(met)
    assert (notice == 0).any() or (notice < 5).any()


@pytest.mark.parametrize("seed", range(3))
def test_what_becomes_known_later_changes_nothing(
    seed: int, company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    tables = _made(company, seed)
    changed = upheaval.rewrite(Random(seed + 100), tables, KNOWN_ON, company.EVENT)
    asked = _asked(_accounts(tables))
    before, after = (_found(History.open(company.write(t, fresh_folder()), LENIENT), asked) for t in (tables, changed))
    for ours, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    later = KNOWN_ON + dt.timedelta(days=200)
    two = [
        later_mrr(History.open(company.write(t, fresh_folder()), LENIENT), asked, HORIZONS, later)[1]
        for t in (tables, changed)
    ]
    assert not np.array_equal(*two, equal_nan=True)


def test_a_worked_account(open_tables: Callable[..., History]) -> None:
    """Growth, a change of currency and a return, day by day."""
    history = open_tables(
        {
            "accounts": "account_id, created_on\nA, 2023-01-01\nB, 2023-01-01",
            "usage": "account_id, day, feature, events\nA, 2024-01-01, report, 1",
            "subscriptions": """
                subscription_id, account_id, plan, mrr, currency, started_on, ended_on, end_reason, notice_on
                s1, A, pro, 100, EUR, 2023-01-01, 2024-01-31, superseded,
                s2, A, pro, 150, EUR, 2024-01-31, 2024-03-01, voluntary, 2024-02-10
                s3, A, pro, 80, EUR, 2024-03-10, , ,
                s4, B, pro, 100, EUR, 2023-01-01, 2024-01-31, superseded,
                s5, B, pro, 120, USD, 2024-01-31, , ,
            """,
        },
        Settings(history=HistorySettings(recording_lag_days=0)),
    )
    days = ["2024-01-01", "2024-01-02", "2024-01-31", "2024-02-10", "2024-02-11", "2024-01-02", "2024-01-01"]
    asked = pd.DataFrame({"account_id": list("AAAAABC"), "as_of": pd.to_datetime(days)})
    mrr, later = later_mrr(history, asked, (30, 60), dt.date(2024, 6, 1))
    assert mrr.tolist() == pytest.approx([100, 100, 100, 150, 150, 100, math.nan], nan_ok=True)
    # 30 days from 1 January end with the 30th, the day before the rise; 60 days from 2 January are over on 1 March.
    assert later[:, 0].tolist() == pytest.approx([100, 150, 150, 80, 80, math.nan, 0], nan_ok=True)
    assert later[:, 1].tolist() == pytest.approx([150, 0, 80, 80, 80, math.nan, 0], nan_ok=True)
    notice = notice_days(history, asked, dt.date(2024, 6, 1)).tolist()
    assert notice == pytest.approx([40, 39, 10, 0, math.nan, math.nan, math.nan], nan_ok=True)
    assert np.isnan(later_mrr(history, asked, (30,), dt.date(2024, 1, 30))[1][0])
