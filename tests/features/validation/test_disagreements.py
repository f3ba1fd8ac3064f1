"""Each disagreement both ways: tables that contradict each other, and the nearest ones that do not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from features.history import History
from features.settings import load_settings
from features.validation.disagreements import find_disagreements, set_aside_contradictions
from features.validation.report import Disagreement

Open = Callable[..., History]
TESTS = Path(__file__).parents[2]
SHARED = TESTS.parents[1] / "shared" / "data"
# A was a customer from 2024-01-01, upgraded on 2024-03-01 and left on 2024-06-01; B stays.
SUBSCRIPTIONS = "subscription_id, account_id, plan, started_on, ended_on, end_reason, mrr, currency\n"
LIVES = """sA1, A, basic, 2024-01-01, 2024-03-01, superseded, 10, EUR
sA2, A, pro, 2024-03-01, 2024-06-01, voluntary, 20, EUR
sB, B, pro, 2024-01-01, , , 20, EUR"""
USAGE = "account_id, day, feature, events, user_id\n"
USED = """A, 2024-02-01, report, 1, uA
B, 2024-02-01, report, 1, uB
B, 2024-12-01, report, 1, uB"""
INVOICES = "invoice_id, account_id, issued_on, due_on, amount, paid_on, voided_on\n"
BILLED = """i1, B, 2024-01-01, 2024-01-15, 20, 2024-01-03,
i2, B, 2024-02-01, 2024-02-15, 20, 2024-02-03,
i3, B, 2024-03-01, 2024-03-15, 20, 2024-03-03,
i4, A, 2024-01-01, 2024-01-15, 10, 2024-01-03,
i5, A, 2024-02-01, 2024-02-15, 10, 2024-02-03,"""
PAYMENTS = "invoice_id, account_id, attempted_at, succeeded\n"
PAID = """i1, B, 2024-01-02, false
i1, B, 2024-01-03, true
i2, B, 2024-02-03, true
i4, A, 2024-01-03, true
i1, B, 2024-12-01, false"""
COMPANY = {
    "accounts": "account_id, created_on, cancelled\nA, 2024-01-01, true\nB, 2024-01-01, false",
    "users": "user_id, account_id, created_on\nuA, A, 2024-01-01\nuB, B, 2024-01-01",
    "subscriptions": SUBSCRIPTIONS + LIVES,
    "usage": USAGE + USED,
    "entitlements": "plan, feature\nbasic, report\npro, report",
    "tickets": "ticket_id, account_id, opened_at, user_id\nt, A, 2024-02-01, uA",
    "surveys": "account_id, kind, responded_at, score, user_id\nB, nps, 2024-02-01, 9, uB",
    "invoices": INVOICES + BILLED,
    "payments": PAYMENTS + PAID,
    "churns": "account_id, churned_on\nA, 2024-06-20",
}


def validated(open_tables: Open, tables: Mapping[str, str], **options: object) -> History:
    """A history whose contradictions are set aside; doing so again changes nothing."""
    history = open_tables(tables, **options)
    set_aside_contradictions(history.con, list(history.sources))
    history.report.read_violations(history.con)
    return history


def disagreements(open_tables: Open, tables: Mapping[str, str]) -> dict[str, Disagreement]:
    return {f"{d.tables[0]}: {d.rule}": d for d in find_disagreements(validated(open_tables, tables))}


# rule: table, what stands there, what stands there instead, count, of, and what an example names
CASES = {
    "subscriptions: two currencies in one account": (
        "subscriptions",
        "20, EUR\nsB",
        "20, USD\nsB",
        1,
        2,
        "A: EUR, USD",
    ),
    "subscriptions: several currencies in one table": (
        "subscriptions",
        "2024-01-01, , , 20, EUR",
        "2024-01-01, , , 20, USD",
        1,
        3,
        "B: subscription sB is in USD",
    ),
    "churns: churned, but the subscription goes on": (
        "churns",
        "A, 2024-06-20",
        "A, 2024-06-20\nB, 2024-05-05",
        1,
        2,
        "B: churned on 2024-05-05, but subscription sB goes on",
    ),
    "churns: churned, but subscriptions know no such end": (
        "churns",
        "2024-06-20",
        "2024-07-02",
        1,
        1,
        "A: churned on 2024-07-02, subscriptions end on 2024-06-01",
    ),
    "subscriptions: ended as a churn, but churns does not know it": (
        "churns",
        "A, 2024-06-20",
        "A, 2024-04-30",
        1,
        1,
        "A: its last subscription ended on 2024-06-01",
    ),
    "subscriptions: superseded without a successor": (
        "subscriptions",
        "2024-06-01, voluntary",
        "2024-06-01, superseded",
        1,
        2,
        "A: subscription sA2 ended on 2024-06-01",
    ),
    "subscriptions: ended without a reason": ("subscriptions", "2024-06-01, voluntary", "2024-06-01, ", 1, 2, "sA2"),
    "subscriptions: a reason for an end without a day": (
        "subscriptions",
        "2024-01-01, , , 20",
        "2024-01-01, , merged, 20",
        1,
        1,
        "sB has end_reason merged",
    ),
    "payments: payment of an invoice that is not there": ("payments", "i2, B", "I2, B", 1, 5, "row 3: invoice I2"),
    "invoices: paid, but every payment failed": (
        "payments",
        "2024-02-03, true",
        "2024-02-03, false",
        1,
        3,
        "B: invoice i2 was paid on 2024-02-03, and 1 payments failed",
    ),
    "invoices: a payment succeeded, but the invoice is not paid": (
        "invoices",
        "2024-02-15, 20, 2024-02-03,",
        "2024-02-15, 20, ,",
        1,
        1,
        "B: invoice i2",
    ),
    "subscriptions: a plan that entitlements does not know": (
        "subscriptions",
        "sB, B, pro",
        "sB, B, Pro",
        1,
        3,
        "plan Pro, as in subscription sB",
    ),
    "usage: user of another account": (
        "usage",
        "report, 1, uA",
        "report, 1, uB",
        1,
        2,
        "user uB in account A (1 rows)",
    ),
    "usage: use by somebody who is not in users": (
        "usage",
        "report, 1, uA",
        "report, 1, uC",
        1,
        2,
        "user uC of account A",
    ),
    "tickets: user of another account": ("tickets", "uA", "uB", 1, 1, "row 1: user uB in account A belongs to B"),
    "surveys: user of another account": ("surveys", "uB", "uA", 1, 1, "row 1: user uA in account B belongs to A"),
    "usage: use before the first subscription": (
        "subscriptions",
        "sB, B, pro, 2024-01-01",
        "sB, B, pro, 2024-02-02",
        1,
        3,
        "B: used from 2024-02-01, subscribed from 2024-02-02",
    ),
    "usage: use more than 60 days after the last subscription": (
        "usage",
        "A, 2024-02-01",
        "A, 2024-08-01",
        1,
        3,
        "A: used until 2024-08-01, but its last",
    ),
    "accounts: cancelled against churns": (
        "accounts",
        "B, 2024-01-01, false",
        "B, 2024-01-01, true",
        1,
        2,
        "B: cancelled is true, and it has no churn in churns",
    ),
}


def test_tables_that_agree_are_left_alone(open_tables: Open) -> None:
    history = validated(open_tables, COMPANY)
    assert history.report.findings == []
    assert find_disagreements(history) == []


@pytest.mark.parametrize("rule", CASES)
def test_a_disagreement_is_counted_and_shown(rule: str, open_tables: Open) -> None:
    table, there, instead, count, of, example = CASES[rule]
    assert there in COMPANY[table]
    found = disagreements(open_tables, COMPANY | {table: COMPANY[table].replace(there, instead, 1)})
    assert (found[rule].count, found[rule].of) == (count, of)
    assert any(example in e for e in found[rule].examples)
    assert found[rule].meaning.endswith(".")


# The nearest that is still right: rule, table, what stands there, what stands there instead.
EDGES = [
    ("churns: churned, but subscriptions know no such end", "churns", "2024-06-20", "2024-07-01"),
    ("subscriptions: ended as a churn, but churns does not know it", "churns", "2024-06-20", "2024-05-02"),
    ("usage: use more than 60 days after the last subscription", "usage", "A, 2024-02-01", "A, 2024-07-31"),
    ("usage: use before the first subscription", "subscriptions", "sB, B, pro, 2024-01-01", "sB, B, pro, 2024-02-01"),
    ("subscriptions: superseded without a successor", "subscriptions", "sA2, A, pro, 2024-03-01",
     "sA2, A, pro, 2024-03-31"),
    ("invoices: a payment succeeded, but the invoice is not paid", "invoices", "2024-02-15, 20, 2024-02-03,",
     "2024-02-15, 20, , 2024-02-20"),
    ("accounts: cancelled against churns", "accounts", "true", "Y"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "table", "there", "instead"), EDGES, ids=[f"{e[0]}: {e[3]}" for e in EDGES])
def test_the_edge_of_a_disagreement(rule: str, table: str, there: str, instead: str, open_tables: Open) -> None:
    assert there in COMPANY[table]
    tables = COMPANY | {table: COMPANY[table].replace(there, instead, 1)}
    assert rule not in disagreements(open_tables, tables)


def test_a_churn_dated_by_its_notice_agrees(open_tables: Open) -> None:
    lives = f"{SUBSCRIPTIONS.strip()}, notice_on\n" + "\n".join(f"{row}," for row in LIVES.splitlines())
    tables = COMPANY | {"churns": "account_id, churned_on\nA, 2024-04-12", "subscriptions": lives}
    assert len(disagreements(open_tables, tables)) == 2
    tables["subscriptions"] = lives.replace("voluntary, 20, EUR,", "voluntary, 20, EUR, 2024-04-10")
    assert disagreements(open_tables, tables) == {}


def test_a_return_within_the_grace_period_is_no_end(open_tables: Open) -> None:
    back = COMPANY["subscriptions"] + "\nsA3, A, pro, 2024-06-20, , , 20, EUR"
    found = disagreements(open_tables, COMPANY | {"subscriptions": back})
    assert "churns: churned, but the subscription goes on" in found
    late = COMPANY["subscriptions"] + "\nsA3, A, pro, 2024-08-20, , , 20, EUR"
    found = disagreements(open_tables, COMPANY | {"subscriptions": late})
    assert not any(rule.startswith("churns") for rule in found)


def test_use_without_any_subscription(open_tables: Open) -> None:
    tables = COMPANY | {
        "accounts": COMPANY["accounts"] + "\nC, 2024-01-01, false",
        "usage": COMPANY["usage"] + "\nC, 2024-02-01, report, 1, ",
    }
    found = disagreements(open_tables, tables)
    assert found["usage: use without any subscription"].says == "1 of 3 accounts with use (33.3 %)"
    trial = COMPANY["subscriptions"].replace("currency", "currency, trial").replace("EUR", "EUR, false")
    tables["subscriptions"] = trial + "\nsC, C, pro, 2024-01-01, 2024-02-20, voluntary, 0, EUR, true"
    assert disagreements(open_tables, tables) == {}


@pytest.mark.parametrize(
    ("factor", "hint"),
    [(12, "mrr looks like a yearly amount"), (100, "mrr looks like cents"), (0.01, "amount looks like cents")],
)
def test_invoices_of_another_order_of_magnitude(factor: float, hint: str, open_tables: Open) -> None:
    lives = LIVES.replace("20, EUR", f"{20 * factor}, EUR").replace(" 10, EUR", f" {10 * factor}, EUR")
    found = disagreements(open_tables, COMPANY | {"subscriptions": SUBSCRIPTIONS + lives})
    magnitude = found["invoices: invoices of another order of magnitude than the MRR"]
    assert (magnitude.count, magnitude.of) == (2, 2)
    assert hint in magnitude.meaning


def test_yearly_invoices_of_a_monthly_amount_agree(open_tables: Open) -> None:
    billed = "j1, B, 2023-12-15, 2024-01-15, 240, ,\nj2, B, 2024-12-15, 2025-01-15, 240, ,"
    found = disagreements(open_tables, COMPANY | {"invoices": INVOICES + billed, "payments": PAYMENTS})
    assert found == {}


def test_a_payment_of_another_accounts_invoice_is_set_aside(open_tables: Open) -> None:
    history = validated(open_tables, COMPANY | {"payments": PAYMENTS + PAID.replace("i4, A", "i2, A")})
    [entry] = history.quarantine()
    assert (entry["table"], entry["row"], entry["rule"]) == ("payments", 4, "contradicts its invoice")
    assert entry["reason"] == "account_id A pays invoice i2 of account B"
    assert history.report.failing == {"payments": 1}


def seen(history: History, day: dt.date) -> list[tuple[str, str]]:
    sql = f"SELECT invoice_id, account_id FROM {history.visible('payments', day)} ORDER BY ALL"
    return history.con.execute(sql).fetchall()


def test_an_invoice_recorded_later_sets_no_earlier_day_aside(open_tables: Open) -> None:
    """The payment is A's. That its invoice is B's becomes known on the 10th, so until then the payment stands."""
    payments = "invoice_id, account_id, attempted_at, succeeded, recorded_at\ni2, A, 2024-02-03, true, 2024-02-03"
    invoices = INVOICES.strip() + ", recorded_at\ni2, B, 2024-02-01, 2024-02-15, 20, , , 2024-02-10"
    tables = COMPANY | {"payments": payments, "invoices": invoices}
    history = validated(open_tables, tables)
    before, after = dt.date(2024, 2, 10), dt.date(2024, 2, 11)
    assert seen(history, before) == [("i2", "A")]
    assert seen(history, after) == []
    never = validated(open_tables, COMPANY | {"payments": payments, "invoices": INVOICES})
    assert seen(never, before) == seen(history, before)
    assert seen(never, after) == [("i2", "A")]


def test_counts_are_numbers_of_things_not_of_examples(open_tables: Open) -> None:
    rows = "\n".join(f"no{n}, B, 2024-02-03, true" for n in range(20))
    found = disagreements(open_tables, COMPANY | {"payments": f"{PAYMENTS}{PAID}\n{rows}"})
    missing = found["payments: payment of an invoice that is not there"]
    assert (missing.count, missing.of, len(missing.examples)) == (20, 25, 3)


@pytest.mark.skipif(not (SHARED / "ravenstack").is_dir(), reason="shared data are not there")
def test_a_company_whose_flag_its_churns_and_its_subscriptions_each_say_another_thing() -> None:
    history = History.open(SHARED / "ravenstack", load_settings(TESTS / "data" / "ravenstack.toml"))
    found = {d.rule: d for d in find_disagreements(history)}
    flag = found["churn_flag against churns"]
    assert (flag.count, flag.of) == (312, 500)
    assert "churn_flag is true for 110 accounts (22.0 %); churns has churns of 352 accounts (70.4 %)" in flag.meaning
    goes_on = found["churned, but the subscription goes on"]
    assert goes_on.says == "571 of 600 rows of churns (95.2 %)"
