"""Disagreements of the model, the scorecard and the CSM's pulse: who differs from whom, by how much, who is darker."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from features.settings import Settings
from success.disagreements import PAIRS, disagreement_list, disagreements
from tests.success.books import AS_OF, make_book, make_rule_book
from tests.success.sentences import check_all

WANTED = Settings()


def one(model: float | None, rules: float | None, pulse: float | None, **columns: Any) -> pd.DataFrame:
    views = {"health": model, "rule_health": rules, "pulse": pulse, "status": "ok", "mrr": 500.0, "pulse_on": AS_OF}
    return make_book(1, 0, **{**views, **columns})


def band(x: float) -> int:
    return 0 if x < 40 else 1 if x < 55 else 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10_000), st.sampled_from([None, *PAIRS]))
def test_those_who_differ_by_plain_comparison(n: int, seed: int, pair: str | None) -> None:
    book = make_book(n, seed)
    told = disagreements(book, WANTED, pair)
    expected = set()
    for row in book.to_dict("records"):
        views = {"model": row["health"], "rules": row["rule_health"], "pulse": row["pulse"]}
        shown = {name: round(min(max(v, 0), 100)) for name, v in views.items() if v == v}
        for one_, other in [PAIRS[pair]] if pair else PAIRS.values():
            if one_ in shown and other in shown:
                a, b = shown[one_], shown[other]
                if abs(a - b) >= 25 or abs(band(a) - band(b)) >= 2:
                    expected.add(row["account_id"])
    rows = told.rows
    assert set(rows["account_id"]) == expected
    assert rows["account_id"].is_unique
    assert rows["mrr"].is_monotonic_decreasing
    for row in rows.to_dict("records"):
        one_, other = PAIRS[row["pair"]]
        brighter = other if row["pessimist"] == one_ else one_
        assert row[row["pessimist"]] <= row[brighter]
        assert row["difference"] == abs(row[one_] - row[other])
    check_all(rows["sentence"].tolist() + list(told.notes))


def test_two_bands_apart_differ_even_where_the_points_are_near() -> None:
    assert len(disagreement_list(one(39.4, 55.0, None), WANTED)) == 1
    assert disagreement_list(one(41.0, 64.0, None), WANTED).empty
    assert len(disagreement_list(one(41.0, 66.0, None), WANTED)) == 1


def test_the_largest_difference_speaks_and_the_pair_can_be_asked_for() -> None:
    book = one(20.0, 50.0, 75.0)
    row = disagreement_list(book, WANTED).iloc[0]
    assert (row["pair"], row["difference"], row["pairs"]) == ("model-pulse", 55, 3)
    assert row["sentence"] == "The model says 20 of 100 and the CSM 75; it pays 500 a month."
    assert disagreement_list(book, WANTED, "rules-pulse").iloc[0]["sentence"] == (
        "The scorecard says 50 of 100 and the CSM 75; it pays 500 a month."
    )
    with pytest.raises(TenureError, match="no pair"):
        disagreement_list(book, WANTED, "pulse-weather")


def test_an_old_pulse_is_marked_and_nothing_is_overwritten() -> None:
    for days, old in ((90, False), (91, True)):
        book = one(20.0, None, 75.0, pulse_on=AS_OF - dt.timedelta(days=days))
        before = book.copy()
        row = disagreement_list(book, WANTED).iloc[0]
        assert bool(row["pulse_old"]) == old
        assert ("though the CSM's view is 91 days old" in row["sentence"]) == old
        assert (row["model"], row["pulse"]) == (20, 75)
        pd.testing.assert_frame_equal(book, before)


def test_rule_based_health_is_the_view_of_the_rules() -> None:
    book = make_rule_book(300, 5)
    told = disagreements(book, WANTED)
    assert set(told.rows["pair"]) == {"rules-pulse"}
    assert told.rows["model"].isna().all()
    assert told.left_out["without_two_views"] == ((book["health"].notna()) & book["pulse"].isna()).sum()
    old = book.drop(columns="rule_health")  # a day that an earlier version scored by rules
    assert set(disagreement_list(old, WANTED)["account_id"]) == set(told.rows["account_id"])


def test_unknown_revenue_comes_last_and_is_said() -> None:
    book = make_book(2, 0, health=20.0, rule_health=90.0, pulse=None, status="ok", mrr=[None, 0.0])
    rows = disagreement_list(book, WANTED)
    assert rows["account_id"].tolist() == ["a00001", "a00000"]
    assert rows["sentence"].iloc[1].endswith("what it pays is not known.")
    check_all(rows["sentence"].tolist())
