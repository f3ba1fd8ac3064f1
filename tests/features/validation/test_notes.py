"""What `tenure check` says of a history that is right, and what every command repeats because it is likely wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from features.history import History
from features.settings import HistorySettings, Settings

Open = Callable[..., History]
COMPANY = {
    "accounts": "account_id, created_on, segment\nA, 2023-01-01, small",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr\nsA, A, pro, 2023-02-01, 10",
}
HEAD = "account_id, day, feature, events\n"
DAILY = HEAD + "\n".join(f"A, {dt.date(2023, 1, 1) + dt.timedelta(n // 10)}, report, 1" for n in range(3000))


def test_a_few_rows_long_after_all_others_are_a_warning(open_tables: Open) -> None:
    late = COMPANY | {"usage": DAILY + "\nA, 2024-03-01, report, 1"}
    (said,) = open_tables(late).report.warnings
    assert said.startswith("Usage stops on 2023-10-27, but for 1 rows from 2024-03-01 on")
    assert open_tables(COMPANY | {"usage": DAILY}).report.warnings == []
    known = Settings(history=HistorySettings(observed_until=dt.date(2023, 10, 28)))
    assert open_tables(late, known).report.warnings == []


def test_a_pause_in_the_feed_is_no_lonely_end(open_tables: Open) -> None:
    after = "\n".join(f"A, {dt.date(2024, 3, 1) + dt.timedelta(n)}, report, 1" for n in range(30))
    assert open_tables(COMPANY | {"usage": f"{DAILY}\n{after}"}).report.warnings == []


def test_notes_name_what_is_missing_early_and_undated(open_tables: Open) -> None:
    notes = "\n".join(open_tables(COMPANY | {"usage": DAILY}).report.notes)
    assert "There is no table users, tickets, invoices, payments, cards, surveys" in notes
    assert "usage: there is no user_id" in notes
    assert "usage: 310 of 3,000 rows (10.3 %) come before the account's first subscription" in notes
    assert "accounts: segment carry no dates" in notes


def test_a_feed_that_stops_is_noted(open_tables: Open) -> None:
    tickets = "ticket_id, account_id, opened_at\nt, A, {}"
    quiet = open_tables(COMPANY | {"usage": DAILY, "tickets": tickets.format("2023-06-01")}).report.notes
    alive = open_tables(COMPANY | {"usage": DAILY, "tickets": tickets.format("2023-10-01")}).report.notes
    assert any(note.startswith("tickets: its last row is of 2023-06-01") for note in quiet)
    assert not any(note.startswith("tickets: its last row") for note in alive)
