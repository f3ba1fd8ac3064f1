"""Ledger: what each account pays on each day, in one currency, to the cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from features.history import History
from features.ledger import Ledger, ledger_of
from features.money import RevenueSettings
from features.settings import ChurnSettings, Settings
from tests.success.revenue import oracle
from tests.success.revenue.companies import Company, companies

Open = Callable[..., History]
START = "subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr,currency,trial\n"
AS_OF = dt.date(2024, 6, 1)


def _ledger(open_tables: Open, rows: str, chosen: Settings | None = None, as_of: dt.date = AS_OF) -> Ledger:
    history = open_tables(
        {
            "accounts": "account_id,created_on\nA,2024-01-01\nB,2024-01-01",
            "usage": "account_id,day,feature,events\nA,2024-01-01,f,1",
            "subscriptions": START + rows,
        },
        chosen,
    )
    assert not history.report.failing
    return ledger_of(history, as_of)


def _steps(ledger: Ledger) -> list[tuple[str, str, str, int, str]]:
    steps = ledger.steps
    ends = steps["until_on"].dt.strftime("%m-%d").fillna("")
    return list(
        zip(
            steps["account_id"], steps["from_on"].dt.strftime("%m-%d"), ends, steps["cents"], steps["plan"], strict=True
        )
    )


def test_subscriptions_at_once_add_up_gaps_have_no_step_and_the_dearest_gives_the_plan(open_tables: Open) -> None:
    ledger = _ledger(
        open_tables,
        """s1,A,basic,2024-01-10,2024-02-10,superseded,100,EUR,false
           s2,A,pro,2024-02-10,2024-04-01,voluntary,120,EUR,false
           s3,A,basic,2024-02-20,2024-03-01,completed,200.5,EUR,
           s4,A,free,2024-04-20,,,0,EUR,false
           s5,A,pro,2024-01-01,2024-01-10,superseded,500,EUR,true""",
    )
    assert _steps(ledger) == [
        ("A", "01-10", "02-10", 100_00, "basic"),
        ("A", "02-10", "02-20", 120_00, "pro"),
        ("A", "02-20", "03-01", 320_50, "basic"),
        ("A", "03-01", "04-01", 120_00, "pro"),
        ("A", "04-20", "", 0, "free"),
    ]
    assert ledger.currency == "EUR"
    assert ledger.mrr_on(dt.date(2024, 2, 9)).to_dict() == {"A": 100.0}
    assert ledger.mrr_on(dt.date(2024, 2, 10)).to_dict() == {"A": 120.0}
    assert ledger.mrr_on(dt.date(2024, 4, 1)).to_dict() == {}
    assert ledger.mrr_on(dt.date(2024, 4, 20)).to_dict() == {"A": 0.0}
    # 22 of 31 days of January; 9 and 10 and 10 of the 29 of February.
    revenue = 100 * 22 / 31 + (9 * 100 + 10 * 120 + 10 * 320.5) / 29
    assert ledger.revenue(dt.date(2024, 1, 1), dt.date(2024, 3, 1))["A"] == pytest.approx(revenue, abs=1e-9)


def test_an_end_that_has_not_come_is_none(open_tables: Open) -> None:
    rows = "s1,A,basic,2024-01-10,2024-05-31,voluntary,100,,false\ns2,B,basic,2024-01-10,2024-06-01,voluntary,10,,false"
    ledger = _ledger(open_tables, rows)
    assert _steps(ledger) == [("A", "01-10", "05-31", 100_00, "basic"), ("B", "01-10", "", 10_00, "basic")]
    assert ledger.currency is None
    assert ledger.periods["left_on"].isna().tolist() == [False, True]
    assert ledger.periods["end_reason"].tolist() == ["voluntary", None]


def test_an_end_that_was_recorded_ahead_has_not_come_either(open_tables: Open) -> None:
    tables = {
        "accounts": "account_id,created_on\nA,2024-01-01",
        "usage": "account_id,day,feature,events\nA,2024-01-01,f,1",
        "subscriptions": "subscription_id,account_id,plan,started_on,ended_on,mrr,recorded_at,ended_on_recorded_at\n"
        "s1,A,basic,2024-01-10,2024-07-10,100,2024-01-10,2024-05-01\n"
        "s2,A,basic,2024-01-10,2024-05-10,10,2024-01-10,2024-06-05",
    }
    history = open_tables(tables)
    ledger = ledger_of(history, AS_OF)
    assert _steps(ledger) == [("A", "01-10", "", 110_00, "basic")], "one end is to come, the other is not known yet"
    assert ledger.periods["left_on"].isna().all()
    later = ledger_of(history, dt.date(2024, 8, 1))
    assert _steps(later) == [("A", "01-10", "05-10", 110_00, "basic"), ("A", "05-10", "07-10", 100_00, "basic")]


def test_periods_end_when_money_does_also_where_churn_is_dated_by_notice(open_tables: Open) -> None:
    tables = {
        "accounts": "account_id,created_on\nA,2024-01-01",
        "usage": "account_id,day,feature,events\nA,2024-01-01,f,1",
        "subscriptions": "subscription_id,account_id,plan,started_on,ended_on,end_reason,mrr,notice_on\n"
        "s1,A,basic,2024-01-10,2024-04-10,voluntary,100,2024-02-10",
    }
    by_notice = replace(Settings(), churn=ChurnSettings(event="notice"))
    history = open_tables(tables, by_notice)
    periods = ledger_of(history, AS_OF).periods
    assert [str(day.date()) for day in periods["left_on"]] == ["2024-04-10"]
    assert history.settings is by_notice
    # Under notice and not yet over: no end.
    assert ledger_of(history, dt.date(2024, 3, 1)).periods["left_on"].isna().all()


EURO = replace(Settings(), revenue=RevenueSettings("EUR", {"USD": 0.925}))


@pytest.mark.parametrize(
    ("mrr", "cents"), [("100", 92_50), ("33.33", 30_83), ("10.10", 9_34), ("0.2", 19), ("-0.2", -19), ("0.0054", 0)]
)
def test_money_is_converted_at_a_fixed_rate_and_rounded_half_away_from_zero(
    open_tables: Open, mrr: str, cents: int
) -> None:
    ledger = _ledger(open_tables, f"s1,A,basic,2024-01-10,,,{mrr}, usd ,false\ns2,A,add,2024-01-10,,,1,EUR,false", EURO)
    assert [step[3] for step in _steps(ledger)] == [cents + 100]
    assert ledger.currency == "EUR"


def test_each_subscription_is_rounded_before_they_are_added(open_tables: Open) -> None:
    rows = "\n".join(f"s{n},A,basic,2024-01-10,,,10.005,EUR,false" for n in range(3))
    assert _steps(_ledger(open_tables, rows))[0][3] == 3 * 10_01


def test_without_a_currency_a_subscription_counts_as_the_others_of_its_account(open_tables: Open) -> None:
    rows = """s1,A,basic,2024-01-10,,,100,USD,false
              s2,A,basic,2024-01-10,,,100,,false
              s3,B,basic,2024-01-10,,,100,,false
              s4,C,basic,2024-01-10,,,100,EUR,false"""
    history = open_tables(
        {
            "accounts": "account_id,created_on\nA,2024-01-01\nB,2024-01-01\nC,2024-01-01",
            "usage": "account_id,day,feature,events\nA,2024-01-01,f,1",
            "subscriptions": START + rows,
        },
        EURO,
    )
    assert ledger_of(history, AS_OF).mrr_on(dt.date(2024, 5, 1)).to_dict() == {"A": 185.0, "B": 100.0, "C": 100.0}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Settings(), r"Subscriptions are in EUR and USD, .* \[revenue\] currency"),
        (
            replace(Settings(), revenue=RevenueSettings("EUR")),
            r"what one USD is worth in EUR; write USD = \.\.\. under",
        ),
        (replace(Settings(), revenue=RevenueSettings("GBP", {"USD": 0.8})), "what one EUR is worth in GBP"),
    ],
)
def test_several_currencies_are_never_added(open_tables: Open, chosen: Settings, words: str) -> None:
    rows = "s1,A,basic,2024-01-10,,,100,EUR,false\ns2,B,basic,2024-02-10,,,100,usd,false"
    with pytest.raises(TenureError, match=words):
        _ledger(open_tables, rows, chosen)
    if chosen == Settings():
        assert _ledger(open_tables, rows, chosen, dt.date(2024, 2, 1)).currency == "EUR", "before the second one came"


def test_trials_alone_leave_an_empty_ledger(open_tables: Open) -> None:
    ledger = _ledger(open_tables, "s1,A,basic,2024-01-10,,,100,USD,true")
    assert ledger.steps.empty
    assert ledger.periods.empty
    assert ledger.currency is None
    assert ledger.mrr_on(dt.date(2024, 5, 1)).empty
    assert ledger.revenue(dt.date(2024, 1, 1), AS_OF).empty


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(companies(), st.sampled_from([dt.date(2025, 4, 1), dt.date(2024, 8, 15)]))
def test_each_day_of_random_histories_is_that_of_plain_loops(company: Company, as_of: dt.date) -> None:
    ledger = ledger_of(company.open(), as_of)
    lives = oracle.lives(company, as_of)
    day = dt.date(2023, 11, 1)
    while day < as_of:
        expected = {life.account.name: life.cents(day) for life in lives if life.running(day)}
        found = ledger.on(day)
        assert found["cents"].to_dict() == expected
        assert found["plan"].to_dict() == {
            life.account.name: life.group("plan", day) for life in lives if life.running(day)
        }
        day += dt.timedelta(days=7)
    start, until = dt.date(2024, 1, 17), dt.date(2024, 8, 3)
    revenue = {life.account.name: float(life.revenue(start, until)[0]) / 100 for life in lives}
    found = ledger.revenue(start, until)
    assert found.to_dict() == pytest.approx({name: revenue[name] for name in found.index}, abs=1e-6)
    assert not any(abs(money) > 1e-9 for name, money in revenue.items() if name not in found.index)
    assert isinstance(found, pd.Series)
