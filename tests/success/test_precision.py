"""Precision of call lists by what people said of the accounts on them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from success.precision import ENOUGH, precision, wilson
from tests.success.sentences import check_all

DAY = dt.date(2026, 1, 5)


def listed(n: int, csm: str | None = "c", days: int = 1) -> pd.DataFrame:
    rows = [(DAY - dt.timedelta(days=d), f"{csm}{i}", csm) for d in range(days) for i in range(n)]
    return pd.DataFrame(rows, columns=["as_of", "account_id", "csm_id"])


def said(account: str, verdict: str, day: dt.date = DAY) -> dict[str, Any]:
    return {"account_id": account, "verdict": verdict, "as_of": day, "csm_id": None}


@given(st.integers(1, 500), st.data())
def test_the_interval_is_wilsons(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    oracle = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson(right, n) == pytest.approx((oracle.low, oracle.high), abs=1e-6)


def test_all_but_disagreement_counts_as_right() -> None:
    verdicts = ["handled"] * 7 + ["not_savable"] * 2 + ["disagree"] * 3
    told = precision([said(f"c{i}", v) for i, v in enumerate(verdicts)], listed(20))
    row = told.rows.iloc[0]
    assert (row["listed"], row["judged"], row["agreed"], row["disagreed"]) == (20, 12, 9, 3)
    assert row["precision"] == 0.75
    assert row["low"] < 0.75 < row["high"]
    assert row["sentence"].startswith("12 of 20 listed accounts were judged, 75 % of those as rightly listed")
    check_all(told.rows["sentence"].tolist())


def test_too_few_judgements_conclude_nothing() -> None:
    told = precision([said(f"c{i}", "handled") for i in range(ENOUGH - 1)], listed(20)).rows.iloc[0]
    assert told["judged"] == 9
    assert math.isnan(told["precision"])
    assert "too few to tell" in told["sentence"]
    enough = precision([said(f"c{i}", "handled") for i in range(ENOUGH)], listed(20)).rows.iloc[0]
    assert enough["precision"] == 1


def test_an_account_counts_once_by_the_newest_word_of_a_day_on_which_it_was_listed() -> None:
    words = [said("c1", "disagree"), said("c1", "handled", DAY - dt.timedelta(days=1)), said("c2", "handled"),
             said("c2", "disagree"), said("c3", "handled", DAY - dt.timedelta(9)), said("x", "disagree")]  # fmt: skip
    told = precision(words, listed(5, days=2))
    row = told.rows.iloc[0]
    assert (row["listed"], row["judged"], row["agreed"]) == (5, 2, 1)
    assert told.left_out == {"not_listed": 2}
    check_all(told.rows["sentence"].tolist() + list(told.notes))


def test_each_csm_has_a_row_and_everyone_together() -> None:
    lists = pd.concat([listed(3, "b"), listed(2, None), listed(1, "a")])
    told = precision([said("None0", "disagree"), said("a0", "handled")], lists)
    assert told.rows["csm_id"].tolist() == ["a", "b", None]
    assert told.rows["judged"].tolist() == [1, 0, 1]
    assert told.extra["overall"]["listed"] == 6
    sentences = told.rows["sentence"].tolist()
    assert sentences == [
        "1 of 1 listed account was judged, as rightly listed: too few to tell, 10 are needed.",
        "None of 3 listed accounts has been judged yet.",
        "1 of 2 listed accounts was judged, as wrongly listed: too few to tell, 10 are needed.",
    ]
    check_all([*sentences, told.extra["overall"]["sentence"]])
    check_all(precision([], listed(1)).rows["sentence"].tolist())
    assert precision([], listed(0)).extra["overall"]["sentence"] == "No account was listed."
