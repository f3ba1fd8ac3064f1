"""The matrix of risk against value: four quadrants that partition the accounts, thresholds as set."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.practice import CallSettings
from features.settings import Settings
from success.matrix import QUADRANTS, high_risk, matrix, quadrants, value_threshold
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import check_all

WANTED = Settings()


def wanted(**calls: float) -> Settings:
    return dataclasses.replace(WANTED, calls=CallSettings(**calls))  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10_000), st.floats(0.5, 4), st.floats(0, 2000))
def test_every_account_stands_in_one_quadrant_by_its_risk_and_value(
    n: int, seed: int, times: float, least: float
) -> None:
    book, asked = make_book(n, seed), wanted(high_risk=times, high_value=least)
    placed, told = quadrants(book, asked), matrix(book, asked)
    assert placed["account_id"].is_unique
    paying = book[book["status"] == "ok"]
    assert set(placed["account_id"]) == set(paying["account_id"])
    expected = {}
    for row in paying.to_dict("records"):
        risky = row["churn_90d"] >= times * row["typical_90d"] or row["band"] == "red"
        dear = row["mrr"] >= least
        expected[row["account_id"]] = {(True, True): "call_now", (True, False): "automated_play",
                                       (False, True): "grow", (False, False): "leave_alone"}[risky, dear]  # fmt: skip
    assert dict(zip(placed["account_id"], placed["quadrant"], strict=True)) == expected
    assert told.rows["quadrant"].tolist() == list(QUADRANTS)
    assert told.rows["accounts"].sum() + sum(told.left_out.values()) == n
    assert math.isclose(told.rows["mrr"].sum(), paying["mrr"].sum(), abs_tol=1e-6)
    check_all(told.rows["sentence"].tolist() + list(told.notes))


def test_value_is_high_from_the_median_of_the_paying_accounts_unless_it_is_set() -> None:
    book = make_book(4, 0, status="ok", mrr=[0.0, 100.0, 300.0, 800.0])
    assert value_threshold(book, WANTED) == 300
    assert value_threshold(book, wanted(high_value=50)) == 50
    assert value_threshold(book.iloc[:1], WANTED) == math.inf
    part = quadrants(book.iloc[3:], WANTED, threshold=900)
    assert part["quadrant"].isin(("automated_play", "leave_alone")).all()


def test_a_strategic_account_counts_by_its_weight() -> None:
    book = make_book(2, 0, status="ok", mrr=100.0, f_strategic=[1.0, 0.0], churn_90d=0.01, band="green")
    found = quadrants(book, wanted(high_value=200, strategic_weight=2)).set_index("account_id")["quadrant"]
    assert found.tolist() == ["grow", "leave_alone"]


def test_the_worst_band_alone_is_a_high_risk() -> None:
    book = make_book(3, 0, status="ok", churn_90d=0.01, band=["red", "yellow", None], health=[45.0, 20.0, 20.0])
    # The stored band holds; where there is none, the one that the health falls into.
    assert high_risk(book, WANTED).tolist() == [True, False, True]


def test_without_a_model_the_band_says_who_is_at_risk() -> None:
    book = make_rule_book(200, 1)
    placed = quadrants(book, WANTED)
    assert len(placed) == book["health"].notna().sum()
    risky = placed["quadrant"].isin(("call_now", "automated_play"))
    assert (risky == (placed["band"] == "red")).all()
    assert risky.any()
    assert matrix(book, WANTED).rows["mrr_at_risk"].isna().all()


def test_unknown_revenue_is_counted_apart() -> None:
    book = make_book(2, 0, status="ok", mrr=[np.nan, 10.0])
    told = matrix(book, WANTED)
    assert (told.left_out["without_revenue"], told.rows["accounts"].sum()) == (1, 1)
    check_all(told.rows["sentence"].tolist())
