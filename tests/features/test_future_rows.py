"""Rows that turn out bad later, or come later, neither remove nor replace nor stop what was known earlier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from features.build import build_features
from features.cohort import account_statuses
from features.errors import TenureError
from features.history import History
from features.settings import HistorySettings, Settings

Open = Callable[..., History]
DAY = dt.date(2024, 3, 1)
COMPANY = {
    "accounts": """
    account_id, created_on, recorded_at
    A,          2023-01-01,
    B,          2023-01-01,
    """,
    "subscriptions": """
    subscription_id, account_id, plan, mrr, started_on, ended_on, end_reason, ended_on_recorded_at, recorded_at
    sA,              A,          pro,  100, 2023-01-01, ,         ,           ,
    sB,              B,          pro,  100, 2023-01-01, ,         ,           ,
    """,
    "usage": """
    account_id, day,        feature, events, recorded_at
    A,          2024-02-10, report,  3,
    B,          2024-02-11, report,  4,
    """,
}


def _plus(table: str, *rows: str) -> dict[str, str]:
    return COMPANY | {table: COMPANY[table].rstrip() + "\n" + "\n".join(rows)}


LATER = {
    "a second row of an account, created later": _plus("accounts", "A, 2024-04-01,"),
    "a second row of an account, recorded later": _plus("accounts", "A, 2024-02-20, 2024-03-01"),
    "a second row of a subscription, recorded later": _plus(
        "subscriptions", "sA, A, x, 7, 2022-01-01, , , , 2024-03-01"),
    "a row of the wrong type, recorded later": _plus("usage", "A, soon, report, 3, 2024-03-01"),
    "a date beyond all calendars, recorded later": _plus("usage", "A, 99999-01-01, report, 3, 2024-03-01"),
    "a date that never comes, recorded later": _plus("usage", "A, infinity, report, 3, 2024-03-01"),
    "usage of nobody's account": _plus("usage", *["X, 2024-03-01, report, 3,"] * 50),
    "a flood of negative counts": _plus("usage", *["A, 2024-03-01, report, -3,"] * 50),
    "a flood recorded later": _plus("usage", *["A, 2024-02-01, report, -3, 2024-03-01"] * 50),
    "an end before the start, recorded later": COMPANY
    | {"subscriptions": COMPANY["subscriptions"].replace(
        "sA,              A,          pro,  100, 2023-01-01, ,         ,           ,",
        "sA,              A,          pro,  100, 2023-01-01, 2022-01-01, voluntary, 2024-03-01,")},
    "an unknown reason, recorded later": COMPANY
    | {"subscriptions": COMPANY["subscriptions"].replace(
        "sA,              A,          pro,  100, 2023-01-01, ,         ,           ,",
        "sA,              A,          pro,  100, 2023-01-01, 2024-02-01, because, 2024-03-01,")},
    "an end of the wrong type, recorded later": COMPANY
    | {"subscriptions": COMPANY["subscriptions"].replace(
        "sA,              A,          pro,  100, 2023-01-01, ,         ,           ,",
        "sA,              A,          pro,  100, 2023-01-01, soon,     voluntary,   2024-03-01,")},
}  # fmt: skip


def _known(history: History) -> tuple[pd.DataFrame, pd.DataFrame, tuple[dt.date, dt.date]]:
    return build_features(history, [DAY]), account_statuses(history, DAY), history.observed_period(DAY)


@pytest.fixture(scope="module")
def known(open_tables: Open) -> tuple[pd.DataFrame, pd.DataFrame, tuple[dt.date, dt.date]]:
    """What is computed of the company as of the day."""
    return _known(open_tables(COMPANY))


@pytest.mark.parametrize("what", LATER)
def test_what_is_known_later_leaves_the_day_as_it_was(
    what: str, known: tuple[pd.DataFrame, pd.DataFrame, tuple[dt.date, dt.date]], open_tables: Open
) -> None:
    rows, statuses, period = _known(open_tables(LATER[what]))
    pd.testing.assert_frame_equal(rows, known[0], check_exact=True)
    pd.testing.assert_frame_equal(statuses, known[1], check_exact=True)
    assert period == known[2]


@pytest.mark.parametrize("what", [w for w in LATER if w.startswith(("an ", "a flood", "usage of"))])
def test_and_a_later_day_sees_it(what: str, open_tables: Open) -> None:
    """The rows above are bad indeed: from the day on they are set aside, or too many of them stop the run."""
    history = open_tables(LATER[what], Settings(history=HistorySettings(max_failing_share=0.45)))
    assert sum(history.report.failing.values()) > 0
    with pytest.raises(TenureError, match="cannot be relied on"):
        history.require_sound(DAY + dt.timedelta(days=1))


def test_a_bad_end_removes_its_subscription_from_the_day_it_is_known(open_tables: Open) -> None:
    history = open_tables(
        LATER["an end before the start, recorded later"], Settings(history=HistorySettings(max_failing_share=0.9))
    )
    assert list(build_features(history, [DAY])["account_id"]) == ["A", "B"]
    assert list(build_features(history, [DAY + dt.timedelta(days=1)])["account_id"]) == ["B"]


def test_an_account_recorded_later_does_not_mend_an_earlier_day(open_tables: Open) -> None:
    """On the day half of the usage was of an account that nobody knew; that it came later cannot excuse it."""
    strict = Settings(history=HistorySettings(max_failing_share=0.3))
    never = _plus("usage", *["N, 2024-02-12, report, 1,"] * 2)
    later = never | {"accounts": COMPANY["accounts"].rstrip() + "\nN, 2024-02-01, 2024-03-01\n"}

    def stops(tables: dict[str, str]) -> bool:
        try:
            open_tables(tables, strict).require_sound(DAY)
        except TenureError:
            return True
        return False

    assert stops(never) == stops(later)


def test_two_rows_of_one_key_are_told_apart_by_what_was_known(open_tables: Open) -> None:
    """Which of two rows known at once stays must not be read off an end that comes later."""
    rows = """
    subscription_id, account_id, plan, mrr, started_on, ended_on, end_reason
    sA,              A,          pro,  100, 2023-01-01, {},       {}
    sA,              A,          pro,  250, 2023-01-01, {},       {}
    sB,              B,          pro,  100, 2023-01-01, ,
    """
    lenient = Settings(history=HistorySettings(max_failing_share=0.9))
    ends = [("", "", "", ""), ("2024-05-01", "voluntary", "", ""), ("", "", "2024-05-01", "voluntary")]
    paid = [
        build_features(open_tables(COMPANY | {"subscriptions": rows.format(*end)}, lenient), [DAY])["mrr"].tolist()
        for end in ends
    ]
    assert paid[0] == paid[1] == paid[2]


BY_DAY = {
    "accounts": "account_id, created_on\nA, 2023-01-01",
    "usage": "account_id, day, feature, events\nA, 2024-01-09, f, 1",
    "subscriptions": "subscription_id, account_id, plan, mrr, started_on\ns, A, pro, 100, 2023-01-01",
}
NOTICE = """
subscription_id, account_id, plan, mrr, started_on, notice_on, notice_withdrawn_on
s,               A,          pro,  100, 2023-01-01, {},        2024-02-20
"""
ASSIGNED = """
account_id, csm_id, from_on,    to_on,      to_on_recorded_at
A,          c1,     2024-01-01, 2024-02-01, 2024-02-01
A,          c1,     2024-01-01, {}
"""
MILESTONE = """
account_id, milestone, due_on, recorded_at, reached_on, reached_on_recorded_at
A,          live,      {}
"""
OVERLAP = """
subscription_id, account_id, plan, mrr, started_on, ended_on,   end_reason, ended_on_recorded_at
s,               A,          pro,  100, 2023-01-01, 2024-02-15, superseded, {}
s,               A,          pro,  70,  2024-02-01, ,           ,
"""
UNKNOWN = """
account_id, day,        feature, events
A,          2024-02-06, report,  1
N,          2024-02-05, report,  1
N,          2024-02-15, report,  1
"""
VERSIONS = """
account_id, created_on, segment, valid_from, recorded_at
A,          2023-01-01, small,   {}
A,          2023-01-01, large,   2024-02-01, 2024-03-01
"""
ACCOUNTS = "account_id, created_on, recorded_at\nA, 2023-01-01,\n"
PAIRS = {
    "a notice that comes after its withdrawal": ({"subscriptions": NOTICE.format("")},
                                                 {"subscriptions": NOTICE.format("2024-05-01")}),
    "the end of one of two rows that start alike": ({"assignments": ASSIGNED.format(",")},
                                                    {"assignments": ASSIGNED.format("2024-01-15, 2024-03-01")}),
    "a milestone reached before it was due": ({"milestones": MILESTONE.format("2024-06-30, , ,")},
                                              {"milestones": MILESTONE.format("2024-06-30, , 2024-02-01, 2024-03-01")}),
    "a milestone without a due date": ({"milestones": MILESTONE.format(", 2024-02-01, ,")},
                                       {"milestones": MILESTONE.format(", 2024-02-01, 2024-02-15, 2024-03-01")}),
    "an end that comes to overlap the next period": ({"subscriptions": OVERLAP.format("2024-03-01")},
                                                     {"subscriptions": OVERLAP.format("2024-05-01")}),
    "an account that comes after its usage": ({"usage": UNKNOWN, "accounts": ACCOUNTS},
                                              {"usage": UNKNOWN, "accounts": ACCOUNTS + "N, 2023-01-01, 2024-03-01"}),
    "an account that comes after its usage and began after it": (
        {"usage": UNKNOWN, "accounts": ACCOUNTS},
        {"usage": UNKNOWN, "accounts": ACCOUNTS + "N, 2024-02-10, 2024-03-01"}),
    "a version recorded later": ({"accounts": VERSIONS.format("2023-01-01,").rsplit("A,", 1)[0]},
                                 {"accounts": VERSIONS.format("2023-01-01,")}),
    "a version recorded later, of undated ones": ({"accounts": VERSIONS.format(",").rsplit("A,", 1)[0]},
                                                  {"accounts": VERSIONS.format(",")}),
}  # fmt: skip
"""Two companies that were the same on DAY, each of them told apart by somebody once."""


@pytest.mark.parametrize("what", PAIRS)
def test_two_companies_that_differ_only_later_are_the_same_on_the_day(what: str, open_tables: Open) -> None:
    lenient = Settings(history=HistorySettings(max_failing_share=1.0))
    before, after = (open_tables(BY_DAY | tables, lenient) for tables in PAIRS[what])
    for table in before.tables:
        seen = [
            h.con.execute(f"SELECT * FROM {h.visible(table, DAY)} ORDER BY ALL").fetchall() for h in (before, after)
        ]
        assert seen[0] == seen[1], table
    assert after.observed_period(DAY) == before.observed_period(DAY)
    pd.testing.assert_frame_equal(build_features(after, [DAY]), build_features(before, [DAY]), check_exact=True)


def test_an_overlap_sets_aside_the_later_period_once_its_end_is_known(open_tables: Open) -> None:
    lenient = Settings(history=HistorySettings(max_failing_share=1.0))
    history = open_tables(BY_DAY | {"subscriptions": OVERLAP.format("2024-02-20")}, lenient)
    assert history.report.failing == {"subscriptions": 1}
    paid = {n: build_features(history, [dt.date(2024, 2, n)])["mrr"].tolist() for n in (1, 2, 20)}
    assert paid == {1: [100], 2: [170], 20: [170]}
    assert build_features(history, [dt.date(2024, 2, 21)])["mrr"].tolist() == []  # the first one ended on 02-15
