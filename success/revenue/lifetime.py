"""Lifetime: what accounts paid in a period and what was lost of it in; what an account brings and is worth out."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from dataclasses import dataclass

import numpy as np
import pandas as pd

from success.metric import Definition, Metric, ratio
from success.periods import month_of, months_after

__all__ = ["DEFINITIONS", "Paid", "lifetime_metrics", "months_of", "paid_in"]

_REVENUE = Definition(
    "revenue",
    "Recurring revenue",
    "sum over the days of the period of MRR that day / days in its month",
    "money",
    "MRR of each day / days in its month, of all accounts",
)
_PAYING = Definition(
    "paying_accounts",
    "Paying accounts at the end",
    "count of accounts",
    "accounts",
    "accounts with MRR on the last day",
)
_ARPA_END = Definition(
    "arpa_end",
    "ARPA at the end",
    "MRR on the last day / accounts that pay on it",
    "money",
    "MRR on the last day of the accounts that pay on it (MRR above 0)",
    "accounts with an MRR above 0 on the last day",
)
_ARPA = Definition(
    "arpa",
    "Average revenue per account (ARPA)",
    "revenue of the period / account-months",
    "money",
    "revenue of the period of accounts on the days on which they pay (MRR above 0)",
    "account-months: over the days of the period, accounts that pay / days in the month",
)
_ARPA_PERIOD = Definition(
    "arpa_period",
    "ARPA of the period",
    "revenue of the period / paying accounts on average",
    "money",
    "revenue of the period of accounts on the days on which they pay (MRR above 0)",
    "account-months / months of the period",
)
_CLTV = Definition(
    "cltv",
    "Customer lifetime value (CLTV)",
    "ARPA of the period / gross revenue churn of the same period",
    "money",
    "ARPA of the period",
    "gross revenue churn of the period, a share",
)
_MONTHLY = Definition(
    "revenue_churn_monthly",
    "Revenue churn, a month",
    "1 - (1 - revenue churn) ^ (1 / months of the period): the same rate every month that leaves as much",
    "share",
    "revenue churn of the period, as the rate of one month",
)
_CLTV_MARGIN = Definition(
    "cltv_margin",
    "Customer lifetime value at gross margin",
    "ARPA a month x gross margin / monthly revenue churn",
    "money",
    "ARPA a month x gross margin",
    "monthly revenue churn, a share",
)
_CAC = Definition(
    "cac",
    "Customer acquisition cost (CAC)",
    "acquisition cost / new accounts",
    "money",
    "costs of the category acquisition in the months of the period",
    "accounts whose first MRR above 0 came inside the period",
)
_OVER_CAC = Definition(
    "cltv_over_cac",
    "CLTV over CAC",
    "CLTV at gross margin / CAC",
    "multiple",
    "customer lifetime value at gross margin",
    "customer acquisition cost",
)
DEFINITIONS = (
    _REVENUE, _PAYING, _ARPA_END, _ARPA, _ARPA_PERIOD, _CLTV, _MONTHLY, _CLTV_MARGIN, _CAC, _OVER_CAC,
)  # fmt: skip


@dataclass(frozen=True)
class Paid:
    """What the accounts of one group paid.

    Parameters
    ----------
    revenue : money, of all accounts on all days of the period.
    paying_revenue : money, of accounts on the days on which they pay.
    account_months : over the days of the period, accounts that pay / days in the month.
    closing : money, MRR on the last day of the accounts that pay on it.
    paying : accounts that pay on the last day.
    new : accounts whose first MRR above 0 came inside the period.
    """

    revenue: float = 0.0
    paying_revenue: float = 0.0
    account_months: float = 0.0
    closing: float = 0.0
    paying: int = 0
    new: int = 0


def months_of(start: dt.date, until: dt.date) -> float:
    """How many months the days `[start, until)` are, each day as its part of its month.

    >>> months_of(dt.date(2025, 7, 1), dt.date(2025, 9, 16))
    2.5
    """
    return sum((last - first).days / days for first, last, days in _parts(start, until))


def _parts(start: dt.date, until: dt.date) -> list[tuple[dt.date, dt.date, int]]:
    """The days `[start, until)` by month, with the days of the month."""
    months, month = [], month_of(start)
    while month < until:
        following = months_after(month, 1)
        months.append((max(month, start), min(following, until), monthrange(month.year, month.month)[1]))
        month = following
    return months


def paid_in(steps: pd.DataFrame, events: pd.DataFrame, start: dt.date, until: dt.date) -> dict[str, Paid]:
    """What the accounts of each group paid on the days `[start, until)`.

    Parameters
    ----------
    steps, events : of `success.revenue.groups.grouped_steps` and `success.revenue.movements.events_of`.
    """
    met = steps[(steps["from_on"] < pd.Timestamp(until)) & ~(steps["until_on"] <= pd.Timestamp(start))]
    begins = met["from_on"].to_numpy("datetime64[D]")
    ends = met["until_on"].fillna(pd.Timestamp(until)).to_numpy("datetime64[D]")
    cents, months = met["cents"].to_numpy(), np.zeros(len(met))
    for first, last, days in _parts(start, until):
        held = np.minimum(ends, np.datetime64(last)) - np.maximum(begins, np.datetime64(first))
        months += held.astype(np.int64).clip(0) / days
    pays, at_end = cents > 0, ends >= np.datetime64(until)
    counted = pd.DataFrame(
        {
            "revenue": cents * months / 100,
            "paying_revenue": np.where(pays, cents * months / 100, 0.0),
            "account_months": np.where(pays, months, 0.0),
            "closing": np.where(pays & at_end, cents, 0) / 100,
            "paying": (pays & at_end).astype(np.int64),
        },
        index=met.index,
    )
    sums = counted.groupby(met["group"]).sum()
    inside = (events["day"] >= pd.Timestamp(start)) & (events["day"] < pd.Timestamp(until))
    new = events[inside & (events["movement"] == "new")].groupby("group").size()
    return {
        str(group): Paid(
            **{name: float(row[name]) for name in ("revenue", "paying_revenue", "account_months")},
            closing=round(float(row["closing"]), 2),
            paying=int(row["paying"]),
            new=int(new.get(group, 0)),
        )
        for group, row in sums.iterrows()
    }


def lifetime_metrics(
    paid: Paid, months: float, retention: dict[str, Metric], margin: Metric, acquisition: float | str
) -> dict[str, Metric]:
    """What an account brings, what it is worth until it is lost, and what it took to win it.

    Parameters
    ----------
    months : of the period, as far as figures run.
    retention : of `success.revenue.retention.retention_metrics`.
    margin : gross margin.
    acquisition : money, or why it is not known.
    """
    nobody = "Not defined: no account paid in the period."
    arpa = ratio(_ARPA, paid.paying_revenue, paid.account_months, nobody)
    period = ratio(_ARPA_PERIOD, paid.paying_revenue, paid.account_months / months, nobody)
    monthly = _monthly(retention["revenue_churn"], months)
    at_margin = _at_margin(arpa, margin, monthly)
    cac = _cac(acquisition, paid.new)
    found = (
        Metric(_REVENUE, paid.revenue, paid.revenue),
        Metric(_PAYING, float(paid.paying), float(paid.paying)),
        ratio(_ARPA_END, paid.closing, float(paid.paying), "Not defined: no account pays at the end."),
        arpa,
        period,
        _over(
            _CLTV, period, retention["gross_revenue_churn"], "Not defined: nothing was lost (gross revenue churn 0)."
        ),
        monthly,
        at_margin,
        cac,
        _over(_OVER_CAC, at_margin, cac, "Not defined: acquisition cost nothing."),
    )
    return {metric.definition.name: metric for metric in found}


def _over(definition: Definition, upper: Metric, lower: Metric, zero: str) -> Metric:
    """One metric over another; not defined for the reason that one of them is not."""
    for part in (upper, lower):
        if part.value is None:
            return Metric(definition, None, upper.value, lower.value, part.note)
    return ratio(definition, upper.value, lower.value, zero)


def _monthly(churn: Metric, months: float) -> Metric:
    if churn.value is None:
        return Metric(_MONTHLY, None, note=churn.note)
    rate = 1 - (1 - churn.value) ** (1 / months)
    return Metric(_MONTHLY, rate, rate)


def _at_margin(arpa: Metric, margin: Metric, monthly: Metric) -> Metric:
    for part in (arpa, margin, monthly):
        if part.value is None:
            return Metric(_CLTV_MARGIN, None, note=part.note)
    assert arpa.value is not None
    assert margin.value is not None
    zero = "Not defined: no account churned (revenue churn 0)."
    return ratio(_CLTV_MARGIN, arpa.value * margin.value, monthly.value, zero)


def _cac(acquisition: float | str, new: int) -> Metric:
    if isinstance(acquisition, str):
        return Metric(_CAC, None, None, float(new), acquisition)
    return ratio(_CAC, acquisition, float(new), "Not defined: no account was won.")
