"""Disagreements of the model, the scorecard and the CSM's pulse: who differs from whom, by how much, who is darker."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from features.settings import Settings
from success.disagreements import PAIRS, disagreements
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
    views = pd.DataFrame({"model": book["health"], "rules": book["rule_health"], "pulse": book["pulse"]})
    ours = book["status"].isin(["ok", "stale", "insufficient_data"]) if n else book["status"].isna()
    gaps = {}
    for name, (one_, other) in PAIRS.items():
        both = views[[one_, other]].where(ours, axis=0).dropna()
        if name == "model-pulse":
            a, b = (both[side].clip(0, 100).round() for side in (one_, other))
            far = (a.map(band) - b.map(band)).abs() >= 2
            gaps[name] = (a - b).abs()[far]
        else:  # the mean place of those with the same value, of 100
            a, b = (100 * (both[side].rank() - 0.5) / max(len(both), 1) for side in (one_, other))
            gaps[name] = (a - b).abs()[(a - b).abs() >= 40 - 1e-9]
    asked = [pair] if pair else list(PAIRS)
    expected = {book["account_id"][place] for name in asked for place in gaps[name].index}
    rows = told.rows
    assert set(rows["account_id"]) == expected
    assert rows["account_id"].is_unique
    assert rows["mrr"].is_monotonic_decreasing
    for row in rows.to_dict("records"):
        one_, other = PAIRS[row["pair"]]
        brighter = other if row["pessimist"] == one_ else one_
        place = book.index[book["account_id"] == row["account_id"]][0]
        assert row["difference"] == pytest.approx(gaps[row["pair"]][place])
        assert row["pair"] != "model-pulse" or row[row["pessimist"]] <= row[brighter]
    check_all(rows["sentence"].tolist() + list(told.notes))


def test_the_model_and_the_pulse_differ_by_two_bands() -> None:
    assert len(disagreements(one(39.4, None, 55.0), WANTED).rows) == 1
    assert disagreements(one(41.0, None, 100.0), WANTED).rows.empty


def test_another_level_of_the_rules_is_no_disagreement_but_another_order_is() -> None:
    health = np.linspace(20, 60, 11)
    book = make_book(11, 0, health=health, rule_health=health + 39, pulse=None, status="ok", mrr=500.0)
    assert disagreements(book, WANTED).rows.empty
    turned = book.assign(rule_health=book["rule_health"].to_numpy()[::-1])
    assert set(disagreements(turned, WANTED).rows["account_id"]) == {f"a{i:05d}" for i in (0, 1, 2, 8, 9, 10)}
    row = disagreements(turned.iloc[:1], WANTED, whole=turned).rows.iloc[0]
    assert row["sentence"] == (
        "The model sees it healthier than 5 % of accounts and the scorecard than 95 %; it pays 500 a month."
    )
    assert (row["pessimist"], round(row["difference"])) == ("model", 91)


def test_the_pair_can_be_asked_for() -> None:
    row = disagreements(one(20.0, 50.0, 75.0), WANTED).rows.iloc[0]
    assert (row["pair"], row["difference"], row["pairs"]) == ("model-pulse", 55, 1)
    assert row["sentence"] == "The model says 20 of 100 and the CSM 75; it pays 500 a month."
    assert disagreements(one(20.0, 50.0, 75.0), WANTED, "rules-pulse").rows.empty
    with pytest.raises(TenureError, match="no pair"):
        disagreements(one(20.0, 50.0, 75.0), WANTED, "pulse-weather")


def test_an_old_pulse_is_marked_and_nothing_is_overwritten() -> None:
    for days, old in ((90, False), (91, True)):
        book = one(20.0, None, 75.0, pulse_on=AS_OF - dt.timedelta(days=days))
        before = book.copy()
        row = disagreements(book, WANTED).rows.iloc[0]
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
    assert set(disagreements(old, WANTED).rows["account_id"]) == set(told.rows["account_id"])


def test_unknown_revenue_comes_last_and_is_said() -> None:
    book = make_book(2, 0, health=20.0, rule_health=None, pulse=90.0, status="ok", mrr=[None, 0.0])
    rows = disagreements(book, WANTED).rows
    assert rows["account_id"].tolist() == ["a00001", "a00000"]
    assert rows["sentence"].iloc[1].endswith("what it pays is not known.")
    check_all(rows["sentence"].tolist())
