"""Each rule both ways: a table that breaks it, and the nearest one that does not; and no row is lost."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from features.errors import TenureError
from features.history import History
from features.settings import HistorySettings, Settings

Open = Callable[..., History]
DAY = dt.date(2024, 6, 1)
COMPANY = {
    "accounts": "account_id, created_on, employees\nA, 2024-01-01, 5\nB, 2024-01-01, 5",
    "subscriptions": "subscription_id, account_id, plan, started_on, mrr\nsA, A, pro, 2024-01-01, 10",
    "usage": "account_id, day, feature, events\nA, 2024-02-01, report, 1",
}
SUBSCRIPTION = "subscription_id, account_id, plan, started_on, mrr"
USAGE = "account_id, day, feature, events"
TICKET = "ticket_id, account_id, opened_at"
INVOICE = "invoice_id, account_id, issued_on, due_on, amount"
SURVEY = "account_id, kind, responded_at, score"

# table, head, the row that breaks the rule, the nearest that does not
RULES = {
    "wrong type": [
        ("usage", USAGE, "A, 2024-02-01, report, 5.7", "A, 2024-02-01, report, 5.0"),
        ("usage", USAGE, "A, 2024-02-30, report, 5", "A, 2024-02-29, report, 5"),
        ("usage", USAGE, "A, 01.02.2024, report, 5", "A, 2024-02-01 00:00:00, report, 5"),
        ("usage", USAGE, "A, 99999-01-01, report, 5", "A, 2024-02-01, report, 5"),
        ("usage", USAGE, "A, infinity, report, 5", "A, 2024-02-01, report, 5"),
        ("usage", USAGE, "A, 2024-02-01, report, many", "A, 2024-02-01, report, 1e2"),
        ("subscriptions", SUBSCRIPTION, "s, A, pro, 2024-01-01, ten", "s, A, pro, 2024-01-01, 10"),
        ("subscriptions", SUBSCRIPTION, "s, A, pro, 2024-01-01, nan", "s, A, pro, 2024-01-01, 0"),
        ("subscriptions", SUBSCRIPTION, "s, A, pro, 2024-01-01, inf", "s, A, pro, 2024-01-01, -10.5"),
        ("subscriptions", SUBSCRIPTION + ", trial", "s, A, p, 2024-01-01, 1, maybe", "s, A, p, 2024-01-01, 1, TRUE"),
        ("usage", USAGE + ", recorded_at", "A, 2024-02-01, report, 1, late", "A, 2024-02-01, report, 1, 2024-02-02"),
        ("tickets", TICKET, "t, A, noon", "t, A, 2024-02-01T12:00:00Z"),
    ],
    "missing value": [
        ("usage", USAGE, "A, , report, 5", "A, 2024-02-01, report, 0"),
        ("usage", USAGE, ", 2024-02-01, report, 5", "A, 2024-02-01, report, 5"),
        ("subscriptions", SUBSCRIPTION, "s, A, pro, 2024-01-01,", "s, A, pro, 2024-01-01, 0"),
        ("payments", "invoice_id, account_id, attempted_at, succeeded", "i, A, 2024-02-01,", "i, A, 2024-02-01, 0"),
    ],
    "out of range": [
        ("usage", USAGE, "A, 2024-02-01, report, -1", "A, 2024-02-01, report, 0"),
        ("usage", USAGE + ", minutes", "A, 2024-02-01, report, 1, -0.1", "A, 2024-02-01, report, 1, 0"),
        ("subscriptions", SUBSCRIPTION + ", term_months", "s, A, p, 2024-01-01, 1, 0", "s, A, p, 2024-01-01, 1, 1"),
        ("subscriptions", SUBSCRIPTION + ", seats", "s, A, p, 2024-01-01, 1, -1", "s, A, p, 2024-01-01, 1, 0"),
        ("subscriptions", SUBSCRIPTION + ", ended_on, end_reason", "s, A, p, 2024-01-01, 1, 2024-02-01, because",
         "s, A, p, 2024-01-01, 1, 2024-02-01, merged"),
        ("tickets", TICKET + ", csat, csat_at", "t, A, 2024-02-01, 6, 2024-02-02", "t, A, 2024-02-01, 5, 2024-02-02"),
        ("tickets", TICKET + ", csat, csat_at", "t, A, 2024-02-01, 0, 2024-02-02", "t, A, 2024-02-01, 1, 2024-02-02"),
        ("surveys", SURVEY, "A, nps, 2024-02-01, 11", "A, nps, 2024-02-01, 10"),
        ("surveys", SURVEY, "A, nps, 2024-02-01, -1", "A, nps, 2024-02-01, 0"),
        ("surveys", SURVEY, "A, csat, 2024-02-01, 0", "A, csat, 2024-02-01, 1"),
        ("surveys", SURVEY, "A, ces, 2024-02-01, 8", "A, ces, 2024-02-01, 7"),
        ("surveys", SURVEY, "A, csm_pulse, 2024-02-01, 6", "A, csm_pulse, 2024-02-01, 5"),
        ("surveys", SURVEY, "A, mood, 2024-02-01, 3", "A, ces, 2024-02-01, 3"),
    ],
    "end before start": [
        ("subscriptions", SUBSCRIPTION + ", ended_on", "s, A, p, 2024-02-02, 1, 2024-02-01",
         "s, A, p, 2024-02-02, 1, 2024-02-02"),
        ("subscriptions", SUBSCRIPTION + ", renews_on", "s, A, p, 2024-02-02, 1, 2024-02-01",
         "s, A, p, 2024-02-02, 1, 2024-02-02"),
        ("tickets", TICKET + ", resolved_at", "t, A, 2024-02-01 10:00, 2024-02-01 09:59",
         "t, A, 2024-02-01 10:00, 2024-02-01 10:00"),
        ("invoices", INVOICE, "i, A, 2024-02-02, 2024-02-01, 5", "i, A, 2024-02-02, 2024-02-02, 5"),
        ("cards", "account_id, added_on, expires_on", "A, 2024-02-02, 2024-02-01", "A, 2024-02-02, 2024-02-02"),
        ("users", "user_id, account_id, created_on, deactivated_on", "u, A, 2024-02-02, 2024-02-01",
         "u, A, 2024-02-02, 2024-02-02"),
    ],
    "unknown account": [
        ("usage", USAGE, "X, 2024-02-01, report, 1", "B, 2024-02-01, report, 1"),
        ("usage", USAGE, "a, 2024-02-01, report, 1", "A, 2024-02-01, report, 1"),
        ("tickets", TICKET, "t2, X, 2024-02-01", "t, B, 2024-02-01"),
        ("subscriptions", SUBSCRIPTION, "s2, X, p, 2024-01-01, 1", "s, B, p, 2024-01-01, 1"),
    ],
    "usage before the account": [
        ("usage", USAGE, "A, 2023-12-31, report, 1", "A, 2024-01-01, report, 1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "table", "head", "bad", "good"),
    [(rule, *case) for rule, cases in RULES.items() for case in cases],
    ids=[f"{rule}: {case[2]}" for rule, cases in RULES.items() for case in cases],
)
def test_a_rule_and_its_edge(rule: str, table: str, head: str, bad: str, good: str, open_tables: Open) -> None:
    # Where the row begins with its key, the two need different ones.
    bad = bad.replace(",", "2,", 1) if bad[0].islower() and rule != "unknown account" else bad
    history = open_tables(COMPANY | {table: f"{head}\n{good}\n{bad}\n"})
    assert [(f.table, f.rule, f.rows) for f in history.report.findings] == [(table, rule, 1)]
    assert history.report.failing == {table: 1}
    [entry] = history.quarantine()
    assert (entry["table"], entry["row"], entry["rule"]) == (table, 2, rule)
    assert entry["reason"]
    assert bad.split(",")[-1].strip() in entry["content"]


def test_of_two_rows_with_one_key_the_later_recorded_is_set_aside(open_tables: Open) -> None:
    head = "user_id, account_id, created_on, recorded_at\n"
    rows = "u1, A, 2024-01-05, 2024-02-02\nu1, A, 2024-01-05, 2024-02-01\nu2, A, 2024-01-05, 2024-02-02\n"
    [entry] = open_tables(COMPANY | {"users": head + rows}).quarantine()
    assert (entry["row"], entry["rule"]) == (1, "duplicate key")
    assert open_tables(COMPANY | {"users": head + rows.replace("u1", "u3", 1)}).quarantine() == []


def test_rows_of_a_bad_account_are_rows_of_an_unknown_one(open_tables: Open) -> None:
    history = open_tables(COMPANY | {"accounts": "account_id, created_on\nA, last year\nB, 2024-01-01"})
    assert [(f.table, f.rule, f.rows) for f in history.report.findings] == [
        ("accounts", "wrong type", 1),
        ("subscriptions", "unknown account", 1),
        ("usage", "unknown account", 1),
    ]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("tickets", f"{TICKET}, csat, csat_at\nt1, A, 2024-02-01, 11,\nt2, A, 2024-02-01, ,"),
        ("subscriptions", f"{SUBSCRIPTION}, ended_on, end_reason\ns1, A, p, 2024-02-01, 1, , because"),
    ],
)
def test_a_row_is_kept_or_set_aside_but_not_both(table: str, text: str, open_tables: Open) -> None:
    """A later value that cannot be right and has no time, so that nobody can say since when the row is bad."""
    history = open_tables(COMPANY | {table: text})
    [(kept,)] = history.con.execute(f"SELECT count(*) FROM {history.visible(table, DAY)}").fetchall()
    assert kept + history.report.failing.get(table, 0) == len(text.splitlines()) - 1
    assert len(history.quarantine()) == history.report.failing.get(table, 0)


def test_a_row_that_breaks_two_rules_is_set_aside_once(open_tables: Open) -> None:
    bad = "account_id, kind, responded_at, score\nX, mood, 2024-02-01, -5\nA, nps, 2024-02-01, 5"
    assert open_tables(COMPANY | {"surveys": bad}).report.failing == {"surveys": 1}


@pytest.mark.parametrize(("bad", "stops"), [(3, False), (4, True), (5, True)])
def test_the_run_goes_on_if_fewer_than_a_fifth_fail(bad: int, stops: bool, open_tables: Open) -> None:
    rows = ["A, 2024-02-01, report, 1"] * (20 - bad) + ["A, 2024-02-01, report, -1"] * bad
    history = open_tables(COMPANY | {"usage": "\n".join([USAGE, *rows])})
    assert history.report.failing == {"usage": bad}
    if not stops:
        history.require_sound(DAY)
        return
    with pytest.raises(
        TenureError, match=rf"^Table usage .*{bad} of 20 rows.*out of range: {bad}.*20 %.*\.$"
    ) as refusal:
        history.require_sound(DAY)
    assert "\n" not in str(refusal.value)
    history.require_sound(dt.date(2024, 1, 15))  # nothing of this was known then


def test_the_share_is_a_setting(open_tables: Open) -> None:
    half_bad = COMPANY | {"usage": f"{USAGE}\nA, 2024-02-01, report, 1\nA, 2024-02-01, report, -1"}
    open_tables(half_bad, Settings(history=HistorySettings(max_failing_share=0.6))).require_sound(DAY)
    with pytest.raises(TenureError):
        open_tables(half_bad, Settings(history=HistorySettings(max_failing_share=0.4))).require_sound(DAY)
    open_tables(COMPANY, Settings(history=HistorySettings(max_failing_share=0))).require_sound(DAY)


def test_a_refusal_counts_only_what_was_known(open_tables: Open) -> None:
    rows = ["A, 2024-02-01, report, -1"] + ["A, 2024-09-01, report, -1"] * 7
    with pytest.raises(TenureError, match=r"1 of 1 rows.*out of range: 1\b"):
        open_tables(COMPANY | {"usage": "\n".join([USAGE, *rows])}).require_sound(DAY)


@pytest.mark.parametrize("line", ["A, 2024-02-10, report, 7, extra", "A, 2024-02-11", "A"])
def test_a_broken_line_is_one_row_set_aside(line: str, open_tables: Open) -> None:
    good = "A, 2024-02-01, report, 1"
    history = open_tables(COMPANY | {"usage": "\n".join([USAGE, *[good] * 6, line, good])})
    assert history.report.failing == {"usage": 1}
    assert [t.rows for t in history.report.tables if t.table == "usage"] == [8]
    entries = history.quarantine()
    assert {e["rule"] for e in entries} == {"broken line"}
    assert line.replace(" ", "") in entries[0]["content"]
    history.require_sound(DAY)  # one of eight


@pytest.mark.parametrize("place", [20, 25_000])
def test_an_open_quotation_mark_loses_no_rows_silently(place: int, open_tables: Open) -> None:
    """Whatever follows it is no longer rows: too much to go on without a word."""
    lines = ["account_id,day,feature,events", *["A,2024-02-01,report,1"] * 30_000]
    lines[place] = 'A,2024-02-01,"report,1'
    with contextlib.suppress(TenureError):
        history = open_tables(COMPANY | {"usage": "\n".join(lines)})
        kept = history.con.execute("SELECT count(*) FROM usage").fetchone()
        assert kept is not None
        assert kept[0] + history.report.failing.get("usage", 0) == 30_000


@pytest.mark.parametrize("seed", range(3))
def test_rows_read_are_rows_kept_and_rows_set_aside(
    seed: int, company: ModuleType, upheaval: ModuleType, fresh_folder: Callable[[], Path]
) -> None:
    rng, day = Random(seed), dt.date(2024, 5, 31)
    tables = upheaval.rewrite(rng, company.make(rng, day), day, company.EVENT, True)
    history = History.open(company.write(tables, fresh_folder()))
    quarantined = {(e["table"], e["row"]) for e in history.quarantine()}
    for report in history.report.tables:
        kept = history.con.execute(f'SELECT count(*) FROM "{report.table}" WHERE _bad_from IS NULL').fetchone()
        assert kept is not None
        set_aside = history.report.failing.get(report.table, 0)
        assert report.rows == len(tables[report.table]) == kept[0] + set_aside
        assert set_aside == sum(table == report.table for table, _ in quarantined)
    assert len(quarantined) > 50


def test_facts_dated_after_today_are_set_aside_and_plans_are_not(open_tables: Open) -> None:
    """One typing error of a year must not stretch the observed period to the year 2099."""
    tables = COMPANY | {
        "usage": f"{USAGE}\nA, 2024-02-01, report, 1\nA, 2024-06-02, report, 1\nA, 2099-02-01, report, 1",
        "subscriptions": f"{SUBSCRIPTION}\nsA, A, pro, 2024-01-01, 10\nsB, B, pro, 2024-09-01, 10",
    }
    history = open_tables(tables, today=DAY)
    assert [(f.table, f.rule, f.rows) for f in history.report.findings] == [("usage", "in the future", 1)]
    assert history.observed_until == dt.date(2024, 6, 3)
    assert open_tables(tables).report.findings == []


def test_what_has_no_time_stops_no_earlier_day(open_tables: Open) -> None:
    rows = ["A, 2024-02-01, report, 1"] * 4 + ["A, 2024-05-01, report, 1", *["A, when, report, 1"] * 5, *["A"] * 5]
    history = open_tables(COMPANY | {"usage": "\n".join([USAGE, *rows])})
    assert history.report.failing == {"usage": 10}
    history.require_sound(dt.date(2024, 4, 1))
    with pytest.raises(TenureError, match="10 of 15 rows"):
        history.require_sound(dt.date(2024, 5, 2))
