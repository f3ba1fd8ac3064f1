"""What `tenure check` says of a history that is right, and what every command repeats because it is likely wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from features.history import History
from features.money import RevenueSettings
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


def test_a_feed_that_always_paused_is_not_dead(open_tables: Open) -> None:
    rows = "\n".join(f"t{m}, A, 2023-0{m}-01" for m in (1, 4, 8))
    tickets = f"ticket_id, account_id, opened_at\n{rows}"
    assert not any("tickets: its last row" in n for n in notes_of(open_tables, tickets))
    rows = "\n".join(f"t{d}, A, 2023-07-0{d}" for d in range(1, 10))
    tickets = f"ticket_id, account_id, opened_at\n{rows}"
    assert any("tickets: its last row is of 2023-07-09" in n for n in notes_of(open_tables, tickets))


def notes_of(open_tables: Open, tickets: str) -> list[str]:
    return open_tables(COMPANY | {"usage": DAILY, "tickets": tickets}).report.notes


def test_several_currencies_are_a_warning(open_tables: Open) -> None:
    head = "subscription_id, account_id, plan, started_on, mrr, currency, trial\n"
    both = head + "s1, A, pro, 2023-02-01, 10, EUR, false\ns2, A, pro, 2023-02-01, 10, {}, {}"
    for second, trial, warned in (("USD", "false", True), ("EUR", "false", False), ("USD", "true", False)):
        tables = COMPANY | {"usage": DAILY, "subscriptions": both.format(second, trial)}
        said = open_tables(tables).report.warnings
        assert [w.startswith("Subscriptions are in several currencies (EUR in 1, USD in 1)") for w in said] == [
            True
        ] * warned


def test_with_rates_it_is_a_note_of_what_they_convert(open_tables: Open) -> None:
    head = "subscription_id, account_id, plan, started_on, mrr, currency\n"
    both = head + "s1, A, pro, 2023-02-01, 10, EUR\ns2, A, pro, 2023-02-01, 10, USD"
    tables = COMPANY | {"usage": DAILY, "subscriptions": both}
    found = open_tables(tables, Settings(revenue=RevenueSettings("EUR", {"USD": 0.9}))).report
    assert not any("currencies" in warning for warning in found.warnings)
    assert [note for note in found.notes if "currencies" in note] == [
        "Subscriptions are in several currencies (EUR in 1, USD in 1): what is told of revenue is converted at "
        "[revenue.rates], and scores and lists take mrr as it stands; turn it into one currency in the mapping to "
        "compare it there."
    ]
    plain = open_tables(tables).report
    assert any("never added or converted" in warning for warning in plain.warnings)
    assert not any("currencies" in note for note in plain.notes)


def test_dated_attributes_are_no_note(open_tables: Open) -> None:
    dated = "account_id, created_on, segment, valid_from\nA, 2023-01-01, small, 2023-01-01"
    notes = open_tables(COMPANY | {"usage": DAILY, "accounts": dated}).report.notes
    assert not any("carry no dates" in note for note in notes)
