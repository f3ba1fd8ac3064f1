"""Retention, churn, renewals and what accounts bring: over random histories what plain loops say, and their laws."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.ledger import ledger_of
from success.economics import spending
from success.metric import Definition, Metric
from success.periods import Period
from success.revenue.document import Group
from success.revenue.drift import drift_flags
from success.revenue.figures import Side, Spent
from success.revenue.groups import GROUPINGS
from success.revenue.renewals import renewals_of
from success.revenue.report import revenue_report
from tests.success.revenue import oracle
from tests.success.revenue.companies import Company, companies, literal
from tests.success.revenue.oracle import DAY, Life

SOME = Definition("n", "N", "a / b", "share", "a", "b")
LAW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
PERIODS = st.sampled_from(["2024Q1", "2024Q3", "2024-05", "2024"]).map(Period.parse)
CHURNS = ("churn_voluntary", "churn_involuntary")


def _of_start(lives: Iterable[Life], period: Period, until: dt.date) -> dict[str, tuple[float, float]]:
    """Numerator and denominator of the rates on starting accounts."""
    paying = [life for life in lives if life.cents(period.start - DAY) > 0]
    opening = {life: life.cents(period.start - DAY) for life in paying}
    closing = {life: life.cents(until - DAY) for life in paying}
    start, end = sum(opening.values()) / 100, sum(closing.values()) / 100
    kept = sum(min(opening[life], closing[life]) for life in paying) / 100
    found = {
        "nrr": (end, start),
        "grr": (kept, start),
        "logo_retention": (sum(closing[life] > 0 for life in paying), len(paying)),
        "net_revenue_churn": (start - end, start),
        "gross_revenue_churn": (start - kept, start),
    }
    for kind, fates in (("", CHURNS), ("_voluntary", CHURNS[:1]), ("_involuntary", CHURNS[1:])):
        gone = [life for life in paying if life.fate(until) in fates]
        for suffix, left in (("", gone), ("_without_bad_fit", [life for life in gone if not life.bad_fit(until)])):
            found[f"customer_churn{kind}{suffix}"] = (len(left), len(paying))
            found[f"revenue_churn{kind}{suffix}"] = (sum(opening[life] for life in left) / 100, start)
    return found


def _same(metric: Metric, numerator: float, denominator: float) -> None:
    assert metric.numerator == pytest.approx(numerator, abs=1e-9), metric
    assert metric.denominator == pytest.approx(denominator, abs=1e-9), metric
    if denominator > 0:
        assert metric.value == pytest.approx(numerator / denominator, abs=1e-12), metric
    else:
        assert metric.value is None, metric
        assert metric.note, metric


@LAW
@given(companies(), PERIODS, st.sampled_from([dt.date(2025, 4, 1), dt.date(2024, 9, 10)]), st.sampled_from(GROUPINGS))
def test_rates_are_those_of_plain_loops(company: Company, period: Period, as_of: dt.date, by: str) -> None:
    history = company.open()
    ledger = ledger_of(history, as_of)
    spent = Spent(Metric(SOME, None, note="Not set."), spending(history, as_of), {})
    (total,) = Side(history, ledger, None).groups(period, min(period.until, as_of), spent)
    groups = Side(history, ledger, by).groups(period, min(period.until, as_of), spent)
    lives = oracle.lives(company, as_of)
    until = min(period.until, as_of)
    for group in (total, *groups):
        mine = [
            life for life in lives
            if group is total
            or (life.running(period.start - DAY) and life.group(by, period.start - DAY) == group.name)
        ]  # fmt: skip
        for name, (numerator, denominator) in _of_start(mine, period, until).items():
            if name.endswith("bad_fit") and not any(account.exits for account in company.accounts):
                assert group.metrics[name].value is None, "there is no table of exits"
                continue
            _same(group.metrics[name], numerator, denominator)
        _obeys_the_laws(group)
    parts = [life.revenue(period.start, until) for life in lives]
    _same(total.metrics["arpa"], float(sum(p[1] for p in parts)) / 100, float(sum(p[2] for p in parts)))
    assert total.metrics["revenue"].value == pytest.approx(float(sum(p[0] for p in parts)) / 100, abs=1e-6)
    assert sum(g.metrics["revenue"].value or 0 for g in groups) == pytest.approx(
        total.metrics["revenue"].value, abs=1e-6
    )


def _obeys_the_laws(group: Group) -> None:
    value = {name: metric.value for name, metric in group.metrics.items()}
    if value["nrr"] is None or value["grr"] is None:
        return
    assert value["nrr"] >= value["grr"] - 1e-12
    assert value["grr"] <= 1 + 1e-12
    for what in ("customer", "revenue"):
        told = value[f"{what}_churn_without_bad_fit"] is not None
        for fit in ("", "_without_bad_fit") if told else ("",):
            kinds = [value[f"{what}_churn_{kind}{fit}"] or 0.0 for kind in ("voluntary", "involuntary")]
            assert value[f"{what}_churn{fit}"] == pytest.approx(sum(kinds))
        assert (value[f"{what}_churn_without_bad_fit"] or 0.0) <= (value[f"{what}_churn"] or 0.0)
    assert 1 - (value["logo_retention"] or 0.0) >= (value["customer_churn"] or 0.0) - 1e-12
    assert (value["gross_revenue_churn"] or 0.0) >= (value["revenue_churn"] or 0.0) - 1e-12


@LAW
@given(companies(), PERIODS, st.sampled_from([dt.date(2025, 4, 1), dt.date(2024, 9, 10)]))
def test_renewals_are_those_of_plain_loops(company: Company, period: Period, as_of: dt.date) -> None:
    history = company.open()
    found = renewals_of(history, ledger_of(history, as_of), period.start, period.until, as_of)
    told = {
        (row.account_id, row.renews_on.date(), bool(row.monthly)): (bool(row.renewed), row.mrr, row.value)
        for row in found.itertuples()
    }
    expected = {
        (life.account.name, day, monthly): (renewed, cents / 100, value / 100)
        for life in oracle.lives(company, as_of)
        for (day, monthly), (renewed, cents, value) in life.renewals(period.start, period.until).items()
    }
    assert told == expected


def _ten_up(renewed: int) -> str:
    """Ten accounts whose year is over on 2024-05-01, of whom so many go on."""
    rows = [
        f"s{n},A{n},basic,2023-05-01,{'' if n < renewed else '2024-05-01'},{'' if n < renewed else 'voluntary'},12,100"
        for n in range(10)
    ]
    return "\n".join(["subscription_id,account_id,plan,started_on,ended_on,end_reason,term_months,mrr", *rows])


def _beside(accounts: int) -> dict[str, str]:
    names = [f"A{n}" for n in range(accounts)]
    return {
        "accounts": "\n".join(["account_id,created_on", *(f"{name},2023-01-01" for name in names)]),
        "usage": "\n".join(["account_id,day,feature,events", *(f"{name},2023-05-02,f,1" for name in names)]),
    }


def test_seven_of_ten_renewed_is_70_percent() -> None:
    history = literal(_beside(10) | {"subscriptions": _ten_up(7)})
    metrics = revenue_report(history, Period.parse("2024Q2"), dt.date(2024, 7, 1)).total.metrics
    _same(metrics["renewal_rate"], 7, 10)
    assert metrics["renewal_rate"].value == 0.7
    assert metrics["value_renewed"].value == 7 * 100 * 12
    assert metrics["customer_churn"].value == 0.3
    assert metrics["customer_churn_without_bad_fit"].value is None
    assert "no table of exits" in metrics["customer_churn_without_bad_fit"].note


def test_who_renews_two_subscriptions_on_different_days_is_up_twice_and_what_lapsed_is_worth_nothing() -> None:
    history = literal(
        _beside(1)
        | {
            "subscriptions": """
                subscription_id,account_id,plan,started_on,ended_on,end_reason,term_months,mrr
                s1,A0,basic,2023-05-01,2024-05-01,voluntary,12,100
                s2,A0,basic,2023-06-01,,,12,40
            """
        }
    )
    as_of = dt.date(2024, 7, 1)
    found = renewals_of(history, ledger_of(history, as_of), dt.date(2024, 4, 1), as_of, as_of)
    assert found["renewed"].tolist() == [True, True]
    assert found["value"].tolist() == [0.0, 480.0]
    assert found["mrr"].tolist() == [100.0, 40.0]


def test_a_renewal_on_the_31st_does_not_drift() -> None:
    history = literal(
        _beside(1)
        | {
            "subscriptions": """
                subscription_id,account_id,plan,started_on,term_months,mrr
                s1,A0,basic,2023-05-31,1,100
            """
        }
    )
    as_of = dt.date(2024, 7, 1)
    found = renewals_of(history, ledger_of(history, as_of), dt.date(2024, 1, 1), dt.date(2024, 5, 1), as_of)
    assert [f"{day:%m-%d}" for day in found["renews_on"]] == ["01-31", "02-29", "03-31", "04-30"]


@pytest.mark.parametrize(
    ("nrr", "grr", "logos", "words"),
    [
        (1.2, 0.95, 0.95, ["the growth of some accounts covers what others lost"]),
        (0.95, 0.95, 0.7, ["fewer and larger ones"]),
        (0.7, 0.7, 0.95, ["accounts stay and pay less, or the larger ones leave"]),
        (1.05, 0.95, 0.85, []),  # each by 10 points exactly, which is still allowed
        (1.3, 0.9, 0.5, ["the growth of some accounts", "fewer and larger ones"]),
    ],
)
def test_rates_that_are_far_apart_are_flagged_with_what_it_means(
    nrr: float, grr: float, logos: float, words: list[str]
) -> None:
    metrics = {name: Metric(SOME, value) for name, value in (("nrr", nrr), ("grr", grr), ("logo_retention", logos))}
    flags = drift_flags(metrics, 0.1)
    assert len(flags) == len(words)
    for flag, word in zip(flags, words, strict=True):
        assert word in flag
