"""Subjects: of whom revenue is expected on a day, what they pay, how they stand, and whose they are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.history import History
from features.ledger import ledger_of
from features.money import RevenueSettings
from success.baselines import subjects_of
from tests.success.economics.companies import company, subscription

DAY = dt.date(2024, 3, 1)
SINCE = "2023-01-01"
Row = dict[str, Any]
WITHDREW = {"notice_on": "2024-01-10", "notice_withdrawn_on": "2024-02-10"}
ACCOUNTS: dict[str, tuple[list[tuple[Any, ...]], tuple[str, float, str | None, str | None] | None]] = {
    # account: [(mrr, started_on, ended_on, more)], (standing, mrr, leaves_on, left_on) or None where it is no subject
    "plain": ([(100, SINCE)], ("scored", 100, None, None)),
    "began the day before": ([(100, "2024-02-29")], ("scored", 100, None, None)),
    "begins on the day": ([(100, "2024-03-01")], None),
    "two at once": ([(100, SINCE), (50.5, "2023-06-01")], ("scored", 150.5, None, None)),
    "lost one of two": ([(100, SINCE), (50, "2023-06-01", "2024-02-20")], ("scored", 100, None, None)),
    "no MRR": ([(0, SINCE)], None),
    "only what is free is left": ([(0, SINCE), (50, "2023-06-01", "2024-02-20")], None),
    "on trial": ([(100, SINCE, "", {"trial": "true"})], None),
    "a trial beside it": ([(100, SINCE), (70, "2024-01-01", "", {"trial": "true"})], ("scored", 100, None, None)),
    "cheaper since": (
        [(100, SINCE, "2024-02-15", {"end_reason": "superseded"}), (80, "2024-02-15")],
        ("scored", 80, None, None),
    ),
    "notice": ([(100, SINCE, "", {"notice_on": "2024-02-10"})], ("notice", 100, None, None)),
    "notice on the day": ([(100, SINCE, "", {"notice_on": "2024-03-01"})], ("scored", 100, None, None)),
    "notice with an end": (
        [(100, SINCE, "2024-05-01", {"notice_on": "2024-02-10", "ended_on_recorded_at": "2024-02-10"})],
        ("notice", 100, "2024-05-01", None),
    ),
    "an end alone": (
        [(100, SINCE, "2024-03-01", {"ended_on_recorded_at": "2024-02-10"})],
        ("notice", 100, "2024-03-01", None),
    ),
    "an end that is written down later": (
        [(100, SINCE, "2024-05-01", {"notice_on": "2024-02-10", "ended_on_recorded_at": "2024-03-10"})],
        ("notice", 100, None, None),
    ),
    "two ends": (
        [(100, SINCE, "2024-05-01", {"ended_on_recorded_at": "2024-02-10"}),
         (30, SINCE, "2024-07-01", {"ended_on_recorded_at": "2024-02-10"})],
        ("notice", 130, "2024-07-01", None),
    ),
    "notice of one of two": ([(100, SINCE, "", {"notice_on": "2024-02-10"}), (30, SINCE)], ("scored", 130, None, None)),
    "withdrew the notice": ([(100, SINCE, "", WITHDREW)], ("scored", 100, None, None)),
    "left the day before": ([(100, SINCE, "2024-02-29")], ("grace", 100, None, "2024-02-29")),
    "left at the edge": ([(100, SINCE, "2024-02-01")], ("grace", 100, None, "2024-02-01")),
    "left too long ago": ([(100, SINCE, "2024-01-31")], None),
    "ends on the day": ([(100, SINCE, "2024-03-01")], ("scored", 100, None, None)),
    "did not pay": ([(100, SINCE, "2024-02-20", {"end_reason": "involuntary"})], ("grace", 100, None, "2024-02-20")),
    "merged": ([(100, SINCE, "2024-02-20", {"end_reason": "merged"})], None),
    "completed": ([(100, SINCE, "2024-02-20", {"end_reason": "completed"})], None),
    "left both": ([(100, SINCE, "2024-02-20"), (20, SINCE, "2024-02-20")], ("grace", 120, None, "2024-02-20")),
    "left one after the other": (
        [(100, SINCE, "2024-02-10"), (20, SINCE, "2024-02-20")],
        ("grace", 20, None, "2024-02-20"),
    ),
    "left what was free": ([(0, SINCE, "2024-02-20")], None),
    "left, as is written down later": (
        [(100, SINCE, "2024-02-20", {"ended_on_recorded_at": "2024-03-05"})],
        ("scored", 100, None, None),
    ),
    "back in time": ([(100, SINCE, "2024-02-10"), (60, "2024-02-20")], ("scored", 60, None, None)),
    "back and gone": (
        [(100, SINCE, "2023-12-10"), (60, "2024-01-01", "2024-02-20")],
        ("grace", 60, None, "2024-02-20"),
    ),
    "back on the day": ([(100, SINCE, "2024-02-20"), (60, "2024-03-01")], ("grace", 100, None, "2024-02-20")),
}  # fmt: skip
SEGMENTS = {"plain": "smb", "notice": "mid", "did not pay": "large"}


def subscriptions() -> list[Row]:
    columns = ("trial", "notice_on", "notice_withdrawn_on", "ended_on_recorded_at")
    rows = []
    for account, (given, _) in ACCOUNTS.items():
        for number, (mrr, start, *rest) in enumerate(given):
            end, more = (*rest, *("", {})[len(rest) :])
            row = subscription(account, mrr, start, end, **dict.fromkeys(columns, ""))
            rows.append(row | {"subscription_id": f"{account} {number}"} | more)
    return rows


def day_or_none(value: Any) -> str | None:
    return None if pd.isna(value) else str(value.date())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    accounts = [{"account_id": a, "created_on": "2020-01-01", "segment": SEGMENTS.get(a, "")} for a in ACCOUNTS]
    history = company(tmp_path_factory.mktemp("subjects"), accounts=accounts, subscriptions=subscriptions())
    assert history.report.failing == {}
    return subjects_of(history, DAY)


def test_who_is_a_subject_and_how_it_stands(found: pd.DataFrame) -> None:
    told = {
        one.account_id: (one.standing, one.mrr, day_or_none(one.leaves_on), day_or_none(one.left_on))
        for one in found.itertuples()
    }
    assert told == {account: wanted for account, (_, wanted) in ACCOUNTS.items() if wanted}
    assert found["account_id"].tolist() == sorted(told)
    assert set(found["csm_id"]) == {""}
    segments = dict(zip(found["account_id"], found["segment"], strict=True))
    assert {a: s for a, s in segments.items() if s is not None} == SEGMENTS


# account: assignments (csm, from_on, to_on), whose it is
BOOKS: dict[str, tuple[list[tuple[str, str, str]], str]] = {
    "nobody": ([], ""),
    "ann": ([("ann", SINCE, "")], "ann"),
    "since the day before": ([("ann", "2024-02-29", "")], "ann"),
    "from the day on": ([("ann", "2024-03-01", "")], ""),
    "until the day": ([("ann", SINCE, "2024-03-01")], "ann"),
    "until the day before": ([("ann", SINCE, "2024-02-29")], ""),
    "handed over on the day": ([("ann", SINCE, "2024-03-01"), ("bob", "2024-03-01", "")], "ann"),
    "handed over before": ([("ann", SINCE, "2024-02-10"), ("bob", "2024-02-10", "")], "bob"),
    "assigned last": ([("bob", SINCE, ""), ("ann", "2024-01-01", "")], "ann"),
    "left with a CSM": ([("ann", SINCE, "2024-02-20"), ("bob", "2024-02-22", "")], "ann"),
    "left after it was handed over": ([("ann", SINCE, "2024-02-19"), ("bob", "2024-02-19", "")], "bob"),
    "left when nobody was there": ([("ann", SINCE, "2024-02-10"), ("bob", "2024-02-20", "")], ""),
}


def test_whose_an_account_is(tmp_path: Path) -> None:
    subs = [subscription(a, 10, SINCE, "2024-02-20" if a.startswith("left") else "") for a in BOOKS]
    assigned = [{"account_id": a, "csm_id": csm, "from_on": begin, "to_on": end}
                for a, (rows, _) in BOOKS.items() for csm, begin, end in rows]  # fmt: skip
    history = company(tmp_path, subscriptions=subs, assignments=assigned)
    assert history.report.failing == {}
    found = subjects_of(history, DAY)
    assert dict(zip(found["account_id"], found["csm_id"], strict=True)) == {a: csm for a, (_, csm) in BOOKS.items()}


def test_money_is_in_the_reporting_currency(tmp_path: Path) -> None:
    rows = [subscription("a", 100, SINCE, currency="USD"), subscription("b", 100, SINCE, currency="EUR"),
            subscription("c", 10, SINCE, "2024-02-20", currency="USD")]  # fmt: skip
    history = company(tmp_path, RevenueSettings(currency="EUR", rates={"USD": 0.9}), subscriptions=rows)
    found = subjects_of(history, DAY, ledger_of(history, DAY))
    assert found["mrr"].tolist() == [90.0, 100.0, 9.0]
    assert found["standing"].tolist() == ["scored", "scored", "grace"]


def test_before_there_was_anybody_there_is_nobody(tmp_path: Path) -> None:
    history = company(tmp_path, subscriptions=[subscription("a", 100, "2024-03-01")])
    assert subjects_of(history, DAY).empty
    assert len(subjects_of(history, DAY + dt.timedelta(1))) == 1


def test_subjects_are_those_whose_money_the_ledger_has(history: History) -> None:
    """Of the simulated company: who pays on the day before, and who has just gone; each once."""
    for day in (dt.date(2024, 7, 1), dt.date(2025, 4, 1)):
        ledger = ledger_of(history, day)
        found = subjects_of(history, day, ledger)
        assert not found["account_id"].duplicated().any()
        paid = ledger.mrr_on(day - dt.timedelta(1))
        there = found[found["standing"] != "grace"].set_index("account_id")["mrr"]
        assert there.to_dict() == paid[paid > 0].to_dict()
        gone = found[found["standing"] == "grace"]
        assert len(gone) > 0
        assert not gone["account_id"].isin(paid.index).any()
        assert (gone["csm_id"] != "").any()
