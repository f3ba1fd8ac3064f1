"""Ledger: the subscriptions of a history in; what each account pays on each day, in one currency and in cents, out."""

from __future__ import annotations

import copy
import datetime as dt
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd

from features.errors import TenureError
from features.history import History
from features.labels import customer_periods
from features.subscriptions import paid_subscriptions

__all__ = ["Ledger", "ledger_of"]


@dataclass(frozen=True)
class Ledger:
    """What each account pays on each day, as known on one day.

    Parameters
    ----------
    steps : account_id (str), from_on, until_on (datetime64[us], half-open; NaT: goes on), cents (int64, MRR in
        hundredths of the reporting currency, all paid subscriptions of the account together), plan (of the dearest
        one). An account has a step for each day on which it has a paid subscription, also one of no MRR, and for no
        other day; steps of one account follow each other and never overlap. Sorted by account_id and from_on.
    periods : account_id, began_on, left_on (NaT: still a customer), end_reason (voluntary, involuntary, completed,
        merged or superseded; None: still a customer), churned (bool): the periods during which an account was a
        customer, as `features.labels.customer_periods` has them, dated by the end of the subscriptions whatever
        `outcomes.churn.event` says. Sorted by account_id and began_on.
    subscriptions : the paid subscriptions themselves: account_id, subscription_id, plan, started_on, ended_on
        (half-open; NaT: goes on), cents (int64), currency (what it is sold in; None: it says none), renews_on (the
        first renewal; NaT: not on record), term_months (float; NaN: none). Sorted by account_id, started_on and
        subscription_id.
    currency : that all amounts are in; None where neither the settings nor any subscription names one.
    known_on : nothing known on or after this day counts; an end on or after it has not come yet.
    """

    steps: pd.DataFrame
    periods: pd.DataFrame
    subscriptions: pd.DataFrame
    currency: str | None
    known_on: dt.date

    def on(self, day: dt.date) -> pd.DataFrame:
        """The steps that cover a day, one for each account with a paid subscription on it; indexed by account_id."""
        at = pd.Timestamp(day)
        steps = self.steps
        covering = (steps["from_on"] <= at) & (steps["until_on"].isna() | (steps["until_on"] > at))
        return steps[covering].set_index("account_id")

    def mrr_on(self, day: dt.date) -> pd.Series:
        """MRR on a day, in units of the currency (float), by account_id: those with a paid subscription, others absent.

        What an account pays nothing for counts too, with 0.0.
        """
        return (self.on(day)["cents"] / 100).rename("mrr")

    def revenue(self, start: dt.date, until: dt.date) -> pd.Series:
        """Revenue of the days `[start, until)`: the sum of MRR that day / days in its month, in units of the currency.

        Returns
        -------
        Floats by account_id: those with a paid subscription on one of the days, others absent.
        """
        steps = self.steps
        inside = (steps["from_on"] < pd.Timestamp(until)) & ~(steps["until_on"] <= pd.Timestamp(start))
        steps = steps[inside]
        begins = steps["from_on"].to_numpy("datetime64[D]")
        ends = steps["until_on"].fillna(pd.Timestamp(until)).to_numpy("datetime64[D]")
        money = np.zeros(len(steps))
        for first, last, days in _months(start, until):
            held = (np.minimum(ends, last) - np.maximum(begins, first)).astype(np.int64).clip(0)
            money += steps["cents"].to_numpy() * held / (100 * days)
        return pd.Series(money, index=steps.index).groupby(steps["account_id"]).sum().rename("revenue")


def ledger_of(history: History, known_on: dt.date) -> Ledger:
    """What each account pays on each day, as known on a day.

    Trials never count. Subscriptions at once add up. Each is converted into the reporting currency by the fixed rates
    of the settings and rounded to the cent, half away from zero, before it is added. One without a currency counts as
    the others of its account, else as all the others, else as in the reporting currency.

    Raises
    ------
    TenureError : subscriptions are in several currencies, or in another one than is to be told, without a rate.
    """
    currency, rates = _rates(history, known_on)
    priced = _priced(history, known_on, currency, rates)
    # Movements and revenue are dated by when money stops, also where a churn counts from its notice.
    by_end = copy.copy(history)
    by_end.settings = replace(history.settings, churn=replace(history.settings.churn, event="end"))
    periods = _dated(
        history,
        f"SELECT account_id, began_on, left_on, end_reason, churned FROM {customer_periods(by_end, known_on)} "
        "ORDER BY account_id, began_on",
    )
    reasons = periods["end_reason"]
    periods["end_reason"] = reasons.astype(object).where(reasons.notna(), None)
    subscriptions = _dated(history, f"SELECT * FROM {priced} ORDER BY account_id, started_on, subscription_id")
    currencies = subscriptions["currency"]
    subscriptions["currency"] = currencies.astype(object).where(currencies.notna(), None)
    subscriptions["term_months"] = subscriptions["term_months"].astype("float64")
    return Ledger(_dated(history, _steps(priced)), periods, subscriptions, currency, known_on)


def _dated(history: History, sql: str) -> pd.DataFrame:
    """What a query gives, its dates as datetime64[us]."""
    frame = history.con.execute(sql).df()
    for column in [str(c) for c in frame if str(c).endswith("_on")]:
        frame[column] = frame[column].astype("datetime64[us]")
    return frame


def _months(start: dt.date, until: dt.date) -> Iterator[tuple[np.datetime64, np.datetime64, int]]:
    """The parts of the days `[start, until)` in each month, with the days of that month."""
    first = start
    while first < until:
        days = monthrange(first.year, first.month)[1]
        last = min(first.replace(day=days) + dt.timedelta(days=1), until)
        yield np.datetime64(first), np.datetime64(last), days
        first = last


def _rates(history: History, known_on: dt.date) -> tuple[str | None, dict[str, Decimal]]:
    """The reporting currency, and what one unit of each currency in the subscriptions is worth in it."""
    found = history.con.execute(
        f"SELECT DISTINCT upper(trim(currency)) AS c FROM {paid_subscriptions(history, known_on)} "
        "WHERE nullif(trim(currency), '') IS NOT NULL ORDER BY c"
    ).fetchall()
    met = [str(row[0]) for row in found]
    revenue = history.settings.revenue
    told = (revenue.currency or "").strip().upper() or (met[0] if len(met) == 1 else None)
    if told is None and met:
        raise TenureError(
            f"Subscriptions are in {_and(met)}, which are never added as they stand; write [revenue] currency and "
            "[revenue.rates] with what one unit of each other one is worth in it."
        )
    known = {name: Decimal(str(rate)) for name, rate in revenue.rates.items()} | ({told: Decimal(1)} if told else {})
    if unknown := [name for name in met if name not in known]:
        raise TenureError(
            f"Subscriptions are in {_and(met)}, and nothing says what one {unknown[0]} is worth in {told}; write "
            f"{unknown[0]} = ... under [revenue.rates]."
        )
    return told, {name: known[name] for name in met}


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _priced(history: History, known_on: dt.date, told: str | None, rates: dict[str, Decimal]) -> str:
    """SQL: the paid subscriptions with what each costs a month, in cents of the reporting currency."""
    whens = " ".join(f"WHEN '{name.replace(chr(39), chr(39) * 2)}' THEN {rate * 100:f}" for name, rate in rates.items())
    only = next(iter(rates)) if len(rates) == 1 else told
    other = rates.get(only or "", Decimal(1)) * 100
    factor = f"CASE coalesce(currency, usual) {whens} ELSE {other:f} END" if whens else "100"
    day = f"DATE '{known_on.isoformat()}'"
    return f"""
    (WITH paid AS (
        SELECT CAST(account_id AS VARCHAR) AS account_id, subscription_id, plan, mrr, started_on,
               CASE WHEN ended_on < {day} THEN ended_on END AS ended_on, renews_on, term_months,
               nullif(upper(trim(currency)), '') AS currency
        FROM {paid_subscriptions(history, known_on)}
    ),
    usually AS (
        SELECT *, CASE WHEN min(currency) OVER mine = max(currency) OVER mine THEN min(currency) OVER mine END AS usual
        FROM paid WINDOW mine AS (PARTITION BY account_id)
    )
    SELECT account_id, subscription_id, plan, started_on, ended_on,
           CAST(round(mrr * CAST({factor} AS DECIMAL(20, 10)), 0) AS BIGINT) AS cents, currency, renews_on,
           term_months
    FROM usually)
    """


def _steps(priced: str) -> str:
    """SQL: each account's MRR between the days on which one of its paid subscriptions starts or ends."""
    return f"""
    WITH priced AS MATERIALIZED (SELECT * FROM {priced}),
    days AS (
        SELECT account_id, started_on AS from_on FROM priced
        UNION SELECT account_id, ended_on FROM priced WHERE ended_on IS NOT NULL
    ),
    spans AS (
        SELECT *, lead(from_on) OVER (PARTITION BY account_id ORDER BY from_on) AS until_on FROM days
    )
    SELECT spans.account_id, from_on, until_on, CAST(sum(cents) AS BIGINT) AS cents,
           first(plan ORDER BY cents DESC, subscription_id, started_on DESC) AS plan
    FROM spans JOIN priced ON priced.account_id = spans.account_id
        AND started_on <= from_on AND (ended_on IS NULL OR ended_on > from_on)
    GROUP BY spans.account_id, from_on, until_on ORDER BY spans.account_id, from_on
    """
