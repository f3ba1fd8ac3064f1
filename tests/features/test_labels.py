"""Churn labels on one worked timeline and on the cases that decide them.

The timeline, with horizon 30, grace 30 and labels made on 2024-10-01:

    2024-01-01  s1 begins
    2024-03-01  s1 ends as superseded, s2 begins the same day: a change of terms, no churn
    2024-05-10  s2 ends as voluntary ...
    2024-05-25  ... but s3 begins 15 days later, inside the grace period: no churn
    2024-07-01  s3 ends as involuntary, and nothing begins before 2024-07-31: churn, dated 2024-07-01
    2024-08-15  s4 begins: a reactivation, which undoes nothing

A label at as_of covers [as_of, as_of + 30) and exists from as_of + 30 + 30 on, so up to as_of 2024-08-02.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from features.history import History
from features.labels import churn_days, churn_labels, label_wait, recording_lag
from features.settings import ChurnSettings, HistorySettings, Settings

Open = Callable[..., History]
KNOWN_ON = dt.date(2024, 10, 1)
REST = {
    "accounts": "account_id, created_on\nA, 2023-01-01\nB, 2023-01-01",
    "usage": "account_id, day, feature, events\nA, 2024-01-01, report, 1",
}
HEAD = "subscription_id, account_id, plan, mrr, started_on, ended_on, end_reason"
TIMELINE = f"""
{HEAD}
s1, A, pro, 10, 2024-01-01, 2024-03-01, superseded
s2, A, pro, 12, 2024-03-01, 2024-05-10, voluntary
s3, A, pro, 12, 2024-05-25, 2024-07-01, involuntary
s4, A, pro, 12, 2024-08-15, ,
"""


def _labels(history: History, *days: str, account: str = "A", horizon: int = 30, known_on: dt.date = KNOWN_ON) -> list:
    rows = pd.DataFrame({"account_id": account, "as_of": pd.to_datetime(list(days))})
    found = churn_labels(history, rows, horizon, known_on)
    return [None if pd.isna(v) else v for v in found["label"]]


@pytest.mark.parametrize(
    ("as_of", "label"),
    [
        ("2024-02-15", 0.0),  # only a change of terms ahead
        ("2024-04-20", 0.0),  # an end, and a return inside the grace period
        ("2024-06-01", 0.0),  # the churn is on the first day that the horizon leaves out
        ("2024-06-02", 1.0),  # ... and on the last that it holds
        ("2024-06-20", 1.0),
        ("2024-07-01", 1.0),  # on as_of itself
        ("2024-07-02", 0.0),  # behind
        ("2024-08-02", 0.0),  # 60 days before the labels are made: known
        ("2024-08-03", None),  # one day less: nobody can know
    ],
)
def test_the_worked_timeline(as_of: str, label: float | None, open_tables: Open) -> None:
    assert _labels(open_tables(REST | {"subscriptions": TIMELINE}), as_of) == [label]


def test_the_worked_timeline_says_when_and_how(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE})
    rows = pd.DataFrame({"account_id": ["A", "B", "A"], "as_of": pd.to_datetime(["2024-06-20"] * 2 + ["2024-01-02"])},
                        index=[7, 7, 3])  # fmt: skip
    found = churn_labels(history, rows, 30, KNOWN_ON)
    assert found["label"].tolist() == [1.0, 0.0, 0.0]
    assert found["churned_on"].tolist() == [pd.Timestamp(2024, 7, 1), pd.NaT, pd.NaT]
    assert found["involuntary"].tolist() == [True, False, False]
    assert found["involuntary"].dtype == bool
    assert found["label"].dtype == float


def test_a_label_waits_whichever_way_it_turned_out(open_tables: Open) -> None:
    """An early churner is no more known than the others, or the rate would be biased upwards."""
    history = open_tables(REST | {"subscriptions": TIMELINE})
    assert _labels(history, "2024-06-20", known_on=dt.date(2024, 8, 18)) == [None]
    assert _labels(history, "2024-06-20", known_on=dt.date(2024, 8, 19)) == [1.0]


def test_the_recording_lag_adds_to_the_wait(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE}, Settings(history=HistorySettings(recording_lag_days=4)))
    assert label_wait(history, 30, KNOWN_ON) == 64
    assert _labels(history, "2024-07-29", "2024-07-30") == [0.0, None]


CHURNS = {
    # subscriptions, churns as (day, involuntary)
    "an end": ("s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary", [("2024-05-10", False)]),
    "an end without a reason": ("s1, A, p, 1, 2024-01-01, 2024-05-10,", [("2024-05-10", False)]),
    "an involuntary end": ("s1, A, p, 1, 2024-01-01, 2024-05-10, involuntary", [("2024-05-10", True)]),
    "completed": ("s1, A, p, 1, 2024-01-01, 2024-05-10, completed", []),
    "merged": ("s1, A, p, 1, 2024-01-01, 2024-05-10, merged", []),
    "superseded by nothing": ("s1, A, p, 1, 2024-01-01, 2024-05-10, superseded", []),
    "back on the last day of grace": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-06-08, ,", []),
    "back on the first day after grace": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-06-09, ,", [("2024-05-10", False)]),
    "back on the day it ended": ("s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-05-10, ,", []),
    "back, and away again inside the grace": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-05-15, 2024-05-20, involuntary",
        [("2024-05-20", True)]),
    "two at once, one goes on": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-02-01, ,", []),
    "two at once, the last end counts": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-02-01, 2024-08-01, involuntary",
        [("2024-08-01", True)]),
    "two at once, the last is completed": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-02-01, 2024-08-01, completed", []),
    "two end on one day for different reasons": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-02-01, 2024-05-10, involuntary",
        [("2024-05-10", False)]),
    "gone twice": (
        "s1, A, p, 1, 2024-01-01, 2024-03-10, voluntary\ns2, A, p, 1, 2024-06-01, 2024-08-01, involuntary",
        [("2024-03-10", False), ("2024-08-01", True)]),
    "somebody else stays": ("s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, B, p, 1, 2024-01-01, ,",
                            [("2024-05-10", False)]),
    "an end still to come": ("s1, A, p, 1, 2024-01-01, 2024-10-01, voluntary", []),
}  # fmt: skip


@pytest.mark.parametrize("what", CHURNS)
def test_what_is_churn(what: str, open_tables: Open) -> None:
    rows, wanted = CHURNS[what]
    found = churn_days(open_tables(REST | {"subscriptions": f"{HEAD}\n{rows}"}), KNOWN_ON)
    assert [(str(d.date()), i) for d, i in zip(found["churned_on"], found["involuntary"], strict=True)] == wanted


def test_trials_neither_churn_nor_bring_back(open_tables: Open) -> None:
    subscriptions = f"""
    {HEAD}, trial
    s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary, false
    s2, A, p, 0, 2024-05-12, 2024-07-10, voluntary, true
    s3, B, p, 0, 2024-01-01, 2024-05-10, voluntary, true
    """
    found = churn_days(open_tables(REST | {"subscriptions": subscriptions}), KNOWN_ON)
    assert found[["account_id", "churned_on"]].values.tolist() == [["A", pd.Timestamp(2024, 5, 10)]]


def test_an_end_counts_once_it_is_recorded(open_tables: Open) -> None:
    subscriptions = f"{HEAD}, ended_on_recorded_at\ns1, A, p, 1, 2024-01-01, 2024-05-10, voluntary, 2024-06-20"
    history = open_tables(REST | {"subscriptions": subscriptions})
    assert len(churn_days(history, dt.date(2024, 6, 20))) == 0
    assert len(churn_days(history, dt.date(2024, 6, 21))) == 1


@pytest.mark.parametrize("grace", [0, 1, 14])
def test_the_grace_period_is_a_setting(grace: int, open_tables: Open) -> None:
    rows = f"{HEAD}\ns1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, A, p, 1, 2024-05-11, ,"
    history = open_tables(REST | {"subscriptions": rows}, Settings(churn=ChurnSettings(grace_days=grace)))
    assert len(churn_days(history, KNOWN_ON)) == (grace < 2)


NOTICE = HEAD + ", notice_on, ended_on_recorded_at"


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("2024-05-10, voluntary, 2024-04-01,", ["2024-04-01"]),
        ("2024-05-10, voluntary, ,", ["2024-05-10"]),
        ("2024-05-10, voluntary, 2024-06-01,", ["2024-05-10"]),
        ("2024-05-10, completed, 2024-04-01,", []),
        # Given in April for the end of the year: a fact of April by October, or the label would turn later.
        ("2024-12-31, voluntary, 2024-04-01, 2024-04-01", ["2024-04-01"]),
        (", , 2024-04-01,", ["2024-04-01"]),  # a notice that was not withdrawn, its end not known
    ],
)
def test_churn_by_notice_is_the_earlier_of_notice_and_end(row: str, wanted: list[str], open_tables: Open) -> None:
    settings = Settings(churn=ChurnSettings(event="notice"))
    history = open_tables(REST | {"subscriptions": f"{NOTICE}\ns1, A, p, 1, 2024-01-01, {row}"}, settings)
    assert [str(d.date()) for d in churn_days(history, KNOWN_ON)["churned_on"]] == wanted


def test_a_notice_alone_is_no_churn_by_end(open_tables: Open) -> None:
    subscriptions = f"{HEAD}, notice_on\ns1, A, p, 1, 2024-01-01, , , 2024-04-01"
    assert len(churn_days(open_tables(REST | {"subscriptions": subscriptions}), KNOWN_ON)) == 0


def _lagging(days: list[int]) -> str:
    """Subscriptions that ended on 2024-03-01 and were recorded some days later."""
    rows = [f"s{n}, A, p, 1, 2024-01-01, 2024-03-01, voluntary, {dt.date(2024, 3, 1) + dt.timedelta(days=d)}"
            for n, d in enumerate(days)]  # fmt: skip
    return "\n".join([f"{HEAD}, ended_on_recorded_at", *rows])


@pytest.mark.parametrize(
    ("days", "lag"),
    [([0] * 20, 0), ([0] * 18 + [7, 9], 7), ([0] * 19 + [9], 0), (list(range(1, 21)), 19), ([-30] * 20, 0), ([5], 5)],
)
def test_the_recording_lag_is_the_95th_percentile(days: list[int], lag: int, open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": _lagging(days)})
    assert recording_lag(history, KNOWN_ON) == lag


def test_the_recording_lag_knows_nothing_of_later_records(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": _lagging([1] * 10 + [60] * 10)})
    assert recording_lag(history, dt.date(2024, 4, 1)) == 1
    assert recording_lag(history, KNOWN_ON) == 60
    assert recording_lag(open_tables(REST | {"subscriptions": TIMELINE}), KNOWN_ON) == 0


def test_no_rows_and_no_churns(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": f"{HEAD}\ns1, A, p, 1, 2024-01-01, ,"})
    assert _labels(history, "2024-02-01", "2024-10-01") == [0.0, None]
    none = churn_labels(history, pd.DataFrame({"account_id": [], "as_of": pd.to_datetime([])}), 30, KNOWN_ON)
    assert list(none.columns) == ["label", "churned_on", "involuntary"]
    assert len(none) == 0
