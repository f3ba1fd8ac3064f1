"""Churn labels on the worked timeline of `features/labels.py` and on the cases that decide them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from features import labels
from features.expansion import expansion_labels
from features.history import History
from features.labels import churn_days, churn_labels, churn_labels_by_horizon, label_wait, recording_lag
from features.settings import ChurnSettings, HistorySettings, Settings

Open = Callable[..., History]
KNOWN_ON = dt.date(2024, 11, 1)
REST = {
    "accounts": "account_id, created_on\nA, 2023-01-01\nB, 2023-01-01",
    "usage": "account_id, day, feature, events\nA, 2024-01-01, report, 1",
}
HEAD = "subscription_id, account_id, plan, mrr, started_on, ended_on, end_reason"


def _read_timeline() -> tuple[str, list[list[str]]]:
    """The worked timeline in the module's own words: subscriptions as CSV, and rows as_of to expansion."""
    blocks = [b.strip().splitlines() for b in (labels.__doc__ or "").split("\n\n")]
    cells = [[line.split() for line in b[1:]] for b in blocks if b[0].startswith(("subscription ", "as_of "))]
    sold = [f"{s}, A, p, {mrr}, {', '.join(c.replace('-', '') if c == '-' else c for c in rest)}"
            for s, mrr, *rest in cells[0]]  # fmt: skip
    return "\n".join([HEAD, *sold]), [row[:5] for row in cells[1]]


TIMELINE, STAGES = _read_timeline()


def _labels(history: History, *days: str, account: str = "A", horizon: int = 30, known_on: dt.date = KNOWN_ON) -> list:
    rows = pd.DataFrame({"account_id": account, "as_of": pd.to_datetime(list(days))})
    found = churn_labels(history, rows, horizon, known_on)
    return [None if pd.isna(v) else v for v in found["label"]]


def test_the_worked_timeline(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE})
    assert len(STAGES) >= 15
    rows = pd.DataFrame({"account_id": "A", "as_of": pd.to_datetime([row[0] for row in STAGES])})
    churn, expansion = (made(history, rows, 30, KNOWN_ON) for made in (churn_labels, expansion_labels))
    columns = [churn["label"], churn["label_voluntary"], churn["label_involuntary"], expansion["label"]]
    found = [["-" if pd.isna(v) else f"{v:g}" for v in row] for row in zip(*columns, strict=True)]
    assert [[row[0], *cells] for row, cells in zip(STAGES, found, strict=True)] == STAGES


def test_the_worked_timeline_says_when_and_how(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE})
    rows = pd.DataFrame({"account_id": ["A", "B", "A"], "as_of": pd.to_datetime(["2024-06-20"] * 2 + ["2024-01-02"])},
                        index=[7, 7, 3])  # fmt: skip
    found = churn_labels(history, rows, 30, KNOWN_ON)
    assert [None if pd.isna(v) else v for v in found["label"]] == [1.0, None, 0.0]
    assert found["churned_on"].tolist() == [pd.Timestamp(2024, 7, 1), pd.NaT, pd.NaT]
    assert found["involuntary"].tolist() == [True, False, False]
    assert found["involuntary"].dtype == bool
    assert found["label"].dtype == float


def test_several_horizons_at_once(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE})
    rows = pd.DataFrame({"account_id": "A", "as_of": pd.to_datetime(["2024-02-15", "2024-06-15"])})
    found = churn_labels_by_horizon(history, rows, (10, 30, 200), KNOWN_ON)
    assert {h: [None if pd.isna(v) else v for v in f["label"]] for h, f in found.items()} == {
        10: [0.0, 0.0],
        30: [0.0, 1.0],
        200: [1.0, None],
    }


def test_a_label_waits_whichever_way_it_turned_out(open_tables: Open) -> None:
    """An early churner is no more known than the others, or the rate would be biased upwards."""
    history = open_tables(REST | {"subscriptions": TIMELINE})
    assert _labels(history, "2024-06-20", known_on=dt.date(2024, 8, 18)) == [None]
    assert _labels(history, "2024-06-20", known_on=dt.date(2024, 8, 19)) == [1.0]


def test_the_recording_lag_adds_to_the_wait(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": TIMELINE}, Settings(history=HistorySettings(recording_lag_days=4)))
    assert label_wait(history, 30, KNOWN_ON) == 64
    assert _labels(history, "2024-08-29", "2024-08-30") == [0.0, None]


LATE = HEAD + ", ended_on_recorded_at"


@pytest.mark.parametrize("reason", ["voluntary", "involuntary", "completed", "merged", ""])
def test_an_end_before_as_of_that_was_recorded_later_leaves_no_label(reason: str, open_tables: Open) -> None:
    """It was no churn of the horizon, and a 0 would teach that whoever has silently gone is safe."""
    history = open_tables(
        REST | {"subscriptions": f"{LATE}\ns1, A, p, 1, 2024-01-01, 2024-05-10, {reason}, 2024-05-20"}
    )
    on_the_day = float(reason not in ("completed", "merged"))
    assert _labels(history, "2024-05-09", "2024-05-10", "2024-05-11", "2024-05-20") == [on_the_day] * 2 + [None] * 2


def test_an_end_recorded_late_that_a_return_undid_leaves_the_account_a_customer(open_tables: Open) -> None:
    rows = f"""
    {LATE}
    s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary, 2024-06-20
    s2, A, p, 1, 2024-06-01, 2024-06-10, voluntary,
    """
    assert _labels(open_tables(REST | {"subscriptions": rows}), "2024-05-11", "2024-05-12") == [0.0, 1.0]


@pytest.mark.parametrize("reason", ["completed", "merged"])
def test_a_competing_end_inside_the_horizon_is_no_churn(reason: str, open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": f"{HEAD}\ns1, A, p, 1, 2024-01-01, 2024-05-10, {reason}"})
    assert _labels(history, "2024-04-20", "2024-05-10", "2024-05-11") == [0.0, 0.0, None]


def test_an_end_planned_ahead_is_a_churn_of_the_day_it_comes(open_tables: Open) -> None:
    history = open_tables(
        REST | {"subscriptions": f"{LATE}\ns1, A, p, 1, 2024-01-01, 2024-05-10, voluntary, 2024-02-01"}
    )
    assert _labels(history, "2024-03-01", "2024-04-20") == [0.0, 1.0]
    assert len(churn_days(history, dt.date(2024, 5, 10))) == 0


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
    "a part is voluntary, the rest completed": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, completed\ns2, A, p, 1, 2024-02-01, 2024-05-10, voluntary",
        [("2024-05-10", False)]),
    "a part is involuntary, the rest merged": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, merged\ns2, A, p, 1, 2024-02-01, 2024-05-10, involuntary",
        [("2024-05-10", True)]),
    "a part is involuntary, the rest without a reason": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10,\ns2, A, p, 1, 2024-02-01, 2024-05-10, involuntary",
        [("2024-05-10", False)]),
    "a change of terms that is gone on the same day": (
        "s1, A, p, 1, 2024-01-01, 2024-05-10, superseded\ns2, A, p, 1, 2024-05-10, 2024-05-10, involuntary",
        [("2024-05-10", True)]),
    "back after a competing end, then gone": (
        "s1, A, p, 1, 2024-01-01, 2024-03-10, completed\ns2, A, p, 1, 2024-06-01, 2024-08-01, voluntary",
        [("2024-08-01", False)]),
    "somebody else stays": ("s1, A, p, 1, 2024-01-01, 2024-05-10, voluntary\ns2, B, p, 1, 2024-01-01, ,",
                            [("2024-05-10", False)]),
    "an end still to come": ("s1, A, p, 1, 2024-01-01, 2024-11-01, voluntary", []),
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


def test_by_notice_the_last_to_stand_for_staying_dates_the_churn(open_tables: Open) -> None:
    """As in the cohort, which an account leaves once every subscription is under notice."""
    rows = f"""
    {HEAD}, notice_on
    s1, A, p, 1, 2024-01-01, 2024-06-01, voluntary,  2024-03-01
    s2, A, q, 1, 2024-01-01, 2024-06-01, voluntary,  2024-04-01
    s3, A, r, 1, 2024-01-01, 2024-05-01, completed,
    s4, B, p, 1, 2024-01-01, 2024-05-01, superseded, 2024-04-01
    s5, B, p, 1, 2024-05-01, 2024-06-01, voluntary,  2024-04-01
    """
    history = open_tables(REST | {"subscriptions": rows}, Settings(churn=ChurnSettings(event="notice")))
    assert [str(d.date()) for d in churn_days(history, KNOWN_ON)["churned_on"]] == ["2024-05-01", "2024-04-01"]


WITHDRAWN = HEAD + ", notice_on, notice_withdrawn_on, notice_withdrawn_on_recorded_at"


@pytest.mark.parametrize(
    ("row", "by_end", "by_notice"),
    [
        (", , 2024-04-01, 2024-04-20,", [], []),
        (", , 2024-04-01, 2024-04-01,", [], []),  # taken back on the same day
        (", , 2024-04-01, ,", [], ["2024-04-01"]),
        (", , 2024-04-01, 2024-04-20, 2024-11-01", [], ["2024-04-01"]),  # nobody knows of the withdrawal yet
        ("2024-08-01, voluntary, 2024-04-01, 2024-04-20,", ["2024-08-01"], ["2024-08-01"]),  # stayed, and left later
        ("2024-08-01, involuntary, 2024-04-01, ,", ["2024-08-01"], ["2024-04-01"]),
    ],
)
def test_withdrawing_a_notice_is_no_churn(row: str, by_end: list, by_notice: list, open_tables: Open) -> None:
    tables = REST | {"subscriptions": f"{WITHDRAWN}\ns1, A, p, 1, 2024-01-01, {row}"}
    for event, wanted in (("end", by_end), ("notice", by_notice)):
        history = open_tables(tables, Settings(churn=ChurnSettings(event=event)))  # type: ignore[arg-type]  # text
        assert [str(d.date()) for d in churn_days(history, KNOWN_ON)["churned_on"]] == wanted


def test_a_withdrawal_undoes_the_label_that_the_notice_had_made(open_tables: Open) -> None:
    history = open_tables(
        REST | {"subscriptions": f"{WITHDRAWN}\ns1, A, p, 1, 2024-01-01, , , 2024-04-01, 2024-08-20,"},
        Settings(churn=ChurnSettings(event="notice")),
    )
    assert _labels(history, "2024-03-15", known_on=dt.date(2024, 8, 20)) == [1.0]
    assert _labels(history, "2024-03-15", known_on=dt.date(2024, 8, 21)) == [0.0]


def test_a_notice_before_as_of_that_was_recorded_later_leaves_no_label_by_notice(open_tables: Open) -> None:
    rows = f"{HEAD}, notice_on, notice_on_recorded_at\ns1, A, p, 1, 2024-01-01, , , 2024-04-01, 2024-05-01"
    history = open_tables(REST | {"subscriptions": rows}, Settings(churn=ChurnSettings(event="notice")))
    assert _labels(history, "2024-04-01", "2024-04-02") == [1.0, None]


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


def test_rows_known_later_change_nothing_of_the_recording_lag(open_tables: Open) -> None:
    known = _lagging([1] * 10)
    later = [f"t{n}, A, p, 1, 2024-01-01, 2024-03-01, voluntary, {day}"
             for n, day in enumerate(["2024-04-01", "2024-09-01", "2025-01-01"] * 10)]  # fmt: skip
    ahead = [f"u{n}, A, p, 1, 2024-04-01, 2024-06-01, voluntary, 2024-03-05" for n in range(30)]
    history = open_tables(REST | {"subscriptions": "\n".join([known, *later, *ahead])})
    assert recording_lag(history, dt.date(2024, 4, 1)) == 1
    assert recording_lag(history, dt.date(2024, 4, 2)) == 31


def test_rows_that_turned_out_wrong_do_not_count_for_the_recording_lag(open_tables: Open) -> None:
    wrong = "\n".join(f"t{n}, A, p, 1, 2024-03-02, 2024-03-01, voluntary, 2024-08-01" for n in range(10))
    history = open_tables(REST | {"subscriptions": _lagging([1] * 10) + "\n" + wrong})
    assert history.report.failing == {"subscriptions": 10}
    assert recording_lag(history, KNOWN_ON) == 1


def test_no_rows_and_no_churns(open_tables: Open) -> None:
    history = open_tables(REST | {"subscriptions": f"{HEAD}\ns1, A, p, 1, 2024-01-01, ,"})
    assert _labels(history, "2024-02-01", "2024-11-01") == [0.0, None]
    none = churn_labels(history, pd.DataFrame({"account_id": [], "as_of": pd.to_datetime([])}), 30, KNOWN_ON)
    assert list(none.columns) == ["label", "label_voluntary", "label_involuntary", "churned_on", "involuntary"]
    assert len(none) == 0
