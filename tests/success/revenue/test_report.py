"""The report: what it says of a period that is not over, of money in several currencies, and of what is not there."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from features.errors import TenureError
from features.history import History
from features.ledger import ledger_of
from features.money import RevenueSettings
from features.settings import ChurnSettings, Settings
from success.periods import Period
from success.revenue.groups import GROUPINGS
from success.revenue.report import revenue_report, revenue_series
from tests.success.revenue.companies import literal

TABLES = {
    "accounts": "account_id,created_on,segment\nA,2024-01-01,big\nB,2024-01-01,",
    "usage": "account_id,day,feature,events\nA,2024-01-02,f,1",
    "subscriptions": """
        subscription_id,account_id,plan,started_on,ended_on,end_reason,term_months,mrr,currency
        s1,A,basic,2024-01-10,,,12,100,EUR
        s2,B,basic,2024-01-10,2024-04-21,voluntary,1,60,USD
    """,
}
EURO = replace(Settings(), revenue=RevenueSettings("EUR", {"USD": 0.5}, gross_margin=0.8))
SECOND = Period.parse("2024Q2")


def test_a_period_that_is_not_over_runs_until_as_of_and_says_so() -> None:
    found = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 5, 1))
    document = found.to_json()
    assert document["partial_until"] == "2024-05-01"
    assert document["until"] == "2024-07-01"
    assert any("its figures run until 2024-04-30 and are partial" in note for note in document["notes"])
    assert document["total"]["movement"]["closing"] == 100.0
    # April alone: 100 of A, and 20 of the 30 days of B's 30.
    assert found.total.metrics["revenue"].value == pytest.approx(120.0)
    assert found.total.metrics["arpa_period"].value == pytest.approx(120 / (1 + 20 / 30))
    whole = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 7, 1))
    assert whole.to_json()["partial_until"] is None
    assert not any("partial" in note for note in whole.notes)


def test_a_period_that_has_not_begun_and_a_grouping_that_there_is_not_are_refused() -> None:
    history = literal(TABLES, EURO)
    with pytest.raises(TenureError, match="2024Q2 has no day before 2024-04-01; ask for an earlier period"):
        revenue_report(history, SECOND, dt.date(2024, 4, 1))
    with pytest.raises(TenureError, match='cannot be told by "region"; there are segment, plan, csm, seller, cohort'):
        revenue_report(history, SECOND, dt.date(2024, 7, 1), "region")
    with pytest.raises(TenureError, match="Subscriptions are in EUR and USD"):
        revenue_report(literal(TABLES), SECOND, dt.date(2024, 7, 1))


def test_what_was_converted_at_which_rate_and_who_may_come_back_is_said() -> None:
    notes = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 5, 1)).notes
    assert any("fixed rates (1 USD = 0.5 EUR)" in note for note in notes)
    assert any(note.startswith("1 account left less than 30 days before 2024-05-01 and counts as") for note in notes)
    later = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 7, 1)).notes
    assert not any("less than 30 days" in note for note in later)
    by_notice = replace(EURO, churn=ChurnSettings(event="notice"))
    dated = revenue_report(literal(TABLES, by_notice), SECOND, dt.date(2024, 7, 1)).notes
    assert any("dated by the end of subscriptions" in note for note in dated)


def test_a_return_within_the_grace_makes_a_pause_of_what_counted_as_churn() -> None:
    back = TABLES["subscriptions"].rstrip() + "\n        s3,B,basic,2024-05-05,,,1,60,USD\n"
    tables = TABLES | {"subscriptions": back}
    before = revenue_report(literal(tables, EURO), SECOND, dt.date(2024, 5, 5)).total
    after = revenue_report(literal(tables, EURO), SECOND, dt.date(2024, 5, 6)).total
    assert (before.movement["churn_voluntary"], before.movement["paused"]) == (-30.0, 0.0)
    assert (after.movement["churn_voluntary"], after.movement["paused"], after.movement["resumed"]) == (0, -30.0, 30.0)
    assert before.metrics["customer_churn"].value == 0.5
    assert after.metrics["customer_churn"].value == 0


def test_who_is_away_on_the_last_day_and_comes_back_in_time_is_lost_revenue_and_no_churn() -> None:
    away = TABLES["subscriptions"].replace("2024-04-21", "2024-06-21").rstrip()
    tables = TABLES | {"subscriptions": away + "\n        s3,B,basic,2024-07-05,,,1,60,USD\n"}
    metrics = revenue_report(literal(tables, EURO), SECOND, dt.date(2024, 8, 1)).total.metrics
    assert metrics["customer_churn"].value == 0
    assert metrics["logo_retention"].value == 0.5
    assert (metrics["nrr"].numerator, metrics["grr"].numerator) == (100.0, 100.0)
    assert "1 with an MRR of 30.00 paused over the period's end" in metrics["nrr"].note
    third = revenue_report(literal(tables, EURO), Period.parse("2024Q3"), dt.date(2024, 8, 1)).total
    assert (third.metrics["starting_accounts"].value, third.movement["resumed"]) == (1, 30.0)


@pytest.mark.parametrize(("asked_on", "fits"), [("2023-12-15", True), ("2024-03-01", False), ("2024-05-01", False)])
def test_a_bad_fit_is_one_of_the_churn_that_it_was_said_of(asked_on: str, fits: bool) -> None:
    tables = TABLES | {
        "accounts": "account_id,created_on\nA,2023-01-01\nB,2023-01-01",
        # B left once before, in November.
        "subscriptions": TABLES["subscriptions"].rstrip()
        + "\n        s0,B,basic,2023-06-01,2023-11-01,voluntary,1,60,USD\n",
        "exits": f"account_id,asked_on,reason\nB,{asked_on},bad_fit",
    }
    metrics = revenue_report(literal(tables, EURO), SECOND, dt.date(2024, 7, 1)).total.metrics
    assert metrics["customer_churn"].value == 0.5
    assert metrics["customer_churn_without_bad_fit"].value == (0.5 if fits else 0)


@pytest.mark.parametrize("by", GROUPINGS)
def test_each_grouping_works_without_the_optional_tables_and_names_who_is_in_none(by: str) -> None:
    found = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 7, 1), by)
    expected = {
        "segment": ["big", ""], "plan": ["basic"], "csm": [""], "seller": [""], "cohort": ["2024Q1"],
    }  # fmt: skip
    assert [group.name for group in found.groups] == expected[by]
    assert any(note.startswith("The group without a name") for note in found.notes) == ("" in expected[by])
    json.dumps(found.to_json(), allow_nan=False)


def test_a_segment_that_was_known_late_goes_back_to_the_start_and_a_later_one_is_a_transfer() -> None:
    versions = """
        account_id,created_on,segment,valid_from
        A,2024-01-01,small,2024-03-01
        A,2024-01-01,big,2024-05-01
        A,2024-01-01,huge,2024-12-01
        B,2024-01-01,small,2024-01-01
    """
    found = revenue_report(literal(TABLES | {"accounts": versions}, EURO), SECOND, dt.date(2024, 7, 1), "segment")
    told = {group.name: {n: v for n, v in group.movement.items() if v} for group in found.groups}
    assert told == {
        "big": {"transferred_in": 100.0, "closing": 100.0},
        "small": {"opening": 130.0, "churn_voluntary": -30.0, "transferred_out": -100.0},
    }
    # Measured where they started: NRR of small keeps what moved on.
    small = next(group for group in found.groups if group.name == "small")
    assert (small.metrics["nrr"].numerator, small.metrics["nrr"].denominator) == (100.0, 130.0)


def test_a_series_is_its_reports_one_by_one(history: History) -> None:
    periods = [Period.parse(name) for name in ("2024Q4", "2025Q1")]
    as_of = history.observed_until
    ledger = ledger_of(history, as_of)
    together = revenue_series(history, periods, as_of, "segment", ledger=ledger)
    assert [found.period for found in together] == periods
    assert together[1].to_json() == revenue_report(history, periods[1], as_of, "segment").to_json()
    assert together[0].total.movement["closing"] == together[1].total.movement["opening"]


def test_rows_hold_each_figure_with_how_it_is_made() -> None:
    found = revenue_report(literal(TABLES, EURO), SECOND, dt.date(2024, 7, 1), "segment")
    rows = found.rows()
    assert list(rows[0]) == [
        "period", "by", "group", "group_kind", "metric", "value", "unit", "numerator", "denominator", "note", "formula",
    ]  # fmt: skip
    assert {(row["by"], row["group"], row["group_kind"]) for row in rows} == {
        ("", "everybody", "everybody"), ("segment", "big", "one"), ("segment", "nobody", "nobody"),
    }  # fmt: skip
    assert all(row["formula"] and row["unit"] for row in rows)
    (nrr,) = (row for row in rows if row["metric"] == "nrr" and row["group"] == "everybody")
    assert (nrr["value"], nrr["numerator"], nrr["denominator"]) == (100 / 130, 100.0, 130.0)
    assert len(rows) == len({(row["by"], row["group"], row["metric"]) for row in rows})


def test_a_group_that_is_called_as_all_or_none_are_is_neither() -> None:
    tables = TABLES | {"accounts": "account_id,created_on,segment\nA,2024-01-01,everybody\nB,2024-01-01,nobody"}
    rows = revenue_report(literal(tables, EURO), SECOND, dt.date(2024, 7, 1), "segment").rows()
    mrr = {(row["group"], row["group_kind"]): row["value"] for row in rows if row["metric"] == "opening"}
    assert mrr == {("everybody", "everybody"): 130.0, ("everybody", "one"): 100.0, ("nobody", "one"): 30.0}


BEFORE = TABLES | {
    "accounts": "account_id,created_on,segment\nA,2022-01-01,big\nB,2022-01-01,",
    "usage": "account_id,day,feature,events\nA,2024-04-06,f,1\nA,2024-07-06,f,1",
    "subscriptions": """
        subscription_id,account_id,plan,started_on,ended_on,end_reason,term_months,mrr,currency
        s1,A,basic,2023-01-10,,,12,100,EUR
        s2,B,basic,2023-01-10,2024-04-21,voluntary,1,60,USD
    """,
}


def test_who_left_before_the_history_began_is_not_in_it() -> None:
    """So everybody seems to have stayed: rates are not told, MRR is that of who is there."""
    history = literal(BEFORE, EURO)
    first = revenue_report(history, Period.parse("2024Q1"), dt.date(2024, 7, 1), "segment")
    said = (
        "The history begins on 6 April 2024: who left before it is not in it, so that retention, churn and renewals of "
        "days before it cannot be told."
    )
    assert said in first.notes
    for group in (first.total, *first.groups):
        for name in ("nrr", "grr", "logo_retention", "net_revenue_churn", "customer_churn_voluntary", "renewal_rate",
                     "value_renewed", "renewal_rate_monthly", "left_before_renewal", "cltv", "cltv_margin",
                     "renewal_cost", "renewal_cost_12m"):  # fmt: skip
            metric = group.metrics[name]
            assert metric.value is None
            assert (
                metric.note == "Not defined: the history begins on 6 April 2024, and who left before it is not in it."
            )
            assert metric.numerator is None or name.startswith("cltv")
        assert group.flags == ()
    assert first.total.metrics["starting_accounts"].value == 2
    assert first.total.metrics["arpa_end"].value == 65.0
    assert (first.total.movement["opening"], first.total.movement["closing"]) == (130.0, 130.0)


def test_a_history_that_begins_in_the_first_week_tells_the_whole_period() -> None:
    """The first day of usage is the 6th of April, at a weekend; then also that is too late."""
    for name, at_end in (("2024Q2", 100 / 130), ("2024-04", 100 / 130), ("2024-05", 1.0)):
        found = revenue_report(literal(BEFORE, EURO), Period.parse(name), dt.date(2024, 7, 1))
        assert found.total.metrics["nrr"].value == pytest.approx(at_end)
        assert not any("The history begins" in note for note in found.notes)
    late = BEFORE | {"usage": "account_id,day,feature,events\nA,2024-04-09,f,1\nA,2024-07-06,f,1"}
    found = revenue_report(literal(late, EURO), SECOND, dt.date(2024, 7, 1))
    assert found.total.metrics["nrr"].value is None
    # As known before any usage was, nothing more is known of who left before it.
    early = revenue_report(literal(late, EURO), Period.parse("2024Q1"), dt.date(2024, 4, 1))
    assert early.total.metrics["nrr"].value is None


def test_twelve_months_of_which_some_are_to_come_say_which_days_they_are() -> None:
    history = literal(BEFORE, EURO)
    managed = revenue_report(history, SECOND, dt.date(2024, 5, 1)).total.metrics["managed_revenue"]
    assert managed.note == "2024Q2 is not over: what is told covers the days from 1 July 2023 to 30 April 2024."
    # 100 a month of A for ten months; of B 30 for nine, and 20 of the 30 days of April.
    assert managed.value == pytest.approx(1000 + 270 + 20)
    assert revenue_report(history, SECOND, dt.date(2024, 7, 1)).total.metrics["managed_revenue"].note == ""


def test_lifetime_value_takes_the_margin_and_is_not_defined_without_churn() -> None:
    history = literal(TABLES, EURO)
    metrics = revenue_report(history, SECOND, dt.date(2024, 7, 1)).total.metrics
    monthly = 1 - (1 - 30 / 130) ** (1 / 3)
    months = 3 + 20 / 30
    assert metrics["cltv_margin"].value == pytest.approx(320 / months * 0.8 / monthly)
    assert metrics["cltv"].value == pytest.approx(320 / (months / 3) / (30 / 130))
    first = revenue_report(history, Period.parse("2024Q1"), dt.date(2024, 7, 1)).total.metrics
    for name in ("nrr", "cltv", "cltv_margin", "customer_churn"):
        assert first[name].value is None
        assert first[name].note == "Not defined: no account paid on the day before the period."
    assert first["cac"].note == "Not defined: there is no table of costs."
