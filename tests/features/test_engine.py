"""Each word of the algebra on a literal table that can be checked by eye, and how rows come out; DAY is 2024-06-30.

7 days reach back to 06-23, 28 to 06-02, 56 to 05-05. What each feature of the catalogue comes to is in
`catalogue/`, and what random sentences of the algebra come to in `test_algebra.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import algebra as a
from features.build import build_features
from features.catalogue import CATALOGUE
from features.engine import compute_features
from features.errors import TenureError
from features.feature import Catalogue, Feature
from features.history import History

Open = Callable[..., History]
DAY = dt.date(2024, 6, 30)
NA = None
COMPANY = {
    "accounts": "account_id, created_on\nA, 2023-01-01",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr, seats\ns, A, pro, 2023-01-01, 50, 10",
    "usage": "account_id, day, feature, events\nA, 2023-01-01, report, 1",
}
USAGE = """
account_id, day,        feature, events, user_id, minutes, recorded_at
A,          2024-06-30, report,  1000,   u9,      1,
A,          2024-06-29, report,  4,      u1,      10,
A,          2024-06-29, report,  1,      u1,      ,
A,          2024-06-28, report,  9,      u1,      9,       2024-06-30
A,          2024-06-23, report,  2,      u2,      5.5,
A,          2024-06-23, search,  0,      u7,      60,
A,          2024-06-22, export,  3,      u1,      ,
A,          2024-06-02, admin,   1,      u3,      4.5,     2024-06-29 23:59
A,          2024-06-01, report,  5,      u4,      99,
A,          2024-05-05, report,  1,      u4,      1,
A,          2024-05-04, search,  7,      u5,      1,
A,          2023-06-01, search,  2,      ,        1,
"""
USERS = """
user_id, account_id, created_on, role,     valid_from
u1,      A,          2023-02-01, member,
u1,      A,          2023-02-01, champion, 2024-06-29
u2,      A,          2023-02-01, admin,
u2,      A,          2023-02-01, champion, 2024-06-30
u3,      A,          2023-02-01, ,
u4,      A,          2024-06-30, champion,
"""
ENTITLEMENTS = """
plan,  feature, core,  monthly_limit
pro,   report,  true,  10
pro,   export,  false, 4
pro,   admin,   true,
pro,   unused,  ,      0
basic, search,  true,  1
"""
TICKETS = """
ticket_id, account_id, opened_at,        resolved_at,      csat, csat_at,    user_id
t1,        A,          2024-06-29 10:00, ,                 ,     ,           u1
t2,        A,          2024-06-02 00:00, 2024-06-02 06:00, 5,    2024-06-03, u2
t3,        A,          2024-06-01 23:59, 2024-06-02 09:59, 2,    2024-06-03, u1
t4,        A,          2024-05-01 00:00, 2024-06-30 00:00, 4,    2024-06-30, nobody
t5,        A,          2024-06-30 00:00, ,                 ,     ,
"""
USED = a.Condition("events", "at least", (1,))
NO_SEARCH = USED, a.Condition("feature", "in", ("report", "export", "admin"))
REGISTERED = a.Condition("user_id", "role")
CHAMPION = a.Condition("user_id", "role", ("champion",))
ENTITLED, CORE = a.Condition("feature", "entitled"), a.Condition("feature", "core")
FULL = {"usage": USAGE, "users": USERS, "entitlements": ENTITLEMENTS, "tickets": TICKETS}


def used(days: int | None = None, until: int = 0, *where: a.Condition, whole: bool = False) -> a.Window:
    return a.Window("usage", days, until, where=(USED, *where), whole=whole)


def measured(history: History, measures: Mapping[str, a.Expression], days: list[dt.date] | None = None) -> pd.DataFrame:
    """Rows of features that are declared for the occasion."""
    names = {f"f{n}": name for n, name in enumerate(measures)}
    declared = [
        Feature(
            name=f, dimension="growth", measure=measures[n], unit="", show="number", sentence="{value}", missing="No"
        )
        for f, n in names.items()
    ]
    return build_features(history, days or [DAY], Catalogue(tuple(declared))).rename(columns=names)


def values(frame: pd.DataFrame) -> dict[str, Any]:
    [row] = frame.drop(columns=["account_id", "as_of"]).to_dict("records")
    return {n: NA if pd.isna(v) else v for n, v in row.items()}


WORDS: dict[str, tuple[a.Expression, float | None]] = {
    "rows": (a.Count(a.Window("usage")), 10),
    "rows of use": (a.Count(used()), 9),
    "rows of use in 28 days": (a.Count(used(28)), 5),
    "rows of use in the 28 before": (a.Count(used(28, 28)), 2),
    "rows of use until 28 days ago": (a.Count(used(None, 28)), 4),
    "rows of nobody": (a.Count(used(7, 100)), 0),
    "sum": (a.Sum(used(28), "events"), 11),
    "sum of money-like numbers": (a.Sum(used(28), "minutes"), 20),
    "sum without rows": (a.Sum(used(7, 100), "minutes"), 0),
    "sum without values": (a.Sum(used(1, 7), "minutes"), NA),
    "sum of all rows, those of no use too": (a.Sum(a.Window("usage", 28), "minutes"), 80),
    "sum under one more condition": (a.Sum(a.Window("usage", 56, where=NO_SEARCH), "events"), 17),
    "sum ever": (a.Sum(used(), "events"), 26),
    "sum ever until 28 days ago": (a.Sum(used(None, 28), "events"), 15),
    "active days": (a.Active(used(28)), 4),
    "active days ever": (a.Active(used()), 8),
    "distinct users": (a.Distinct(used(28), "user_id"), 3),
    "distinct users before": (a.Distinct(used(28, 28), "user_id"), 1),
    "distinct users ever": (a.Distinct(used(), "user_id"), 5),
    "distinct users until 28 days ago": (a.Distinct(used(None, 28), "user_id"), 2),
    "distinct features": (a.Distinct(used(28), "feature"), 3),
    "distinct features ever": (a.Distinct(used(), "feature"), 4),
    "regulars of one day": (a.Regulars(used(28), "user_id", 1), 3),
    "regulars of two days": (a.Regulars(used(28), "user_id", 2), 1),
    "regulars of three days": (a.Regulars(used(28), "user_id", 3), 0),
    "registered users": (a.Distinct(used(28, 0, REGISTERED), "user_id"), 3),
    "registered users ever": (a.Distinct(used(None, 0, REGISTERED), "user_id"), 3),
    "champions by the role of the day": (a.Distinct(used(28, 0, CHAMPION), "user_id"), 1),
    "the last use by a champion": (a.DaysSince(used(None, 0, CHAMPION)), 1),
    "the last use by an admin": (a.DaysSince(used(None, 0, a.Condition("user_id", "role", ("admin",)))), 7),
    "the last use by nobody's role": (a.DaysSince(used(None, 0, a.Condition("user_id", "role", ("x",)))), NA),
    "tickets of champions": (a.Count(a.Window("tickets", where=(CHAMPION,))), 2),
    "tickets of registered users": (a.Count(a.Window("tickets", where=(REGISTERED,))), 3),
    "regular champions": (a.Regulars(used(28, 0, CHAMPION), "user_id", 2), 1),
    "entitled features": (a.Distinct(used(60, 0, ENTITLED), "feature"), 3),
    "entitled features, long ago": (a.Distinct(used(28, 365, ENTITLED), "feature"), 0),
    "core features": (a.Distinct(used(28, 0, CORE), "feature"), 2),
    "what the plan includes": (a.Included(), 4),
    "what the plan has at its core": (a.Included(core=True), 2),
    # report 7 of 10 and export 3 of 4; admin has no limit, and what is never used none above 0.
    "share of a limit": (a.LimitShare(used(28)), 3 / 4),
    "share of a limit, core features only": (a.LimitShare(used(28, 0, CORE)), 7 / 10),
    "share of a limit, unused": (a.LimitShare(used(7, 100)), 0),
    "mean": (a.Mean(a.Window("tickets"), "csat"), 3.5),
    "mean without values": (a.Mean(a.Window("tickets", 7), "csat"), NA),
    "median hours": (a.MedianHours(a.Window("tickets"), "opened_at", "resolved_at"), 8),
    "rows at another time": (a.Count(a.Window("tickets", 28, at="resolved_at")), 2),
    "rows of the first minute": (a.Count(a.Window("tickets", 28)), 2),
    "empty": (a.Count(a.Window("tickets", where=(a.Condition("resolved_at", "empty"),))), 2),
    "filled": (a.Count(a.Window("tickets", where=(a.Condition("resolved_at", "filled"),))), 2),
    "earliest": (a.Earliest(a.Window("tickets", 28)), 28),
    "earliest use": (a.Earliest(used()), 395),
    "earliest of none": (a.Earliest(used(7, 100)), NA),
    "days since": (a.DaysSince(a.Window("tickets")), 1),
    "days since, under a condition": (a.DaysSince(used(None, 0, a.Condition("feature", "in", ("admin",)))), 28),
    "ratio": (a.Ratio(a.Count(a.Window("tickets")), a.State("seats")), 0.4),
    "ratio to none": (a.Ratio(a.State("seats"), a.Count(used(7, 100))), NA),
    "change": (a.Change(a.Sum(used(28), "events"), a.Sum(used(28, 28), "events")), 11 / 6 - 1),
    "change from none": (a.Change(a.State("seats"), a.Count(used(7, 100))), NA),
    "minus": (a.Minus(a.State("seats"), a.Count(a.Window("tickets"))), 6),
    "minus what is missing": (a.Minus(a.State("seats"), a.State("employees")), NA),
    "least": (a.Least(a.State("seats"), a.Count(a.Window("tickets"))), 4),
    "least of one": (a.Least(a.State("employees"), a.State("seats")), 10),
    # The records begin on 2023-06-01, 395 days ago, and the first subscription 546 days ago.
    "whole": (a.Count(used(31, 364, whole=True)), 1),
    "whole, one day too far": (a.Count(used(32, 364, whole=True)), NA),
    "whole of what is recorded by the minute": (a.Count(a.Window("tickets", 59, whole=True)), 3),
    "whole, one day more": (a.Count(a.Window("tickets", 60, whole=True)), 4),
    "whole, two days more": (a.Count(a.Window("tickets", 61, whole=True)), NA),
}  # fmt: skip
"""Expression and value. The row of 06-28 was recorded on DAY, the one of 06-02 on the eve; u1 is a champion since the
eve, u2 from DAY on."""


@pytest.fixture(scope="module")
def words(open_tables: Open) -> dict[str, Any]:
    return values(measured(open_tables(COMPANY | FULL), {n: e for n, (e, _) in WORDS.items()}))


@pytest.mark.parametrize("what", WORDS)
def test_a_word_on_a_table_that_can_be_checked_by_eye(what: str, words: dict[str, Any]) -> None:
    wanted = WORDS[what][1]
    assert words[what] == (NA if wanted is NA else pytest.approx(wanted, rel=1e-12, abs=0))


def test_a_word_alone_and_in_company_comes_to_the_same(open_tables: Open, words: dict[str, Any]) -> None:
    """Features share readings of a table that reach as far as the farthest of them."""
    history = open_tables(COMPANY | FULL)
    for what, (expression, _) in list(WORDS.items())[::4]:
        assert values(measured(history, {what: expression})) == {what: words[what]}


@pytest.mark.parametrize("n", [0, 1, 7, 27, 28, 29, 56])
def test_windows_are_half_open(n: int, open_tables: Open) -> None:
    """One row, n days before DAY: in a window of 28 days from its first day to the last before as_of."""
    day = DAY - dt.timedelta(days=n)
    tables = {
        "usage": f"account_id, day, feature, events, user_id\nA, {day}, report, 3, u",
        "tickets": f"ticket_id, account_id, opened_at\nt1, A, {day} 00:00\nt2, A, {day} 23:59:59",
    }
    now, before = 1 <= n <= 28, 29 <= n <= 56
    found = measured(
        open_tables(COMPANY | tables),
        {
            "rows": a.Count(used(28)), "rows before": a.Count(used(28, 28)),
            "days": a.Active(used(28)), "days before": a.Active(used(28, 28)),
            "users": a.Distinct(used(28), "user_id"), "users before": a.Distinct(used(28, 28), "user_id"),
            "kinds": a.Distinct(used(28), "feature"), "kinds before": a.Distinct(used(28, 28), "feature"),
            "events": a.Sum(used(28), "events"), "events before": a.Sum(used(28, 28), "events"),
            "raw": a.Count(a.Window("usage", 28)), "raw before": a.Count(a.Window("usage", 28, 28)),
            "regulars": a.Regulars(used(28), "user_id", 1), "regulars before": a.Regulars(used(28, 28), "user_id", 1),
            "at": a.Count(a.Window("usage", 28, at="day")), "at before": a.Count(a.Window("usage", 28, 28, at="day")),
            "tickets": a.Count(a.Window("tickets", 28)), "tickets before": a.Count(a.Window("tickets", 28, 28)),
        },
    )  # fmt: skip
    many = {"events": 3, "tickets": 2}
    for name, value in values(found).items():
        inside = before if name.endswith(" before") else now
        assert value == inside * many.get(name.removesuffix(" before"), 1), name


LATE = """
account_id, day,        feature, events, user_id, minutes, recorded_at
A,          2024-03-01, a,       1,      u1,      1,       2024-03-05
A,          2024-03-01, a,       2,      u1,      2,       2024-03-01 12:00
A,          2024-03-01, b,       4,      u2,      4,       2024-03-09
A,          2024-03-01, b,       0,      u3,      8,       2024-03-02
A,          2024-02-01, c,       8,      u2,      ,        2024-03-07 00:00
A,          2024-03-01, c,       16,     u2,      ,        2024-03-04
"""
# as_of: (rows, events, minutes, active days, users, features, users of two days, days since, earliest), ever
KNOWN = {
    "2024-03-01": (0, 0, 0, 0, 0, 0, 0, NA, NA),
    "2024-03-02": (1, 2, 2, 1, 1, 1, 0, 1, 1),
    "2024-03-05": (2, 18, 2, 1, 2, 2, 0, 4, 4),  # a was recorded on the day itself
    "2024-03-06": (3, 19, 3, 1, 2, 2, 0, 5, 5),  # the same person, feature and day again
    "2024-03-07": (3, 19, 3, 1, 2, 2, 0, 6, 6),
    "2024-03-08": (4, 27, 3, 2, 2, 2, 1, 7, 36),  # an earlier day that became known later
    "2024-03-09": (4, 27, 3, 2, 2, 2, 1, 8, 37),
    "2024-03-10": (5, 31, 7, 2, 2, 3, 1, 9, 38),
}
EVER = {
    "rows": a.Count(used()), "events": a.Sum(used(), "events"), "minutes": a.Sum(used(), "minutes"),
    "days": a.Active(used()), "users": a.Distinct(used(), "user_id"), "features": a.Distinct(used(), "feature"),
    "regulars": a.Regulars(used(60), "user_id", 2), "since": a.DaysSince(used()), "earliest": a.Earliest(used()),
}  # fmt: skip


def test_rolled_up_days_whose_rows_became_known_at_different_times(open_tables: Open) -> None:
    history = open_tables(COMPANY | {"usage": LATE})
    days = [dt.date.fromisoformat(d) for d in KNOWN]
    at_once = measured(history, EVER, days)
    bounded = measured(history, {"users": a.Distinct(used(60), "user_id"), "days": a.Active(used(60)),
                                 "features": a.Distinct(used(60), "feature")}, days)  # fmt: skip
    for n, (day, wanted) in enumerate(KNOWN.items()):
        assert tuple(values(at_once.iloc[[n]]).values()) == wanted, day
        assert values(bounded.iloc[[n]]) == {"users": wanted[4], "days": wanted[3], "features": wanted[5]}, day
        assert tuple(values(measured(history, EVER, [days[n]])).values()) == wanted, day


PLANS = "subscription_id, account_id, plan, started_on, mrr\ns, A, pro, 2023-01-01, 50\nt, A, {}, 2023-01-01, 9"


@pytest.mark.parametrize(
    ("plan", "wanted"),
    [
        # pro and basic together include five features, of which search is core too; its limit is 1 and 7 were used.
        ("basic", {"included": 5, "core": 3, "entitled": 4, "share": 7.0}),
        # Nothing is known of what a plan includes that no entitlement names.
        ("none", {"included": NA, "core": NA, "entitled": NA, "share": NA}),
    ],
)
def test_plans_are_taken_together(plan: str, wanted: dict[str, float | None], open_tables: Open) -> None:
    found = measured(
        open_tables(COMPANY | FULL | {"subscriptions": PLANS.format(plan)}),
        {"included": a.Included(), "core": a.Included(core=True),
         "entitled": a.Distinct(used(60, 0, ENTITLED), "feature"), "share": a.LimitShare(used(60))},
    )  # fmt: skip
    assert values(found) == wanted


def test_limits_of_plans_add_up_and_one_without_a_limit_leaves_none(open_tables: Open) -> None:
    both = "plan, feature, monthly_limit\npro, report, 10\nbasic, report, 6\npro, export, 1\nbasic, export,"
    history = open_tables(COMPANY | FULL | {"subscriptions": PLANS.format("basic"), "entitlements": both})
    assert values(measured(history, {"share": a.LimitShare(used(28))})) == {"share": 7 / 16}


def test_an_entitlement_counts_once_it_is_recorded(open_tables: Open) -> None:
    later = "plan, feature, core, recorded_at\npro, report, true,\npro, export, true, 2024-06-30"
    history = open_tables(COMPANY | FULL | {"entitlements": later})
    measures = {"core": a.Distinct(used(60, 0, CORE), "feature"), "of": a.Included(core=True)}
    found = measured(history, measures, [DAY, DAY + dt.timedelta(days=1)])
    assert found["core"].tolist() == [1, 2]
    assert found["of"].tolist() == [1, 2]


def test_whole_waits_for_the_first_paid_subscription_too(open_tables: Open) -> None:
    subs = "subscription_id, account_id, plan, started_on, mrr, trial\nt, A, pro, 2023-01-01, 0, true\n"
    measures = {str(n): a.Count(used(n, whole=True)) for n in (29, 30, 31)}
    history = open_tables(COMPANY | {"usage": USAGE, "subscriptions": subs + "s, A, pro, 2024-05-31, 50, false"})
    assert values(measured(history, measures)) == {"29": 6, "30": 6, "31": NA}


def test_more_days_than_fit_into_one_reading_in_any_order_and_twice(open_tables: Open) -> None:
    history = open_tables(COMPANY | {"usage": USAGE, "users": USERS})
    days = [DAY - dt.timedelta(days=n) for n in range(70)]
    asked = [*days[::-2], *days, *days[::3]]
    steps: list[tuple[int, int]] = []
    rows = build_features(history, asked, progress=lambda done, of: steps.append((done, of)))
    assert rows["as_of"].dt.date.tolist() == sorted(days)
    assert rows.index.equals(pd.RangeIndex(70))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1] == (70, 70)
    alone = pd.concat([build_features(history, [d]) for d in sorted(days)[30:34]], ignore_index=True)
    pd.testing.assert_frame_equal(rows.iloc[30:34].reset_index(drop=True), alone, check_exact=True)


IDS = ["1", "01", "1.5", "a b", "O'Brien", 'say "so"', "%_;--", "Zoë 🦊", "NULL", "x" * 200, "A"]


def _parquet(folder: Path, tables: dict[str, dict[str, list[Any]]]) -> History:
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return History.open(folder)


def test_ids_of_any_text(fresh_folder: Callable[[], Path]) -> None:
    """Usage keeps its ids as codes; they must come out as the texts that they are, whatever is in them."""
    n, day = len(IDS), [dt.date(2024, 1, 1)] * len(IDS)
    history = _parquet(fresh_folder(), {
        "accounts": {"account_id": IDS, "created_on": day},
        "subscriptions": {"subscription_id": IDS, "account_id": IDS, "plan": IDS, "started_on": day, "mrr": [1] * n},
        "users": {"user_id": IDS, "account_id": IDS, "created_on": day, "role": ["champion"] * n},
        "entitlements": {"plan": IDS, "feature": IDS},
        "usage": {"account_id": IDS[::-1], "day": day, "feature": IDS[::-1], "events": list(range(n, 0, -1)),
                  "user_id": IDS[::-1]},
    })  # fmt: skip
    measures = {"events": a.Sum(used(), "events"), "users": a.Distinct(used(None, 0, CHAMPION), "user_id"),
                "features": a.Distinct(used(300, 0, ENTITLED), "feature")}  # fmt: skip
    found = measured(history, measures).set_index("account_id")
    assert found["events"].to_dict() == {name: i + 1 for i, name in enumerate(IDS)}
    assert (found["users"] == 1).all()
    assert (found["features"] == 1).all()


def test_ids_that_are_numbers_in_one_table_and_text_in_another(fresh_folder: Callable[[], Path]) -> None:
    day = [dt.date(2024, 1, 1)] * 2
    history = _parquet(fresh_folder(), {
        "accounts": {"account_id": ["7", "12"], "created_on": day},
        "subscriptions": {"subscription_id": [1, 2], "account_id": [7, 12], "plan": ["p", "p"], "started_on": day,
                          "mrr": [1, 1]},
        "usage": {"account_id": [7.0, 12.0], "day": day, "feature": ["f", "f"], "events": [3, 4]},
    })  # fmt: skip
    assert history.report.failing == {}
    found = measured(history, {"events": a.Sum(used(), "events")})
    assert dict(zip(found["account_id"], found["events"], strict=True)) == {"7": 3, "12": 4}


@pytest.mark.parametrize("usage", ["account_id, day, feature, events",
                                   "account_id, day, feature, events, user_id, minutes"])  # fmt: skip
def test_usage_without_rows(usage: str, open_tables: Open) -> None:
    """Nobody used anything, which is 0; who used it is not known where no column says."""
    found = values(measured(open_tables(COMPANY | {"usage": usage}), {
        "rows": a.Count(used(28)), "events": a.Sum(used(), "events"), "days": a.Active(used(28)),
        "users": a.Distinct(used(28), "user_id"), "features": a.Distinct(used(), "feature"),
        "minutes": a.Sum(used(28), "minutes"), "since": a.DaysSince(used()), "whole": a.Count(used(28, whole=True)),
    }))  # fmt: skip
    person = 0 if "user_id" in usage else NA
    assert found == {"rows": 0, "events": 0, "days": 0, "users": person, "features": 0, "minutes": person,
                     "since": NA, "whole": NA}  # fmt: skip


def test_an_account_that_a_table_does_not_mention_has_none_of_it(open_tables: Open) -> None:
    """The table is there, so no row means none: counts are 0, and what has no rows to measure is missing."""
    two = {
        "accounts": COMPANY["accounts"] + "\nB, 2023-01-01",
        "subscriptions": COMPANY["subscriptions"] + "\nt, B, pro, 2023-01-01, 50, 10",
    }
    found = measured(open_tables(COMPANY | FULL | two), {n: e for n, (e, _) in WORDS.items()})
    other = values(found[found["account_id"] == "B"])
    for name, (expression, _) in WORDS.items():
        if isinstance(expression, a.Count | a.Active | a.Distinct | a.Regulars | a.Sum) and not expression.window.whole:
            assert other[name] == 0, name
        elif isinstance(expression, a.Mean | a.MedianHours | a.Earliest | a.DaysSince):
            assert other[name] is NA, name


WITHOUT = {
    "usage.user_id": {"distinct users", "regulars of two days", "registered users", "the last use by a champion"},
    "usage.minutes": {"sum of money-like numbers", "sum of all rows, those of no use too"},
    "users": {"registered users", "the last use by a champion", "tickets of champions", "regular champions"},
    "users.role": {"the last use by a champion", "tickets of champions", "regular champions"},
    "entitlements": {"entitled features", "core features", "what the plan includes", "share of a limit"},
    "entitlements.core": {"core features", "what the plan has at its core", "share of a limit, core features only"},
    "entitlements.monthly_limit": {"share of a limit", "share of a limit, unused"},
    "tickets": {"mean", "median hours", "tickets of champions", "rows of the first minute", "ratio"},
    "tickets.resolved_at": {"median hours", "rows at another time", "empty", "filled"},
    "tickets.user_id": {"tickets of champions", "tickets of registered users"},
    "subscriptions.seats": {"ratio", "minus"},
}
"""What there is not, with some of the words that are missing without it."""


@pytest.mark.parametrize("what", WITHOUT)
def test_without_its_table_or_column_a_word_is_missing_and_never_zero(
    what: str, words: dict[str, Any], open_tables: Open
) -> None:
    table, _, column = what.partition(".")
    tables = COMPANY | FULL
    if column:
        tables[table] = tables[table].replace(column, f"not_{column}", 1)
    else:
        del tables[table]
    found = values(measured(open_tables(tables), {n: e for n, (e, _) in WORDS.items()}))
    gone = {n for n in found if found[n] is NA and words[n] is not NA}
    assert gone >= WITHOUT[what]
    # Whatever is missing now speaks of it; all else is as it was.
    named = f"'{column}'" if column else f"'{table}'"
    speaks = {"users": "'role'", "users.role": "'role', values=('", "entitlements": "d", "entitlements.core": "core"}
    assert all((speaks.get(what, named) in repr(WORDS[n][0])) or "Limit" in repr(WORDS[n][0]) for n in gone)
    kept = {n: v for n, v in found.items() if n not in gone and n != "least"}  # which takes the other one
    assert kept == {n: words[n] for n in kept}


def test_the_frame_is_as_promised(open_tables: Open) -> None:
    history = open_tables(COMPANY)
    rows = build_features(history, [DAY, dt.date(2024, 1, 1), DAY])
    assert list(rows.columns) == ["account_id", "as_of", *CATALOGUE.names]
    assert rows["as_of"].tolist() == [pd.Timestamp(2024, 1, 1), pd.Timestamp(2024, 6, 30)]
    assert rows["as_of"].dtype == np.dtype("datetime64[us]")
    assert {rows[n].dtype for n in CATALOGUE.numbers} == {np.dtype("float64")}
    assert {rows[n].dtype for n in CATALOGUE.categories} == {np.dtype(object)}
    assert all(v is None or isinstance(v, str) for n in CATALOGUE.categories for v in rows[n])
    assert rows.index.equals(pd.RangeIndex(2))


def test_the_engine_leaves_nothing_behind(open_tables: Open) -> None:
    history = open_tables(COMPANY | FULL)
    before = history.con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    compute_features(CATALOGUE, history, [DAY])
    assert history.con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall() == before


def test_an_empty_cohort_is_an_empty_frame_of_the_same_shape(open_tables: Open) -> None:
    gone = COMPANY["subscriptions"].replace("mrr,", "mrr, ended_on,").replace("50,", "50, 2023-02-01,")
    rows = build_features(open_tables(COMPANY | {"subscriptions": gone}), [DAY])
    assert len(rows) == 0
    assert list(rows.columns) == ["account_id", "as_of", *CATALOGUE.names]
    assert rows["as_of"].dtype == np.dtype("datetime64[us]")
    assert {rows[n].dtype for n in CATALOGUE.numbers} == {np.dtype("float64")}


def test_no_day_is_refused(open_tables: Open) -> None:
    with pytest.raises(TenureError, match=r"^No as_of day was given"):
        build_features(open_tables(COMPANY), [])
