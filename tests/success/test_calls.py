"""Whom to call: money at risk beyond the usual, each CSM's capacity, who is elsewhere, and sentences that say so."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import CATALOGUE
from features.plays import Plays
from features.practice import CallSettings, HealthSettings
from success.calls import (
    NOT_ON_RECORD,
    billing,
    calls,
    listed,
    lowest_health,
)
from success.leaving import leaving
from success.levers import is_fine
from tests.success.books import AS_OF, make_book, make_rule_book
from tests.success.sentences import amount, check, check_all

BOOK = make_book(300, 7)
WANTED = CallSettings()
QUICK = settings(max_examples=25, deadline=None)


def by_hand(book: pd.DataFrame, wanted: CallSettings, capacity: int, snoozed: set[str]) -> list[tuple[Any, ...]]:
    """(csm, rank, account) of the call list, account by account in plain Python."""
    stakes: dict[Any, list[tuple[float, str]]] = {}
    for row in book.to_dict("records"):
        if row["status"] not in ("ok", "stale") or not row["mrr"] > 0 or row["account_id"] in snoozed:
            continue
        value = row["mrr"] * (wanted.strategic_weight if row["f_strategic"] == 1 else 1)
        excess = value * (row["churn_90d"] - row["typical_90d"])
        well = (row["band"] == "green") and row["churn_90d"] < wanted.high_risk * row["typical_90d"]
        if excess >= 1 and not well and row["involuntary_90d"] / row["churn_90d"] <= wanted.involuntary_share:
            stakes.setdefault(row["csm_id"], []).append((-excess, row["account_id"]))
    order = sorted(stakes, key=lambda csm: (csm is None, csm or ""))
    return [(csm, n + 1, account) for csm in order for n, (_, account) in enumerate(sorted(stakes[csm])[:capacity])]


@QUICK
@given(
    st.integers(0, 60),
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.floats(0.1, 5),
    st.floats(0, 1),
    st.sets(st.integers(0, 60)),
)
def test_the_list_is_that_of_plain_arithmetic(
    n: int, seed: int, capacity: int, weight: float, share: float, away: set[int]
) -> None:
    book, snoozed = make_book(n, seed), {f"a{i:05d}" for i in away}
    wanted = CallSettings(strategic_weight=weight, involuntary_share=share)
    found = calls(book, wanted, capacity, snoozed).rows
    assert list(zip(found["csm_id"], found["rank"], found["account_id"], strict=True)) == by_hand(
        book, wanted, capacity, snoozed
    )
    assert not set(found["account_id"]) & snoozed
    assert found["account_id"].is_unique
    assert max(Counter(found["csm_id"]).values(), default=0) <= capacity
    check_all(found["why"].tolist() + found["contact"].tolist())


def test_the_rank_is_by_the_number_that_the_sentence_says() -> None:
    found = calls(BOOK, WANTED, 300).rows
    for _, rows in found.groupby("csm_id", dropna=False):
        said = [amount("puts (AMOUNT) a month at risk beyond the usual", why) for why in rows["why"]]
        assert said == sorted(said, reverse=True)
        assert np.abs(np.array(said) - rows["at_stake"]).max() <= 0.5


def one(**columns: Any) -> pd.DataFrame:
    given_ = {"status": "ok", "mrr": 4200.0, "churn_90d": 0.33, "typical_90d": 0.08, "involuntary_90d": 0.01}
    return make_book(1, 0, **{**given_, "f_strategic": 0.0, "health": 30.0, "band": "red", **columns})


def test_the_sentence_says_money_odds_day_and_what_they_come_to() -> None:
    assert calls(one(), WANTED, 5).rows["why"].tolist() == [
        "4,200 a month at stake: about 1 in 3 accounts like this leave by 4 April 2026 against 1 in 12 usually, "
        "which puts 1,050 a month at risk beyond the usual."
    ]


def test_a_weighted_account_says_so() -> None:
    why = calls(one(f_strategic=1.0), CallSettings(strategic_weight=2.5), 5).rows["why"].iloc[0]
    assert why.startswith("4,200 a month at stake, counted 2.5-fold as strategic: ")
    assert amount("puts (AMOUNT) a month", why) == 2625


def test_odds_that_read_the_same_are_told_in_percent() -> None:
    why = calls(one(churn_90d=0.083, typical_90d=0.081), WANTED, 5).rows["why"].iloc[0]
    assert "8.3 % of accounts like this leave by 4 April 2026 against 8.1 % usually" in why
    check(why)


def test_ties_go_by_account() -> None:
    book = make_book(5, 0, status="ok", mrr=100.0, churn_90d=0.5, typical_90d=0.1, involuntary_90d=0.0, csm_id="c",
                     f_strategic=0.0, health=30.0, band="red")  # fmt: skip
    assert calls(book.iloc[::-1], WANTED, 3).rows["account_id"].tolist() == ["a00000", "a00001", "a00002"]


def test_driver_and_play_are_of_what_can_be_acted_on() -> None:
    drivers = [
        {"feature": "days_to_renewal", "dimension": "contract", "sentence": "Soon", "actionable": False, "points": 0.3},
        {"feature": "nps_latest", "dimension": "sentiment", "sentence": "Glad", "actionable": True, "points": -0.2},
        {"feature": "overdue_amount", "dimension": "billing", "sentence": "Owes", "actionable": True, "points": 0.1},
    ]
    found = calls(one(top=json.dumps(drivers)), WANTED, 5, plays=Plays({"overdue": "Write to them"})).rows.iloc[0]
    assert (found["driver"], found["play"], found["driver_dimension"]) == ("Owes", "Write to them", "billing")
    found = calls(one(top=json.dumps(drivers[:2])), WANTED, 5).rows.iloc[0]
    assert (found["driver"], found["play"]) == ("Soon", None)
    assert calls(one(top="not JSON"), WANTED, 5).rows["driver"].tolist() == [None]


def test_mainly_involuntary_risk_goes_to_billing_alone() -> None:
    book = make_book(300, 7, involuntary_90d=BOOK["churn_90d"] * np.where(np.arange(300) % 3, 0.5, 0.6),
                     health=30.0, band="red")  # fmt: skip
    ours, theirs = calls(book, WANTED, 300).rows, billing(book, WANTED).rows
    both = pd.concat([ours, theirs])
    stake = (book["churn_90d"] - book["typical_90d"]) * book["mrr"]
    excess = (stake >= 1) | ((stake > 0) & (np.arange(300) % 3 == 0))  # a letter costs less than a call
    assert set(both["account_id"]) == set(book.loc[excess, "account_id"])
    assert both["account_id"].is_unique
    assert set(theirs["account_id"]) == set(book.loc[excess & (np.arange(300) % 3 == 0), "account_id"])
    assert theirs["at_stake"].is_monotonic_decreasing
    assert theirs["rank"].tolist() == list(range(1, len(theirs) + 1))
    assert all("(60 % of them because payments fail)" in why for why in theirs["why"])
    check_all(theirs["why"].tolist() + list(billing(book, WANTED).notes))


def test_who_is_left_out_is_counted() -> None:
    first = calls(BOOK, WANTED, 4).rows
    away = set(first["account_id"].head(3)) | {"somebody else"}
    told = calls(BOOK, WANTED, 4, away)
    everybody = calls(BOOK, WANTED, 300).rows
    assert told.left_out["snoozed"] == 3
    assert told.left_out["snoozed"] + told.left_out["beyond_capacity"] + len(told.rows) == len(everybody)
    assert told.left_out["billing"] == len(billing(BOOK, WANTED).rows)
    assert told.left_out["notice_given"] == (BOOK["status"] == "notice_given").sum() > 0
    assert told.notes == ("3 accounts are snoozed and left out.",)
    check_all(list(calls(BOOK, WANTED, 4, set(first["account_id"].head(1))).notes))


def test_the_healthy_are_not_called_unless_their_risk_is_high_nor_those_with_little_at_stake() -> None:
    well = {"health": 60.0, "band": "green"}
    for columns, reason in (
        ({**well, "churn_90d": 0.159}, "healthy"),
        ({**well, "churn_90d": 0.161}, None),
        ({"churn_90d": 0.081, "mrr": 999.0}, "little_at_stake"),
        ({"churn_90d": 0.081, "mrr": 1001.0}, None),
    ):
        told = calls(one(**columns), WANTED, 5)
        assert len(told.rows) == (reason is None)
        assert {name for name, n in told.left_out.items() if n} == ({reason} if reason else set())
        assert len(listed(one(**columns), None, WANTED, 5)) == len(told.rows)
    bands = HealthSettings(bands=("low", "high"), edges=(70.0,))
    assert len(calls(one(health=60.0, band="low", churn_90d=0.1), WANTED, 5, health=bands).rows) == 1


def driver(feature: str, points: float, value: float | None, usual: float | None = None, **more: Any) -> dict[str, Any]:
    peer = None if usual is None else {"value": usual}
    told = {"feature": feature, "dimension": CATALOGUE[feature].dimension, "sentence": feature, "actionable": True}
    return {**told, "points": points, "value": value, "peer": peer, **more}


def test_a_driver_in_which_nothing_is_to_be_mended_is_no_lever() -> None:
    owes = driver("overdue_amount", 0.1, 40.0, 0.0)
    fine = [driver("nps_latest", 0.3, 9.0, 8.0), driver("overdue_amount", 0.3, 0.0, 0.0), driver("seats", 0.3, None)]
    for other in fine:
        assert is_fine(other)
        found = calls(one(top=json.dumps([other, owes])), WANTED, 5).rows.iloc[0]
        assert found["driver"] == "overdue_amount"
        assert found["play"] == Plays().play_for("overdue", "billing")
        alone = calls(one(top=json.dumps([other])), WANTED, 5).rows.iloc[0]
        assert (alone["driver"], alone["play"]) == (other["feature"], None)
    assert not is_fine(owes)


def test_nobody_asks_what_has_changed_where_use_did_not_fall() -> None:
    use = [driver("events_28d", 0.3, 45.0, 204.0), driver("tickets_open", 0.1, 3.0, 1.0)]
    for change, wanted in ((0.05, "tickets_open"), (-0.05, "events_28d")):
        book = one(top=json.dumps(use), f_events_change=change)
        assert calls(book, WANTED, 5).rows["driver"].tolist() == [wanted]


def test_billing_is_told_of_what_is_billings() -> None:
    drivers = [driver("tickets_open", 0.3, 5.0, 1.0), driver("failed_payments_90d", 0.1, 2.0, 0.0)]
    book = one(top=json.dumps(drivers), involuntary_90d=0.3)
    assert billing(book, WANTED).rows["driver"].tolist() == ["failed_payments_90d"]
    assert billing(book.assign(top=json.dumps(drivers[:1])), WANTED).rows["driver"].tolist() == ["tickets_open"]


def test_where_no_contact_is_on_record_nobody_is_said_to_be_left_alone() -> None:
    silent = one(f_days_since_two_way_contact=None)
    assert calls(silent, WANTED, 5).rows["contact"].tolist() == [NOT_ON_RECORD]
    assert calls(silent, WANTED, 5, contacts=True).rows["contact"].tolist() == ["It was never spoken with, both ways."]
    check_all([NOT_ON_RECORD, "It was never spoken with, both ways."])


def test_who_gave_notice_stands_in_a_list_of_their_own() -> None:
    rows = leaving(BOOK).rows
    assert set(rows["account_id"]) == set(BOOK.loc[BOOK["status"] == "notice_given", "account_id"])
    assert rows["ends_on"].is_monotonic_increasing
    assert not set(rows["account_id"]) & set(calls(BOOK, WANTED, 300).rows["account_id"])
    check_all(rows["sentence"].tolist() + list(leaving(BOOK).notes))
    told = leaving(one(status="notice_given", renews_on=None, mrr=float("nan")))
    check_all(told.rows["sentence"].tolist() + list(told.notes))


def test_where_there_is_no_probability_low_health_and_revenue_rank() -> None:
    book = make_rule_book(200, 3)
    found = calls(book, WANTED, 200).rows
    assert set(found["by"]) == {"rules"}
    shown = np.round(np.clip(book.set_index("account_id").loc[found["account_id"], "rule_health"].to_numpy(), 0, 100))
    assert found["health"].to_numpy() == pytest.approx(shown)
    assert found["at_stake"].to_numpy() == pytest.approx(found["mrr"] * (100 - shown) / 100)
    assert shown.max() < 55, "nobody in the best band"
    for _, rows in found.groupby("csm_id", dropna=False):
        said = [amount("ranks it by (AMOUNT),", why) for why in rows["why"]]
        assert said == sorted(said, reverse=True)
    check_all(found["why"].tolist())
    check_all(list(calls(book, WANTED, 5).notes))
    scores = [{"name": "tickets", "feature": "tickets_open", "score": 20, "weight": 3, "value": 4},
              {"name": "bills", "feature": "overdue_invoices", "score": 60, "weight": 9, "value": 1}]  # fmt: skip
    told = calls(make_rule_book(9, 3, rule_scores=json.dumps(scores)), WANTED, 9).rows.iloc[0]
    assert told["driver"] == 'The rule "bills" gives 60 of 100'  # 9 x 40 costs more than 3 x 80
    assert told["play"] == Plays().play_for("overdue", "billing")


def test_days_on_the_list_come_from_the_day_it_was_first_on_it() -> None:
    found = calls(one(listed_since=AS_OF - dt.timedelta(days=9)), WANTED, 5).rows
    assert found["days_listed"].tolist() == [9]
    assert calls(one(), WANTED, 5).rows["days_listed"].isna().all()
    assert calls(one(f_days_since_two_way_contact=1.0), WANTED, 5).rows["contact"].tolist() == [
        "Last spoke both ways 1 day ago."
    ]


def test_listed_since_holds_without_a_gap() -> None:
    first = listed(BOOK, None, WANTED, 5)
    assert first[["account_id", "list_rank"]].sort_values("account_id").to_dict("list") == (
        calls(BOOK, WANTED, 5)
        .rows[["account_id", "rank"]]
        .rename(columns={"rank": "list_rank"})
        .sort_values("account_id")
        .to_dict("list")
    )
    assert set(first["listed_since"]) == {AS_OF}
    kept, gone = first["account_id"].iloc[:4].tolist(), first["account_id"].iloc[4]
    since = dt.date(2025, 12, 1)
    previous = pd.DataFrame({"account_id": [*kept, gone, "not now"], "listed_since": [since] * 4 + [None, since]})
    second = listed(BOOK, previous, WANTED, 5).set_index("account_id")["listed_since"]
    assert set(second[kept]) == {since}
    assert set(second.drop(kept)) == {AS_OF}
    assert "not now" not in second.index
    old = listed(BOOK, BOOK[["account_id"]], WANTED, 5)  # a day that an earlier version scored
    assert set(old["listed_since"]) == {AS_OF}


def test_the_lowest_health_comes_first_and_of_equals_the_larger() -> None:
    rows = [("well", 80, 10.0), ("ill", 10, 5.0), ("ill, large", 10, 9.0), ("unknown", None, 9.0), ("free", 1, 0.0)]
    table = pd.DataFrame(rows, columns=["account_id", "health", "mrr"])
    assert lowest_health(table)["account_id"].tolist() == ["ill, large", "ill", "well"]
    assert lowest_health(table, count=1)["account_id"].tolist() == ["ill, large"]
