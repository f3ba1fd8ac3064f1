"""Renewals: months that sum to the total, an expectation and a range that an enumeration bears out."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from success.renewals import Renewals, renewals, revenue_range
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import check, check_all


def enumerated(mrr: list[float], likelihood: list[float]) -> list[tuple[float, float]]:
    """Every outcome of the sum with its probability, ascending."""
    found = []
    for renews in itertools.product((False, True), repeat=len(mrr)):
        chance = math.prod(p if yes else 1 - p for p, yes in zip(likelihood, renews, strict=True))
        found.append((math.fsum(m for m, yes in zip(mrr, renews, strict=True) if yes), chance))
    return sorted(found)


accounts = st.lists(st.tuples(st.floats(1, 1e5), st.floats(0, 1)), min_size=1, max_size=9)


@settings(max_examples=150, deadline=None)
@given(accounts, st.sampled_from([0.5, 0.8, 0.95]))
def test_the_range_is_the_shortest_between_the_quantiles(told: list[tuple[float, float]], share: float) -> None:
    mrr, likelihood = [m for m, _ in told], [p for _, p in told]
    low, high = revenue_range(np.array(mrr), np.array(likelihood), share)
    outcomes, near, tail = enumerated(mrr, likelihood), sum(mrr) / 2000 * len(mrr), (1 - share) / 2
    eps = 1e-9
    # Below the low end lies less than a tail, above the high end too, but for what the grid rounds.
    assert sum(p for x, p in outcomes if x < low - near) <= tail + eps
    assert sum(p for x, p in outcomes if x > high + near) <= tail + eps
    # And neither end can be moved inwards.
    assert sum(p for x, p in outcomes if x <= low + near) >= tail - eps
    assert sum(p for x, p in outcomes if x >= high - near) >= tail - eps


def test_the_range_of_many_accounts_is_that_of_a_normal_distribution() -> None:
    rng = np.random.default_rng(1)
    mrr, p = rng.lognormal(6, 1, 1500), rng.uniform(0.5, 1, 1500)
    sd = math.sqrt((mrr**2 * p * (1 - p)).sum())
    low, high = revenue_range(mrr, p)
    assert low == pytest.approx((mrr * p).sum() - 1.2816 * sd, abs=0.08 * sd)
    assert high == pytest.approx((mrr * p).sum() + 1.2816 * sd, abs=0.08 * sd)


def test_sure_accounts_have_no_range() -> None:
    assert revenue_range(np.array([10.0, 20.0, 5.0]), np.array([1.0, 0.0, 1.0])) == (15, 15)
    assert revenue_range(np.array([]), np.array([])) == (0, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 10_000), st.booleans())
def test_months_and_what_is_kept_apart_sum_to_everyone_who_pays(n: int, seed: int, by_rules: bool) -> None:
    book = (make_rule_book if by_rules else make_book)(n, seed)
    told = renewals(book)
    paying = book[(book["mrr"] > 0) & (book["status"] != "churned")]
    assert sorted(told.accounts["account_id"]) == sorted(paying["account_id"])
    parts = [told.months["accounts"].sum(), told.monthly_terms["accounts"], told.without_date["accounts"]]
    assert sum(parts) == len(paying)
    apart = told.monthly_terms["mrr"] + told.without_date["mrr"]
    assert told.months["mrr"].sum() + apart == pytest.approx(paying["mrr"].sum())
    for month in told.months.to_dict("records"):
        of = told.rows(month["month"])
        assert {f"{day:%Y-%m}" for day in of["renews_on"]} == {month["month"]}
        known = of[of["likelihood"].notna()]
        expected = math.fsum(known["mrr"] * known["likelihood"])
        if math.isnan(month["expected_mrr"]):
            assert not (of["status"] != "notice_given").to_numpy()[of["likelihood"].notna().to_numpy()].any()
        else:
            assert month["expected_mrr"] == pytest.approx(expected)
            assert 0 <= month["low"] <= month["high"] <= known["mrr"].sum() + 1e-6
        assert month["known"] + month["notice_given"] + month["unknown"] == month["accounts"] == len(of)
    assert told.months["month"].is_monotonic_increasing
    check_all(told.months["sentence"].tolist() + told.to_json()["notes"])


def one(**columns: Any) -> Renewals:
    plain = {"status": "ok", "mrr": 100.0, "renews_on": dt.date(2026, 3, 14), "renewal_next": 0.95,
             "f_term_months": 12.0}  # fmt: skip
    return renewals(make_book(2, 0, **{**plain, **columns}))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({}, "2 accounts are up for renewal with 200 a month: 190 is expected, and four times in five it is 200."),
        (
            {"mrr": [100.0, 0.0], "renewal_next": 1.0},
            "1 account is up for renewal with 100 a month: 100 is expected.",
        ),
        (
            {"renewal_next": [0.5, None]},
            "2 accounts are up for renewal with 200 a month: 50 is expected, and four times in five it is 0 to 100, "
            "apart from 1 account of unknown likelihood with 100 a month.",
        ),
        (
            {"renewal_next": None},
            "2 accounts are up for renewal with 200 a month; how likely they are to renew is not known.",
        ),
        (
            {"renewal_next": None, "mrr": [100.0, 0.0]},
            "1 account is up for renewal with 100 a month; how likely it is to renew is not known.",
        ),
        (
            {"renewal_next": None, "status": ["notice_given", "ok"]},
            "2 accounts are up for renewal with 200 a month; how likely those without a notice are to renew is not "
            "known.",
        ),
        (
            {"status": "notice_given"},
            "2 accounts are up for renewal with 200 a month: 0 is expected.",
        ),
    ],
)
def test_a_month_in_one_sentence(columns: dict[str, Any], sentence: str) -> None:
    told = one(**columns).months["sentence"].tolist()
    assert told == [sentence]
    check(told[0])


def test_notices_count_as_up_and_bring_nothing() -> None:
    told = one(status=["notice_given", "ok"], renewal_next=[0.9, 0.9])
    month = told.months.iloc[0]
    assert (month["accounts"], month["notice_given"], month["notice_mrr"]) == (2, 1, 100)
    assert month["expected_mrr"] == pytest.approx(90)
    assert told.to_json()["notes"] == [
        "1 account that gave notice is up and expected to bring nothing; how often a notice is withdrawn is not known "
        "here."
    ]


def test_monthly_terms_are_kept_apart() -> None:
    told = one(f_term_months=[1.0, 12.0], renewal_next=[0.9, 0.5])
    assert told.monthly_terms == {"accounts": 1, "mrr": 100.0, "known": 1, "expected_mrr": 90.0}
    assert told.months["accounts"].tolist() == [1]
    assert told.to_json()["notes"] == ["1 account renews every month and is kept apart."]


def test_the_accounts_of_a_month_carry_driver_and_play() -> None:
    told = renewals(make_book(300, 3))
    month = told.months["month"].iloc[2]
    rows = told.to_json(month, count=3)["accounts"]
    assert len(rows) == 3
    assert {row["month"] for row in rows} == {month}
    assert all({"likelihood", "health", "driver", "play"} <= set(row) for row in rows)
    assert any(row["driver"] for row in rows)
    assert told.to_json()["accounts"] == []
    assert isinstance(told.months, pd.DataFrame)
