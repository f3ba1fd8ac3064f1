"""Desk: books, how they are used and how healthy, what people say and how soon they start; as known, and no later."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.history import History
from features.ledger import ledger_of
from success.economics import DEFINITIONS, desk_metrics, economics_metrics
from success.economics.figures import Figures
from success.periods import Period
from success.revenue.groups import GROUPINGS
from tests.success.economics.companies import by_month, company, subscription

AS_OF = dt.date(2025, 1, 1)
QUARTER = Period.parse("2024Q4")


def desk(history: History, as_of: dt.date = AS_OF, by: str | None = "csm", **others: Any) -> Figures:
    return desk_metrics(history, ledger_of(history, as_of), QUARTER, as_of, by, **others)


def users(account: str, count: int, gone: int = 0) -> list[dict[str, Any]]:
    """Users of an account, of whom the first ones have left."""
    row = {"account_id": account, "created_on": "2023-01-01"}
    return [
        {"user_id": f"{account}{n}", "deactivated_on": "2024-11-01" if n < gone else ""} | row for n in range(count)
    ]


def used(account: str, numbers: range, day: str) -> list[dict[str, Any]]:
    return [
        {"account_id": account, "day": day, "feature": "f", "events": 1, "user_id": f"{account}{n}"} for n in numbers
    ]


@pytest.fixture(scope="module")
def two_books(tmp_path_factory: pytest.TempPathFactory) -> History:
    """C1 holds a and b, C2 took c from C1 and holds what left (gone), nobody holds d."""
    return company(
        tmp_path_factory.mktemp("books"),
        subscriptions=[
            subscription("a", 100, "2023-01-01"),
            subscription("b", 300, "2023-01-01"),
            subscription("c", 500, "2023-01-01"),
            subscription("d", 50, "2023-01-01"),
            subscription("gone", 999, "2023-01-01", "2024-12-31"),
        ],
        assignments=[
            {"account_id": a, "csm_id": csm, "from_on": since, "to_on": ""}
            for a, csm, since in (
                ("a", "C1", "2023-01-01"),
                ("b", "C1", "2023-01-01"),
                ("c", "C1", "2023-01-01"),
                ("c", "C2", "2024-06-01"),
                ("gone", "C3", "2023-01-01"),
            )
        ],
        users=[*users("a", 60, gone=20), *users("b", 5), *users("gone", 7)],
        usage=[
            *used("a", range(50), "2024-05-05"),
            *used("a", range(15, 30), "2024-12-25"),  # of whom the first five have left
            *used("a", range(55, 60), "2024-12-24"),  # 8 days before the end
            *used("gone", range(7), "2024-12-30"),
            {"account_id": "a", "day": "2024-12-31", "feature": "f", "events": 0, "user_id": "a40"},
        ],
    )


def test_users_count_where_they_are_and_use_counts_while_they_are_there(two_books: History) -> None:
    told = desk(two_books)["C1"]
    assert (told["adoption"].numerator, told["adoption"].denominator) == (55, 65)
    assert (told["weekly_active"].numerator, told["weekly_active"].denominator) == (10, 45)


def test_fifty_of_sixty_and_ten_of_forty(tmp_path: Path) -> None:
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01")],
        users=users("a", 60, gone=20),
        usage=[*used("a", range(50), "2024-05-05"), *used("a", range(20, 30), "2024-12-25")],
    )
    told = desk(history)[None]
    assert told["adoption"].value == pytest.approx(50 / 60)
    assert f"{told['adoption'].value:.0%}" == "83%"
    assert told["weekly_active"].value == 10 / 40


def test_what_comes_after_the_period_is_not_in_it_however_well_known(tmp_path: Path) -> None:
    later = {"account_id": "a", "created_on": "2025-01-01"}
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01")],
        users=[
            {"user_id": "a0", "account_id": "a", "created_on": "2023-01-01", "deactivated_on": "2025-01-01"},
            {"user_id": "a1", "account_id": "a", "created_on": "2023-01-01", "deactivated_on": ""},
            {"user_id": "a2", "deactivated_on": ""} | later,
        ],
        usage=[*used("a", range(1), "2024-12-31"), *used("a", range(3), "2025-01-01")],
    )
    told = desk(history, as_of=dt.date(2025, 6, 1))[None]
    assert (told["adoption"].numerator, told["adoption"].denominator) == (1, 2)
    assert (told["weekly_active"].numerator, told["weekly_active"].denominator) == (1, 2)


def test_books_per_csm(two_books: History) -> None:
    told = desk(two_books)
    assert list(told) == [None, "", "C1", "C2", "C3"]
    assert told["C1"]["arr_per_csm"].value == 12 * 400
    assert told["C1"]["accounts_per_csm"].value == 2
    assert told["C2"]["arr_per_csm"].value == 12 * 500
    assert told[None]["arr_per_csm"].value == 12 * 900 / 2
    assert told[None]["accounts_per_csm"].value == 1.5
    assert told[""]["arr_per_csm"].value is None
    assert told[""]["arr_per_csm"].note == "Not defined: no CSM holds any of these accounts."
    assert told["C3"]["accounts_per_csm"].value is None  # all of the book has left
    assert told["C3"]["adoption"].note == "Not defined: these accounts have no users."


def test_health_by_account_and_by_mrr(two_books: History) -> None:
    health = pd.DataFrame({"account_id": ["a", "b", "c", "gone"], "health": [90, 50.0, None, 1]})
    told = desk(two_books, health=health)
    assert told["C1"]["health_by_account"].value == 70
    assert told["C1"]["health_by_mrr"].value == (90 * 100 + 50 * 300) / 400
    assert told["C1"]["health_by_mrr"].note == ""
    assert told[None]["health_by_account"].value == 70
    assert told[None]["health_by_account"].note == "2 of 4 accounts have no health."
    assert told["C2"]["health_by_mrr"].value is None
    assert desk(two_books)["C1"]["health_by_mrr"].note == "Not defined: no health is stored for that day."


def test_the_share_of_a_week_without_usage_data_is_not_zero(tmp_path: Path) -> None:
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01")],
        users=users("a", 2),
        usage=used("a", range(1), "2024-05-05"),
    )
    late = Period.parse("2026Q1")
    told = desk_metrics(history, ledger_of(history, dt.date(2026, 5, 1)), late, dt.date(2026, 5, 1))[None]
    assert told["weekly_active"].note == (
        "Not defined: usage is on record until 2026-01-01 only, and figures run until 2026-04-01."
    )
    assert told["adoption"].value == 0.5


def test_the_promoter_score_takes_the_latest_answer_of_each_user_by_role(tmp_path: Path) -> None:
    def answer(user: str, day: str, score: int, account: str = "a", kind: str = "nps") -> dict[str, Any]:
        return {"account_id": account, "kind": kind, "responded_at": f"{day} 10:00:00", "score": score, "user_id": user}

    roles = {"u1": "Admin", "u2": "champion", "u3": "champion", "u4": ""}
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01"), subscription("b", 100, "2023-01-01", "2024-06-01")],
        assignments=[{"account_id": a, "csm_id": a.upper(), "from_on": "2023-01-01"} for a in ("a", "b")],
        users=[{"user_id": u, "account_id": "a", "created_on": "2023-01-01", "role": r} for u, r in roles.items()],
        surveys=[
            answer("u1", "2024-02-01", 2),
            answer("u1", "2024-10-01", 9),
            answer("u2", "2024-05-01", 10),
            answer("u3", "2024-05-01", 6),
            answer("u3", "2024-05-02", 3, kind="csat"),
            answer("u4", "2024-05-01", 7),
            answer("u4", "2023-12-31", 10),  # 366 days before the end, and not the latest
            answer("", "2024-05-01", 0),
            answer("", "2024-05-01", 0),
            answer("", "2024-05-01", 0, account="b"),
            answer("u9", "2023-12-31", 10),
            answer("u9", "2025-01-01", 10),
        ],
    )
    told = desk(history)
    assert {n: m.value for n, m in told["A"].items() if n.startswith("nps")} == {
        "nps": pytest.approx(100 * (2 - 3) / 6),
        "nps_unknown": pytest.approx(100 * (0 - 2) / 3),
        "nps_admin": 100,
        "nps_champion": 0,
    }
    assert (told["A"]["nps"].numerator, told["A"]["nps"].denominator) == (-1, 6)
    # Whoever left since was asked as well.
    assert told[None]["nps"].value == pytest.approx(100 * (2 - 4) / 7)


def test_rated_touches_of_ninety_days_by_whoever_was_in_touch(tmp_path: Path) -> None:
    days = {"2024-09-30": 1, "2024-10-02": 1, "2024-10-03": 5, "2024-12-31": 3, "2025-01-01": 1}
    touches = [
        {"account_id": "a", "csm_id": "C2", "occurred_at": f"{day} 23:59:00", "satisfaction": score}
        for day, score in [*days.items(), ("2024-12-01", "")]
    ]
    history = company(
        tmp_path,
        subscriptions=[subscription("a", 100, "2023-01-01"), subscription("b", 1, "2023-01-01")],
        assignments=[
            {"account_id": "a", "csm_id": "C1", "from_on": "2023-01-01"},
            {"account_id": "b", "csm_id": "C2", "from_on": "2023-01-01"},
        ],
        touches=touches,
    )
    told = desk(history, as_of=dt.date(2025, 3, 1))
    assert (told["C2"]["touch_satisfaction"].value, told["C2"]["touch_satisfaction"].denominator) == (4, 2)
    assert told["C1"]["touch_satisfaction"].note == "Not defined: no touch was rated."
    inside = desk(history, as_of=dt.date(2024, 10, 3))[None]["touch_satisfaction"]
    assert (inside.value, inside.denominator) == (1, 1)  # nothing from before the period


@pytest.mark.parametrize(
    ("days", "value", "note"),
    [
        ([10, 30, 20], 20, ""),
        ([10, 30, 20, 50], 25, ""),
        ([10, 30, None], 30, "1 of 3 sold in the period are not known to be live yet."),
        ([10, -5, None], 10, "1 of 3 sold in the period are not known to be live yet."),
        ([-5], 0, ""),
        ([10, None], None, "Not defined until more than half are live: 1 of 2 sold in the period are not known"),
        ([], None, "Not defined: no account was sold in the period."),
    ],
)
def test_days_from_sale_to_live_wait_for_those_that_are_not(
    tmp_path: Path, days: list[int | None], value: float | None, note: str
) -> None:
    sold = dt.date(2024, 10, 1)
    accounts = [{"account_id": f"a{n}", "created_on": "2020-01-01", "sold_on": sold} for n in range(len(days))]
    accounts += [{"account_id": "z", "created_on": "2020-01-01", "sold_on": "2025-01-01"}]
    reached = [(f"a{n}", sold + dt.timedelta(days=d)) for n, d in enumerate(days) if d is not None]
    milestones = [
        {"account_id": a, "milestone": name, "kind": kind, "due_on": "2024-10-15", "reached_on": day}
        for a, live in [*reached, ("z", "2025-01-02")]
        for name, kind, day in (
            ("go", "live", live),
            ("again", "live", "2025-02-02"),
            ("kickoff", "onboarding", "2024-10-02"),
        )
    ]
    history = company(
        tmp_path,
        accounts=accounts,
        subscriptions=[subscription(row["account_id"], 100, "2024-10-01") for row in accounts],
        milestones=milestones,
    )
    told = desk(history, by=None)[None]["days_to_live"]
    assert told.value == value
    assert told.note.startswith(note)
    assert bool(told.note) == bool(note)


def test_what_becomes_known_later_changes_nothing(tmp_path: Path) -> None:
    known = {
        "subscriptions": [subscription("a", 100, "2023-01-01"), subscription("b", 70, "2023-01-01")],
        "users": users("a", 3),
        "usage": used("a", range(2), "2024-12-30"),
        "surveys": [{"account_id": "a", "kind": "nps", "responded_at": "2024-11-01 10:00:00", "score": 9}],
        "touches": [{"account_id": "a", "csm_id": "C1", "occurred_at": "2024-12-01 10:00:00", "satisfaction": 4}],
        "assignments": [{"account_id": "a", "csm_id": "C1", "from_on": "2023-01-01"}],
        "costs": by_month("2023-01", 24, 10, csm_id="C1"),
    }
    stamped = {name: [row | {"recorded_at": "2024-12-31 12:00:00"} for row in rows] for name, rows in known.items()}
    stamp = {"recorded_at": "2025-01-01 00:00:01"}
    later = {
        "subscriptions": [subscription("a", 900, "2024-01-01", subscription_id="late") | stamp],
        "users": [{"user_id": "late", "account_id": "a", "created_on": "2023-01-01"} | stamp],
        "usage": [row | stamp for row in used("a", range(2, 3), "2024-12-30")],
        "surveys": [{"account_id": "a", "kind": "nps", "responded_at": "2024-11-02 10:00:00", "score": 0} | stamp],
        "touches": [
            {"account_id": "a", "csm_id": "C1", "occurred_at": "2024-12-02 10:00:00", "satisfaction": 1} | stamp
        ],
        "assignments": [{"account_id": "b", "csm_id": "C1", "from_on": "2023-01-01"} | stamp],
        "costs": [row | stamp for row in by_month("2024-01", 12, 99, "tools")],
    }
    before = company(tmp_path / "before", **stamped)
    after = company(tmp_path / "after", **{name: [*stamped[name], *later[name]] for name in stamped})
    for told in (desk, costly):
        assert told(before) == told(after), told
        assert told(before) != told(after, dt.date(2025, 1, 2)), told


def costly(history: History, as_of: dt.date = AS_OF) -> Figures:
    return economics_metrics(history, ledger_of(history, as_of), QUARTER, as_of, "csm")


@pytest.mark.parametrize("by", [None, *GROUPINGS])
def test_every_figure_has_a_definition_and_says_why_it_is_not_there(history: History, by: str | None) -> None:
    names = [definition.name for definition in DEFINITIONS]
    assert len(names) == len(set(names))
    known = set(DEFINITIONS)
    as_of = history.observed_until
    ledger = ledger_of(history, as_of)
    told = desk_metrics(history, ledger, Period.parse("2025Q2"), as_of, by)
    for metrics in told.values():
        for name, metric in metrics.items():
            assert metric.definition in known, name
            assert metric.definition.name == name
            assert metric.value is not None or metric.note.startswith("Not defined"), name
    if by:
        total = sum(told[group]["arr_per_csm"].numerator or 0 for group in told if group is not None)
        assert total == pytest.approx(told[None]["arr_per_csm"].numerator)
