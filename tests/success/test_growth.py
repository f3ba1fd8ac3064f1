"""Growth: signals that make a kind, nobody at risk, order by revenue times the odds that the sentence says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.settings import Settings
from success.growth import WELL_ABOVE, growth
from success.matrix import high_risk
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import amount, check, check_all

WANTED = Settings()
QUIET = {
    "f_limit_used_share_30d": 0.1,
    "f_seats_used_share": 0.2,
    "f_new_users_90d": 0.0,
    "f_new_departments_180d": 0.0,
}


def one(**columns: Any) -> pd.DataFrame:
    well = {"status": "ok", "mrr": 1000.0, "churn_90d": 0.02, "health": 70.0, "band": "green", "expansion_90d": 0.1,
            "expansion_typical_90d": 0.09, "stage": "adoption", "f_tenure_days": 400.0}  # fmt: skip
    return make_book(1, 0, **{**well, **QUIET, **columns})


@pytest.mark.parametrize(
    ("signals", "kind", "said"),
    [
        ({"f_limit_used_share_30d": 0.8}, "upsell", "it used 80 % of a monthly limit in the last 30 days"),
        ({"f_seats_used_share": 0.9}, "upsell", "90 % of its seats are in use"),
        ({"f_new_users_90d": 3.0}, "upsell", "it added 3 users in 90 days"),
        ({"f_new_departments_180d": 1.0}, "cross_sell", "its users come from 1 more department than 180 days ago"),
        (
            {"f_new_departments_180d": 2.0, "f_seats_used_share": 1.2},
            "upsell",
            "120 % of its seats are in use and its users come from 2 more departments than 180 days ago",
        ),
    ],
)
def test_each_signal_makes_a_kind_and_is_said(signals: dict[str, float], kind: str, said: str) -> None:
    row = growth(one(**signals), WANTED).rows.iloc[0]
    assert (row["kind"], row["signals"]) == (kind, len(signals))
    assert f"{said}; " in row["why"]
    check(row["why"])


@pytest.mark.parametrize(
    "signals", [{"f_limit_used_share_30d": 0.79}, {"f_seats_used_share": 0.89}, {"f_new_users_90d": 2.0}, {}]
)
def test_short_of_a_threshold_nobody_is_listed(signals: dict[str, float]) -> None:
    assert growth(one(**signals), WANTED).rows.empty


def test_without_a_signal_only_odds_well_above_the_usual_list_an_account() -> None:
    assert growth(one(expansion_90d=WELL_ABOVE * 0.09 - 0.001), WANTED).rows.empty
    row = growth(one(expansion_90d=WELL_ABOVE * 0.09), WANTED).rows.iloc[0]
    assert row["kind"] == "likely"
    assert row["why"] == (
        "No signal stands out, but about 1 in 6 accounts like this grow by 4 April 2026 against 1 in 12 usually, "
        "which ranks it by 180, the 1,000 a month that it pays times those odds."
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10_000))
def test_nobody_at_risk_is_listed_and_the_order_is_that_of_the_sentence(n: int, seed: int) -> None:
    book = make_book(n, seed)
    told = growth(book, WANTED)
    rows = told.rows
    assert rows["account_id"].is_unique
    assert told.total == len(rows)
    of = book.set_index("account_id").loc[rows["account_id"]]
    assert (of["churn_90d"] < 2 * of["typical_90d"]).all()
    assert not of["band"].eq("red").any()
    assert (of["status"] == "ok").all()
    assert (np.round(of["health"]) >= 45).all()
    said = [amount("ranks it by (AMOUNT), the", why) for why in rows["why"]]
    assert said == sorted(said, reverse=True)
    assert rows["to_grow"].to_numpy() == pytest.approx((of["mrr"] * of["expansion_90d"]).to_numpy())
    check_all(rows["why"].tolist() + list(told.notes))


def test_accounts_at_risk_are_left_out_and_counted() -> None:
    book = make_book(300, 4, f_new_users_90d=5.0, health=50.0, band=None, mrr=10.0, status="ok", stage="adoption",
                     f_tenure_days=400.0)  # fmt: skip
    told = growth(book, WANTED)
    risky = high_risk(book, WANTED)
    assert told.left_out == {"at_risk": int(risky.sum()), "low_health": 0, "on_call_list": 0}
    assert len(told.rows) == 300 - risky.sum()
    check_all(list(told.notes))
    assert growth(one(f_new_users_90d=5.0, health=44.4, stage="adoption"), WANTED).left_out == {
        "at_risk": 0,
        "low_health": 1,
        "on_call_list": 0,
    }


def test_who_is_to_be_called_is_not_to_grow() -> None:
    told = growth(one(f_new_users_90d=5.0, list_rank=3.0), WANTED)
    assert told.rows.empty
    assert told.left_out["on_call_list"] == 1
    assert len(growth(one(f_new_users_90d=5.0), WANTED).rows) == 1


@pytest.mark.parametrize(("name", "days"), [("f_new_users_90d", 180), ("f_new_departments_180d", 180)])
def test_what_is_new_is_a_signal_only_of_accounts_that_were_there_before(name: str, days: int) -> None:
    for tenure, listed in ((days - 1, 0), (days, 1), (None, 0)):
        assert len(growth(one(**{name: 5.0, "f_tenure_days": tenure}), WANTED).rows) == listed


def test_without_a_model_of_expansion_revenue_orders_and_the_sentence_says_so() -> None:
    rows = growth(make_rule_book(300, 2), WANTED).rows
    assert len(rows) > 10
    assert rows["mrr"].is_monotonic_decreasing
    assert not rows["kind"].eq("likely").any()
    assert all(why.endswith("a month, and how likely it is to grow is not known.") for why in rows["why"])
    check_all(rows["why"].tolist())


def test_only_the_first_rows_are_told_of_all() -> None:
    book = make_book(300, 4)
    part, every = growth(book, WANTED, count=7), growth(book, WANTED)
    assert part.to_json()["total"] == len(every.rows) > 7
    pd.testing.assert_frame_equal(part.rows, every.rows.head(7))
