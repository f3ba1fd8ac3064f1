"""Expansion labels on the cases that decide them; `test_labels.py` reads the worked timeline for both outcomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from features.expansion import expansion_labels, expansion_labels_by_horizon, expansion_wait, mrr_path
from features.history import History
from features.settings import ChurnSettings, ExpansionSettings, HistorySettings, Settings

Open = Callable[..., History]
KNOWN_ON = dt.date(2024, 10, 1)
REST = {
    "accounts": "account_id, created_on\nA, 2023-01-01\nB, 2023-01-01",
    "usage": "account_id, day, feature, events\nA, 2024-01-01, report, 1",
}
HEAD = "subscription_id, account_id, plan, started_on, ended_on, end_reason, mrr"


def _label(history: History, as_of: str, horizon: int, known_on: dt.date = KNOWN_ON) -> tuple[float | None, str | None]:
    rows = pd.DataFrame({"account_id": ["A"], "as_of": pd.to_datetime([as_of])})
    found = expansion_labels(history, rows, horizon, known_on).iloc[0]
    label, day = found["label"], found["expanded_on"]
    return None if pd.isna(label) else label, None if pd.isna(day) else str(day.date())


RULES = {
    # rule: subscriptions, and by as_of and horizon what the label is and when the account expanded
    "the MRR reaches 1.1 times what it was": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, , , 110",
        {("2024-02-01", 30): (1.0, "2024-03-01"), ("2024-02-01", 29): (0.0, None)}),
    "it falls short by a cent": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, , , 109.99",
        {("2024-02-01", 90): (0.0, None)}),
    "1.1 times a price with cents is exact": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 0.30\ns2, A, p, 2024-03-01, , , 0.33",
        {("2024-02-01", 90): (1.0, "2024-03-01")}),
    "two small rises add up": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, 2024-04-01, superseded, 105\n"
        "s3, A, p, 2024-04-01, , , 110",
        {("2024-02-01", 90): (1.0, "2024-04-01"), ("2024-03-15", 90): (0.0, None)}),
    "it is measured against as_of, not against the best before": (
        "s1, A, p, 2024-01-01, 2024-02-01, superseded, 200\ns2, A, p, 2024-02-01, 2024-03-01, superseded, 100\n"
        "s3, A, p, 2024-03-01, , , 110",
        {("2024-02-15", 30): (1.0, "2024-03-01"), ("2024-02-01", 90): (0.0, None)}),
    "first passage: falling back does not undo it": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, 2024-03-02, superseded, 120\n"
        "s3, A, p, 2024-03-02, , , 50",
        {("2024-02-01", 90): (1.0, "2024-03-01")}),
    "a second subscription adds to the first": (
        "s1, A, p, 2024-01-01, , , 100\ns2, A, q, 2024-03-01, 2024-03-20, completed, 10",
        {("2024-02-01", 90): (1.0, "2024-03-01"), ("2024-03-02", 90): (0.0, None)}),
    "what ends and what starts on one day are never both there": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, 2024-04-01, superseded, 100\n"
        "s3, A, q, 2024-04-01, , , 105",
        {("2024-02-01", 90): (0.0, None), ("2024-03-01", 90): (0.0, None), ("2024-03-02", 90): (0.0, None)}),
    "a dip is no rise when it ends": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-10, , , 100",
        {("2024-02-01", 90): (0.0, None)}),
    "a subscription of no day counts on none": (
        "s1, A, p, 2024-01-01, , , 100\ns2, A, q, 2024-03-01, 2024-03-01, completed, 500",
        {("2024-02-01", 90): (0.0, None)}),
    "churning later does not undo it": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, 2024-03-20, voluntary, 120",
        {("2024-02-01", 90): (1.0, "2024-03-01"), ("2024-03-05", 90): (0.0, None)}),
    "a return after a churn does not count, however large": (
        "s1, A, p, 2024-01-01, 2024-03-01, voluntary, 100\ns2, A, p, 2024-03-31, , , 500",
        {("2024-02-01", 90): (0.0, None)}),
    "a return inside the grace is no churn and counts": (
        "s1, A, p, 2024-01-01, 2024-03-01, voluntary, 100\ns2, A, p, 2024-03-30, , , 500",
        {("2024-02-01", 90): (1.0, "2024-03-30")}),
    "with an MRR of 0 at as_of the label is missing": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, 0\ns2, A, p, 2024-03-01, , , 100",
        {("2024-02-01", 90): (None, None), ("2024-03-02", 90): (0.0, None)}),
    "with an MRR below 0 too": (
        "s1, A, p, 2024-01-01, 2024-03-01, superseded, -5\ns2, A, p, 2024-03-01, , , 100",
        {("2024-02-01", 90): (None, None)}),
    "without any subscription too": ("s1, B, p, 2024-01-01, , , 100", {("2024-02-01", 90): (None, None)}),
    "as_of before the first subscription too": (
        "s1, A, p, 2024-02-01, , , 100", {("2024-02-01", 30): (None, None), ("2024-02-02", 30): (0.0, None)}),
    "an end as completed is no expansion": (
        "s1, A, p, 2024-01-01, 2024-03-01, completed, 100", {("2024-02-01", 90): (0.0, None)}),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_what_is_expansion(rule: str, open_tables: Open) -> None:
    rows, wanted = RULES[rule]
    history = open_tables(REST | {"subscriptions": f"{HEAD}\n{rows}"})
    assert {ask: _label(history, *ask) for ask in wanted} == wanted


def test_trials_are_outside_the_mrr(open_tables: Open) -> None:
    rows = f"""
    {HEAD}, trial
    s1, A, p, 2024-01-01, , , 100, false
    s2, A, q, 2024-03-01, , , 500, true
    """
    assert _label(open_tables(REST | {"subscriptions": rows}), "2024-02-01", 90) == (0.0, None)


def test_it_waits_for_the_horizon_and_the_recording_lag_but_for_no_grace(open_tables: Open) -> None:
    rows = f"{HEAD}\ns1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, , , 120"
    history = open_tables(REST | {"subscriptions": rows}, Settings(history=HistorySettings(recording_lag_days=4)))
    assert expansion_wait(history, 60, KNOWN_ON) == 64
    # An early passage is no more known than none, or the rate would be biased upwards.
    assert _label(history, "2024-02-01", 60, dt.date(2024, 4, 4)) == (None, None)
    assert _label(history, "2024-02-01", 60, dt.date(2024, 4, 5)) == (1.0, "2024-03-01")


def test_a_rise_before_as_of_that_was_recorded_later_is_no_rise_of_the_horizon(open_tables: Open) -> None:
    """On 2024-03-15 everybody saw 100. It was 150 by then, so 165 is what was to be reached."""
    rows = f"""
    {HEAD}, recorded_at, ended_on_recorded_at
    s1, A, p, 2024-01-01, 2024-03-01, superseded, 100, 2024-01-01, 2024-03-20
    s2, A, p, 2024-03-01, ,           ,           150, 2024-03-20,
    """
    history = open_tables(REST | {"subscriptions": rows})
    assert _label(history, "2024-03-15", 30) == (0.0, None)
    assert _label(history, "2024-02-15", 30) == (1.0, "2024-03-01")


def test_an_end_before_as_of_that_was_recorded_later_leaves_no_label(open_tables: Open) -> None:
    rows = f"""
    {HEAD}, ended_on_recorded_at
    s1, A, p, 2024-01-01, 2024-03-01, voluntary, 100, 2024-03-20
    s2, A, p, 2024-04-20, ,           ,          500,
    """
    history = open_tables(REST | {"subscriptions": rows})
    assert _label(history, "2024-03-15", 60) == (None, None)
    assert _label(history, "2024-03-01", 60) == (0.0, None)


CURRENCY = f"{HEAD}, currency"


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-01-01, , , 9, USD", None),  # mixed at as_of
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-03-01, , , 9, USD", None),  # mixed within the horizon
        ("s1, A, p, 2024-01-01, 2024-03-01, superseded, 100, EUR\ns2, A, p, 2024-03-01, , , 120, USD", None),
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-06-01, , , 9, USD", 0.0),  # after the horizon
        ("s1, A, p, 2023-01-01, 2023-06-01, superseded, 9, USD\ns2, A, p, 2023-06-01, , , 100, EUR", 0.0),  # before
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, B, q, 2024-03-01, , , 50, USD", 0.0),  # another account's
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-03-01, , , 50, ", 1.0),  # not given: that of the others
        ("s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-03-01, , , 50, eur", 1.0),
        (  # the passage comes before the other currency, which cannot undo it
            "s1, A, p, 2024-01-01, , , 100, EUR\ns2, A, q, 2024-03-01, , , 50, EUR\ns3, A, r, 2024-03-02, , , 9, USD",
            1.0,
        ),
        ("s1, A, p, 2024-01-01, 2024-03-01, voluntary, 100, EUR\ns2, A, q, 2024-04-15, , , 9, USD", 0.0),  # churned
    ],
)
def test_currencies_that_cannot_be_compared_leave_no_label(rows: str, wanted: float | None, open_tables: Open) -> None:
    assert _label(open_tables(REST | {"subscriptions": f"{CURRENCY}\n{rows}"}), "2024-02-01", 90)[0] == wanted


def test_with_churn_by_notice_who_has_given_notice_expands_no_more(open_tables: Open) -> None:
    rows = f"""
    {HEAD}, notice_on
    s1, A, p, 2024-01-01, 2024-03-01, superseded, 100, 2024-02-20
    s2, A, p, 2024-03-01, 2024-05-01, voluntary,  120, 2024-02-20
    """
    tables = REST | {"subscriptions": rows}
    assert _label(open_tables(tables), "2024-02-01", 90) == (1.0, "2024-03-01")
    by_notice = open_tables(tables, Settings(churn=ChurnSettings(event="notice")))
    assert _label(by_notice, "2024-02-01", 90) == (0.0, None)


@pytest.mark.parametrize(("growth", "wanted"), [(0.05, 1.0), (0.2, 1.0), (0.2001, 0.0), (1.0, 0.0)])
def test_the_growth_is_a_setting(growth: float, wanted: float, open_tables: Open) -> None:
    rows = f"{HEAD}\ns1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, , , 120"
    history = open_tables(REST | {"subscriptions": rows}, Settings(expansion=ExpansionSettings(growth=growth)))
    assert _label(history, "2024-02-01", 90)[0] == wanted


def test_the_mrr_path_in_steps(open_tables: Open) -> None:
    rows = """
    subscription_id, account_id, plan, started_on, ended_on,   end_reason, mrr
    s1,              A,          p,    2024-01-01, 2024-03-01, superseded, 100
    s2,              A,          p,    2024-03-01, 2024-05-01, voluntary,  120
    s3,              A,          q,    2024-02-01, 2024-04-01, completed,  30
    s4,              A,          p,    2024-06-01, ,           ,           80
    """
    history = open_tables(REST | {"subscriptions": rows})
    path = history.con.execute(
        f"SELECT from_on, until_on, mrr FROM {mrr_path(history, KNOWN_ON)} ORDER BY from_on"
    ).fetchall()
    assert [(str(start), end and str(end), int(mrr)) for start, end, mrr in path] == [
        ("2024-01-01", "2024-02-01", 100),
        ("2024-02-01", "2024-03-01", 130),
        ("2024-03-01", "2024-04-01", 150),
        ("2024-04-01", "2024-05-01", 120),
        ("2024-05-01", "2024-06-01", 0),
        ("2024-06-01", None, 80),
    ]


def test_several_horizons_and_rows_stay_in_their_places(open_tables: Open) -> None:
    rows = f"{HEAD}\ns1, A, p, 2024-01-01, 2024-03-01, superseded, 100\ns2, A, p, 2024-03-01, , , 120"
    history = open_tables(REST | {"subscriptions": rows})
    days = pd.to_datetime(["2024-02-20", "2024-02-20", "2024-01-15"])
    asked = pd.DataFrame({"account_id": ["A", "B", "A"], "as_of": days}, index=[7, 7, 3])
    found = expansion_labels_by_horizon(history, asked, (10, 60, 365), KNOWN_ON)
    labels = {h: [None if pd.isna(v) else v for v in f["label"]] for h, f in found.items()}
    assert labels == {10: [0.0, None, 0.0], 60: [1.0, None, 1.0], 365: [None, None, None]}
    assert found[60]["label"].dtype == float
    none = expansion_labels(history, asked.head(0), 30, KNOWN_ON)
    assert list(none.columns) == ["label", "expanded_on"]
    assert len(none) == 0
