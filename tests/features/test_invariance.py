"""Results depend on what the rows say: not on their order, nor on threads, nor on the files' format."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pandas as pd
import pytest

from features.build import build_features
from features.cohort import account_statuses
from features.history import History
from features.labels import churn_days
from features.settings import HistorySettings, Settings

AS_OF = dt.date(2024, 5, 31)
LENIENT = Settings(history=HistorySettings(max_failing_share=1.0))
DAYS = [AS_OF, AS_OF - dt.timedelta(days=31), AS_OF + dt.timedelta(days=30)]


def _results(history: History) -> list[pd.DataFrame]:
    return [build_features(history, DAYS), account_statuses(history, AS_OF), churn_days(history, AS_OF)]


def _same(ours: History, theirs: History) -> None:
    for left, right in zip(_results(ours), _results(theirs), strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


@pytest.fixture(scope="module")
def tables(company: ModuleType) -> dict[str, list[dict[str, object]]]:
    """Accounts with ties, plus rows that share a key and differ in what they say."""
    made = company.make(Random(11), AS_OF, accounts=40)
    rng = Random(12)
    keys = {"users": ("user_id", "valid_from"), "subscriptions": ("subscription_id", "started_on"),
            "tickets": ("ticket_id",), "invoices": ("invoice_id",), "accounts": ("account_id", "valid_from"),
            "entitlements": ("plan", "feature"), "milestones": ("account_id", "milestone")}  # fmt: skip
    for name, key in keys.items():
        for row in rng.sample(made[name], 3):
            made[name].append(rng.choice(made[name]) | {c: row[c] for c in key})
    for name in ("assignments", "arms"):  # periods of one account that overlap
        made[name] += [row | {"to_on": row["from_on"] + dt.timedelta(days=400)} for row in rng.sample(made[name], 3)]
    return dict(made)


@pytest.fixture(scope="module")
def reference(tables: dict, company: ModuleType, fresh_folder: Callable[[], Path]) -> History:
    history = History.open(company.write(tables, fresh_folder()), LENIENT, threads=1)
    assert history.report.failing.keys() >= {"accounts", "users", "subscriptions", "entitlements", "milestones",
                                             "tickets", "invoices", "assignments", "arms"}  # fmt: skip
    assert len(build_features(history, [AS_OF])) >= 10
    return history


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows(
    seed: int, tables: dict, company: ModuleType, reference: History, fresh_folder: Callable[[], Path]
) -> None:
    shuffled = History.open(company.write(tables, fresh_folder(), shuffle=Random(seed)), LENIENT)
    assert shuffled.report.failing == reference.report.failing
    _same(shuffled, reference)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads(
    threads: int, tables: dict, company: ModuleType, reference: History, fresh_folder: Callable[[], Path]
) -> None:
    _same(History.open(company.write(tables, fresh_folder()), LENIENT, threads=threads), reference)


@pytest.mark.parametrize("threads", [1, 4])
def test_parquet_and_csv(
    threads: int, tables: dict, company: ModuleType, reference: History, fresh_folder: Callable[[], Path]
) -> None:
    _same(History.open(company.write(tables, fresh_folder(), "parquet"), LENIENT, threads=threads), reference)


def test_threads_on_tables_of_many_blocks(fresh_folder: Callable[[], Path]) -> None:
    """Tables this long are read and added up by several threads at once; decimals must still come to the same."""
    rng = Random(3)
    folder = fresh_folder()
    accounts = [f"A{n:03}" for n in range(50)]
    (folder / "accounts.csv").write_text("account_id,created_on\n" + "".join(f"{a},2023-01-01\n" for a in accounts))
    (folder / "subscriptions.csv").write_text(
        "subscription_id,account_id,plan,started_on,mrr\n" + "".join(f"s{a},{a},p,2023-01-01,1\n" for a in accounts)
    )
    first = AS_OF - dt.timedelta(days=90)
    lines = [
        f"{rng.choice(accounts)},{first + dt.timedelta(days=rng.randrange(90))},f{rng.randrange(9)},"
        f"{rng.randrange(99)},u{rng.randrange(999)},{rng.randrange(99999) / 10_000}"
        for _ in range(150_000)
    ]
    (folder / "usage.csv").write_text("account_id,day,feature,events,user_id,minutes\n" + "\n".join(lines) + "\n")
    one, four = (build_features(History.open(folder, threads=n), [AS_OF]) for n in (1, 4))
    pd.testing.assert_frame_equal(one, four, check_exact=True)
    assert one["minutes_per_user_28d"].notna().all()


def test_order_of_two_periods_that_differ_in_nothing_but_what_they_say(open_tables: Callable[..., History]) -> None:
    """An account cannot be in both arms; which of the two stays must not be read off their places in the file."""
    rows = ["A, held, 2024-01-01, 2024-03-01", "A, open, 2024-01-01, 2024-03-01"]
    kept = []
    for order in (rows, rows[::-1]):
        history = open_tables(
            {
                "accounts": "account_id, created_on\nA, 2023-01-01",
                "subscriptions": "subscription_id, account_id, plan, mrr, started_on\ns, A, pro, 100, 2023-01-01",
                "usage": "account_id, day, feature, events\nA, 2024-01-09, f, 1",
                "arms": "\n".join(["account_id, arm, from_on, to_on", *order]),
            },
            LENIENT,
        )
        kept.append(history.con.execute(f"SELECT arm FROM {history.visible('arms', AS_OF)}").fetchall())
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1
