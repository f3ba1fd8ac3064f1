"""Nothing sees the future: what becomes known on or after a day changes nothing that was computed for that day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features.build import build_features
from features.cohort import account_statuses
from features.errors import TenureError
from features.expansion import expansion_labels
from features.history import History
from features.labels import churn_days, churn_labels, recording_lag

AS_OF = dt.date(2024, 5, 31)
Open = Callable[..., History]


def as_bytes(rows: pd.DataFrame) -> bytes:
    """A frame as an Arrow stream, so that equal means equal to the last bit."""
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(rows, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def features_or_refusal(history: History, day: dt.date) -> bytes:
    """The rows of a day, or why there are none: too much of a table was of accounts that nobody knew yet."""
    try:
        return as_bytes(build_features(history, [day]))
    except TenureError as refusal:
        return str(refusal).encode()


def everything_known(history: History, day: dt.date) -> dict[str, bytes]:
    """All that is computed as of a day: features, statuses, churns, outcomes and how far the history reaches."""
    days = [AS_OF - dt.timedelta(days=n) for n in range(60, 300, 40)]
    rows = pd.DataFrame([(f"A{n}", d) for n in range(6) for d in days], columns=["account_id", "as_of"])
    period = history.observed_period(day)
    return {
        "features": features_or_refusal(history, day),
        "statuses": as_bytes(account_statuses(history, day)),
        "churns": as_bytes(churn_days(history, day)),
        "labels": as_bytes(churn_labels(history, rows, 28, day)),
        "expansions": as_bytes(expansion_labels(history, rows, 28, day)),
        "reach": repr((period, recording_lag(history, day))).encode(),
    }


def different(ours: dict[str, bytes], theirs: dict[str, bytes]) -> list[str]:
    """What differs, with the columns of a frame that do."""
    found = []
    for name in ours:
        if ours[name] != theirs[name] and name != "reach" and b" set aside " not in ours[name] + theirs[name]:
            frames = [pa.ipc.open_stream(some[name]).read_pandas() for some in (ours, theirs)]
            same_rows = frames[0].shape == frames[1].shape
            found += [f"{name}.{c}" for c in frames[0] if not same_rows or not frames[0][c].equals(frames[1][c])]
        elif ours[name] != theirs[name]:
            found.append(f"{ours[name]!r} {theirs[name]!r}")
    return found


@pytest.mark.parametrize("flood", [False, True])
def test_whatever_becomes_known_later_changes_no_byte(
    flood: bool, company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    # A smaller seed is no simpler company, so there is nothing to shrink.
    @settings(max_examples=2 if flood else 4, derandomize=True, deadline=None, database=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(seed=st.integers(0, 2**32 - 1))
    def holds(seed: int) -> None:
        rng = Random(seed)
        tables = company.make(rng, AS_OF)
        suffix = "csv" if flood else "parquet"
        before = History.open(company.write(tables, fresh_folder(), suffix))
        assert before.report.failing == {}
        # A company that nobody knows yet is refused, before and after; it has nothing to compare.
        for table in ("subscriptions", "usage"):
            if all(upheaval.known(row, company.EVENT[table]).date() >= AS_OF for row in tables[table]):
                return
        changed = upheaval.rewrite(rng, tables, AS_OF, company.EVENT, flood)
        after = History.open(company.write(changed, fresh_folder(), suffix))
        assert different(everything_known(after, AS_OF), everything_known(before, AS_OF)) == []

    holds()


@pytest.mark.parametrize("seed", range(2))
def test_a_history_that_stops_at_a_day_and_one_that_goes_on_say_the_same_of_it(
    seed: int, company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    """Cut off: without any row or later value that was not there yet. Days built at once are those built alone."""
    tables = company.make(Random(3000 + seed), AS_OF, accounts=8)
    whole = History.open(company.write(tables, fresh_folder(), "parquet"))
    days = [AS_OF - dt.timedelta(days=n) for n in ((0, 28), (1, 95))[seed]]
    at_once = build_features(whole, days)
    assert at_once["as_of"].nunique() == len(days)
    for day in days:
        cut = History.open(company.write(upheaval.cut(tables, day, company.EVENT), fresh_folder(), "parquet"))
        alone = build_features(whole, [day])
        together = at_once[at_once["as_of"] == pd.Timestamp(day)].reset_index(drop=True)
        assert different({"together": as_bytes(together)}, {"together": as_bytes(alone)}) == []
        assert different(everything_known(cut, day), everything_known(whole, day)) == []


def test_the_upheaval_is_one(company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]) -> None:
    """Were the rewriting harmless, the property would hold for any code: a later day must see the difference."""
    tables = company.make(Random(5), AS_OF)
    changed = upheaval.rewrite(Random(6), tables, AS_OF, company.EVENT, True)
    histories = [History.open(company.write(t, fresh_folder())) for t in (tables, changed)]
    rows = [histories[n].con.execute("SELECT count(*) FROM usage").fetchone() for n in (0, 1)]
    assert rows[0] != rows[1]
    assert histories[1].report.failing.keys() == set(company.COLUMNS)


# Cases for each column that is filled in later. Five accounts, alike but for when the value came and was recorded.
DAY = dt.date(2024, 3, 1)
ACCOUNTS = "account_id, created_on\n" + "".join(f"{a}, 2023-01-01\n" for a in "ABCDE")
SUBSCRIPTIONS = "subscription_id, account_id, plan, mrr, started_on\n" + "".join(
    f"s{a}, {a}, basic, 100, 2023-01-01\n" for a in "ABCDE"
)
USAGE = "account_id, day, feature, events\n" + "".join(f"{a}, 2024-02-01, report, 1\n" for a in "ABCDE")
COMPANY = {"accounts": ACCOUNTS, "subscriptions": SUBSCRIPTIONS, "usage": USAGE}
CAME = {"A": "2024-02-29", "B": "2024-03-01", "C": "2024-02-20", "D": "2024-02-20", "E": ""}
RECORDED = {"A": "", "B": "", "C": "2024-03-01", "D": "2024-02-29", "E": ""}
SEEN = {"A": True, "B": False, "C": False, "D": True, "E": False}

LATE = {
    "deactivated_on": ("users", "user_id, account_id, created_on, role", "u{a}, {a}, 2023-01-01, champion",
                       "champions", 1, 0),
    "resolved_at": ("tickets", "ticket_id, account_id, opened_at", "t{a}, {a}, 2024-01-01", "tickets_open", 1, 0),
    "paid_on": ("invoices", "invoice_id, account_id, issued_on, due_on, amount", "i{a}, {a}, 2024-01-01, 2024-01-31, 9",
                "overdue_invoices", 1, 0),
    "voided_on": ("invoices", "invoice_id, account_id, issued_on, due_on, amount, paid_on",
                  "i{a}, {a}, 2024-01-01, 2024-01-31, 9,", "overdue_amount", 9, 0),
    "first_response_at": ("tickets", "ticket_id, account_id, opened_at, resolved_at", "t{a}, {a}, 2024-01-01,",
                          "unanswered_tickets", 1, 0),
    "reopened_at": ("tickets", "ticket_id, account_id, opened_at", "t{a}, {a}, 2024-01-01", "reopened_tickets_180d",
                    0, 1),
    "escalated_at": ("tickets", "ticket_id, account_id, opened_at", "t{a}, {a}, 2024-01-01", "escalated_tickets_180d",
                     0, 1),
    "reached_on": ("milestones", "account_id, milestone, due_on", "{a}, live, 2024-01-31", "milestones_overdue", 1, 0),
    "csat": ("tickets", "ticket_id, account_id, opened_at, csat_at", "t{a}, {a}, 2024-01-01, {came}",
             "ticket_csat_180d", None, 4),
    "notice_on": ("subscriptions", "subscription_id, account_id, plan, mrr, started_on",
                  "s{a}, {a}, basic, 100, 2023-01-01", "status", "ok", "notice_given"),
    "notice_withdrawn_on": ("subscriptions", "subscription_id, account_id, plan, mrr, started_on, notice_on",
                            "s{a}, {a}, basic, 100, 2023-01-01, 2024-01-01", "status", "notice_given", "ok"),
    "ended_on": ("subscriptions", "subscription_id, account_id, plan, mrr, started_on",
                 "s{a}, {a}, basic, 100, 2023-01-01", "status", "ok", "churned"),
}  # fmt: skip
"""Column: its table, the other columns, a row, what shows it, and what that shows without and with the value."""


@pytest.mark.parametrize("column", LATE)
def test_a_later_column_is_hidden_until_it_came_and_was_recorded(column: str, open_tables: Open) -> None:
    table, head, row, shows, without, with_it = LATE[column]
    lines = [f"{head}, {column}, {column}_recorded_at"]
    for a in "ABCDE":
        value = ("4" if CAME[a] else "") if column == "csat" else CAME[a]
        lines.append(f"{row.format(a=a, came=CAME[a])}, {value}, {RECORDED[a]}")
    history = open_tables(COMPANY | {table: "\n".join(lines)})
    found = account_statuses(history, DAY) if shows == "status" else build_features(history, [DAY])
    values = {a: None if pd.isna(v) else v for a, v in zip(found["account_id"], found[shows], strict=True)}
    assert values == {a: with_it if SEEN[a] else without for a in "ABCDE"}


def test_an_end_recorded_ahead_is_notice_and_not_yet_an_end(open_tables: Open) -> None:
    ends = """
    subscription_id, account_id, plan, mrr, started_on, ended_on,   end_reason, ended_on_recorded_at
    sA,              A,          b,    100, 2023-01-01, 2024-06-30, voluntary,  2024-02-29
    sB,              B,          b,    100, 2023-01-01, 2024-06-30, voluntary,  2024-03-01
    sC,              C,          b,    100, 2023-01-01, 2024-06-30, superseded, 2024-02-29
    sD,              D,          b,    100, 2023-01-01, 2024-03-01, ,           2024-02-29
    sE,              E,          b,    100, 2023-01-01, 2024-06-30, voluntary,
    """
    found = account_statuses(open_tables(COMPANY | {"subscriptions": ends}), DAY)
    assert dict(zip(found["account_id"], found["status"], strict=True)) == {
        "A": "notice_given",
        "B": "ok",
        "C": "ok",
        "D": "notice_given",
        "E": "ok",
    }


@pytest.mark.parametrize(
    "tickets",
    [
        "ticket_id, account_id, opened_at, csat\nt1, A, 2024-01-01, 5",
        "ticket_id, account_id, opened_at, csat, csat_at\nt1, A, 2024-01-01, 5,",
    ],
    ids=["no column for its time", "no value for its time"],
)
def test_a_rating_without_a_time_is_never_seen(tickets: str, open_tables: Open) -> None:
    """Nobody can say when it came, and it surely did not come with the opening of the ticket."""
    rows = build_features(open_tables(COMPANY | {"tickets": tickets}), [dt.date(2024, 1, 2)])
    assert rows["ticket_csat_180d"].isna().all()
