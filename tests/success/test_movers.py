"""Movers: the customer's own part of a week's change, the driver that moved, and what is left out and counted."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.settings import Settings
from success.movers import movers
from tests.success.books import make_book, make_rule_book
from tests.success.sentences import amount, check_all

WANTED = Settings()


def one(**columns: Any) -> pd.DataFrame:
    fell = {"status": "ok", "mrr": 1000.0, "churn_90d": 0.25, "health": 38.0, "health_7d": 50.0,
            "change_7d_customer": -12.0, "change_7d_other": 0.0, "band": "red"}  # fmt: skip
    return make_book(1, 0, **{**fell, **columns})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 10_000), st.integers(1, 12))
def test_the_largest_falls_and_rises_by_plain_sorting(n: int, seed: int, count: int) -> None:
    book = make_book(n, seed)
    told = movers(book, WANTED, count)
    rows = book[book["change_7d_customer"].notna()].to_dict("records")
    own = [
        r
        for r in rows
        if not (abs(r["change_7d_other"]) > abs(r["change_7d_customer"]) and abs(r["change_7d_other"]) >= 0.5)
    ]

    def shown(x: float) -> int:
        return round(min(max(x, 0), 100))

    still = [r for r in own if abs(r["change_7d_customer"]) >= 0.5
             and (shown(r["health"]) - shown(r["health_7d"])) * r["change_7d_customer"] <= 0]  # fmt: skip
    assert told.left_out["hardly_moved"] == len(still)
    mostly_other = len(rows) - len(own)
    own = [r for r in own if r not in still]
    change = {r["account_id"]: r["change_7d_customer"] for r in own}
    falls = sorted((c, a) for a, c in change.items() if c <= -0.5)[:count]
    rises = sorted((-c, a) for a, c in change.items() if c >= 0.5)[:count]
    assert told.rows["account_id"].tolist() == [a for _, a in falls] + [a for _, a in rises]
    assert told.rows["direction"].tolist() == ["fall"] * len(falls) + ["rise"] * len(rises)
    assert told.left_out["mostly_other"] == mostly_other
    assert told.rows["account_id"].is_unique
    said = [amount("(?:fell|rose) by (AMOUNT) point", sentence) for sentence in told.rows["sentence"]]
    assert np.abs(np.array(said) - told.rows["change"].abs().to_numpy()).max(initial=0) <= 0.5
    check_all(told.rows["sentence"].tolist() + list(told.notes))


def test_the_sentence_names_what_moved_and_the_money() -> None:
    moved = [
        {"feature": "nps_latest", "dimension": "sentiment", "sentence": "Good", "points": 9.0, "actionable": True},
        {"feature": "overdue_amount", "dimension": "billing", "sentence": "The account owes 40", "points": -8.0,
         "sentence_before": "The account owes 0", "actionable": True},
    ]  # fmt: skip
    row = movers(one(moved=json.dumps(moved)), WANTED).rows.iloc[0]
    assert row["sentence"] == (
        "Health fell by 12 points since 29 December 2025 by what changed at the account and is 38; the account owes 40 "
        "(before: the account owes 0); 250 of 1,000 a month is at risk."
    )
    assert (row["driver_feature"], row["play"]) == ("overdue_amount", WANTED.plays.play_for("overdue", "billing"))
    rose = movers(one(moved=json.dumps(moved), change_7d_customer=1.0, health_7d=37.0), WANTED).rows.iloc[0]
    assert (rose["driver"], rose["play"]) == ("Good", None)


def test_edges_read_well() -> None:
    for columns in (
        {"change_7d_customer": -0.5},
        {"change_7d_customer": 1.2, "moved": None, "health_7d": 37.0},
        {"mrr": 0.0},
        {"mrr": None},
        {"churn_90d": None},
        {"health_7d_on": None},
        {"health_7d_on": dt.date(2025, 12, 28)},
        {"health": 140.0, "health_7d": 50.0, "change_7d_customer": 90.0},
    ):
        told = movers(one(**columns), WANTED)
        assert len(told.rows) == 1
        check_all(told.rows["sentence"].tolist())


def test_what_does_not_show_is_left_out_and_counted() -> None:
    for columns in ({"health_7d": 38.4}, {"health_7d": 37.0}, {"health": 120.0, "health_7d": 132.0}):
        told = movers(one(**columns), WANTED)
        assert (len(told.rows), told.left_out["hardly_moved"]) == (0, 1)


def test_a_driver_that_reads_the_other_way_is_not_named() -> None:
    failed = {"feature": "failed_payments_90d", "dimension": "billing", "sentence": "14 payments failed",
              "sentence_before": "13 payments failed", "points": 19.0, "actionable": True}  # fmt: skip
    rise = {"health": 51.0, "health_7d": 32.0, "change_7d_customer": 19.0}
    told = movers(one(moved=json.dumps([failed]), **rise), WANTED)
    assert (len(told.rows), told.left_out["unclear"]) == (0, 1)
    users = {**failed, "feature": "active_users_28d", "sentence": "31 people, against 20", "points": 2.0,
             "sentence_before": "30 people, against 20"}  # fmt: skip
    told = movers(one(moved=json.dumps([failed, users]), **rise), WANTED)
    assert told.rows["driver_feature"].tolist() == ["active_users_28d"]
    fewer = {**failed, "sentence": "12 payments failed"}
    assert movers(one(moved=json.dumps([fewer]), **rise), WANTED).rows["driver"].tolist() == ["12 payments failed"]


def test_changes_of_the_stage_the_data_or_the_model_are_left_out_and_counted() -> None:
    told = movers(one(change_7d_other=-13.0), WANTED)
    assert (len(told.rows), told.left_out["mostly_other"]) == (0, 1)
    assert told.notes == (
        "1 account whose health moved mostly because the stage, the data or the model changed is left out.",
    )
    assert len(movers(one(change_7d_other=-11.0), WANTED).rows) == 1
    assert len(movers(one(change_7d_customer=-0.4), WANTED).rows) == 0
    assert len(movers(one(status="churned"), WANTED).rows) == 0


def test_without_a_week_ago_it_says_so() -> None:
    told = movers(make_rule_book(20, 1), WANTED)
    assert told.rows.empty
    assert told.left_out["not_comparable"] > 0
    assert told.notes == ("No account has a health of last week to compare with.",)
