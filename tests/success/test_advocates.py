"""Advocates: healthy promoters that may be asked, those who rest, and why them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.settings import Settings
from success.advocates import advocates
from tests.success.books import AS_OF, make_book
from tests.success.sentences import check, check_all

WANTED = Settings()


def one(**columns: Any) -> pd.DataFrame:
    glad = {"status": "ok", "mrr": 1000.0, "churn_90d": 0.02, "health": 70.0, "band": "green", "f_nps_latest": 9.0,
            "f_nps_mean_180d": 9.5, "f_advocacy_365d": 0.0}  # fmt: skip
    return make_book(1, 0, **{**glad, **columns})


def test_a_healthy_promoter_that_was_left_in_peace_is_asked() -> None:
    row = advocates(one(), WANTED).rows.iloc[0]
    assert row["why"] == (
        "Answers to the recommendation question come to 9 of 10, health is 70 and it gave no recommendation in the "
        "last 365 days."
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"f_nps_latest": 8.0},
        {"f_nps_mean_180d": 8.5},
        {"f_nps_latest": None, "f_nps_mean_180d": None},
        {"health": 59.4},
        {"f_advocacy_365d": 1.0},
        {"band": "red"},
        {"churn_90d": 0.2},
        {"status": "notice_given"},
        {"mrr": 0.0},
    ],
)
def test_anything_else_leaves_an_account_out(columns: dict[str, Any]) -> None:
    assert advocates(one(**columns), WANTED).rows.empty


@pytest.mark.parametrize(("days", "asked"), [(179, False), (180, True), (0, False)])
def test_rest_is_counted_from_the_last_act_where_it_is_known(days: int, asked: bool) -> None:
    acts = {"a00000": AS_OF - dt.timedelta(days=days)}
    book = one(f_advocacy_365d=1.0, advocated_on=acts["a00000"])
    told = advocates(book.drop(columns="advocated_on"), WANTED, acts)
    pd.testing.assert_frame_equal(advocates(book, WANTED).rows, told.rows)  # the book says so too
    assert len(told.rows) == asked
    assert told.left_out["resting"] == (not asked)
    check_all(told.rows["why"].tolist() + list(told.notes))
    if asked:
        assert told.rows["why"].iloc[0].endswith("its last recommendation was 180 days ago.")


def test_unknown_advocacy_is_said() -> None:
    why = advocates(one(f_advocacy_365d=None), WANTED).rows["why"].iloc[0]
    assert why.endswith("whether it gave a recommendation before is not on record.")
    check(why)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 10_000))
def test_the_best_answers_come_first_then_the_best_health(n: int, seed: int) -> None:
    told = advocates(make_book(n, seed), WANTED)
    order = list(zip(-told.rows["nps"], -told.rows["health"], strict=True))
    assert order == sorted(order)
    assert told.rows["account_id"].is_unique
    check_all(told.rows["why"].tolist() + list(told.notes))
