"""Renewals: what was sold for a term in; which of it came up for renewal in a period and what was renewed out."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange

import numpy as np
import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.metric import Definition, Metric, ratio
from success.periods import month_of, months_after

__all__ = ["DEFINITIONS", "left_early", "renewal_metrics", "renewals_of"]

_UP = "accounts and renewal dates inside the period, before the day until which figures run; terms longer than a month"
_STILL = "those of them that were still a customer after that day, a gap within the grace period being none"
_RATE = Definition("renewal_rate", "Renewal rate", "renewed / up for renewal", "share", _STILL, _UP)
_VALUE = Definition(
    "value_renewed",
    "Value renewed",
    "sum over what renewed of MRR after the renewal x months of its term",
    "money",
    "MRR of what goes on, or started in its place, x the months of its term; terms longer than a month",
)
_MONTHLY = Definition(
    "renewal_rate_monthly",
    "Renewal rate, month to month",
    "renewed / up for renewal, of terms of one month",
    "share",
    _STILL,
    "accounts and renewal dates inside the period, before the day until which figures run; terms of one month",
)
_VALUE_MONTHLY = Definition(
    "value_renewed_monthly",
    "Value renewed, month to month",
    "sum over what renewed of MRR after the renewal x the one month of its term",
    "money",
    "MRR of what goes on, or started in its place, x the months of its term; terms of one month",
)
_EARLY = Definition(
    "left_before_renewal",
    "Left before being up for renewal",
    "count of accounts",
    "accounts",
    "accounts with a term longer than a month that churned on a day of the period that was no renewal date of theirs",
)
DEFINITIONS = (_RATE, _VALUE, _MONTHLY, _VALUE_MONTHLY, _EARLY)

_BY = ["account_id", "renews_on", "monthly"]


def renewals_of(history: History, ledger: Ledger, start: dt.date, until: dt.date, as_of: dt.date) -> pd.DataFrame:
    """What came up for renewal on the days `[start, until)`, and before as_of.

    A paid subscription with a term is up for renewal on its first renewal date (`renews_on`, else its start) and every
    term after it, as long as it is active until that day; months are added to that one date each time, so that the
    31st does not drift. It renewed if the account is still a customer after that day; a gap within the grace is none.
    What left before such a day was not up for renewal on it.

    Returns
    -------
    One row an account, day and kind of term: account_id, renews_on (datetime64[us]), renewed (bool), value (money: MRR
    of what goes on of it, or started with it, x the months of its term; 0 where it did not renew), term_months (int, of
    the dearest), monthly (bool: a term of one month), mrr (money: what was up, a month), end_reason (why the account
    is no customer any more, on that day; None where it renewed). Sorted by account_id, renews_on and monthly.
    """
    up = _up(ledger.subscriptions, start, min(until, as_of))
    up = up.merge(ledger.periods, on="account_id")
    inside = (up["began_on"] < up["renews_on"]) & ~(up["left_on"] < up["renews_on"])
    up = up[inside].sort_values([*_BY, "cents", "subscription_id"], ascending=[True, True, True, False, True])
    up["renewed"] = ~(up["left_on"] <= up["renews_on"])
    grouped = up.groupby(_BY, sort=True)
    rows = grouped.agg(
        renewed=("renewed", "first"),
        mrr=("cents", "sum"),
        term_months=("term_months", "first"),
        left_on=("left_on", "first"),
        end_reason=("end_reason", "first"),
    ).reset_index()
    rows["value"] = _value(ledger.subscriptions, up, rows)
    rows["mrr"] = rows["mrr"] / 100
    rows["term_months"] = rows["term_months"].astype(int)
    rows["end_reason"] = rows["end_reason"].astype(object).where(~rows["renewed"], None)
    return rows[
        ["account_id", "renews_on", "renewed", "value", "term_months", "monthly", "mrr", "end_reason"]
    ].reset_index(drop=True)


def _up(subscriptions: pd.DataFrame, start: dt.date, until: dt.date) -> pd.DataFrame:
    """A row a subscription and day of `[start, until)` on which it is up for renewal: its columns, renews_on, monthly.

    renews_on is that day here.
    """
    termed = subscriptions[subscriptions["term_months"].notna()]
    first = termed["renews_on"].fillna(termed["started_on"])
    place, day = first.dt.year * 12 + first.dt.month, first.dt.day
    parts = [termed.iloc[:0].assign(renews_on=first.iloc[:0], monthly=False)]
    month = month_of(start)
    while month < until:
        terms = (month.year * 12 + month.month - place) / termed["term_months"]
        falls = day.clip(upper=monthrange(month.year, month.month)[1]) - 1
        on = pd.Timestamp(month).as_unit("us") + pd.to_timedelta(falls, unit="D").astype("timedelta64[us]")
        due = (terms >= 0) & (terms == np.floor(terms)) & (on > termed["started_on"]) & ~(on > termed["ended_on"])
        due &= (on >= pd.Timestamp(start)) & (on < pd.Timestamp(until))
        parts.append(termed[due].assign(renews_on=on[due], monthly=termed["term_months"][due] == 1))
        month = months_after(month, 1)
    return pd.concat(parts, ignore_index=True)


def _value(subscriptions: pd.DataFrame, up: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """For each row of renewals: what is renewed, in money.

    That is what goes on of the subscriptions that were up, and what started in their place: on that day, or for an
    account that paused, on the day on which it came back. What starts goes with the kind of term that it has, where
    both kinds were up on that day; without a term of its own it has the term of what it follows.
    """
    stays = up[up["renewed"] & ~(up["ended_on"] <= up["renews_on"])]
    going = stays.assign(value=stays["cents"] * stays["term_months"])[[*_BY, "value"]]
    days = rows[rows["renewed"]][[*_BY, "term_months", "left_on"]]
    both = days.duplicated(["account_id", "renews_on"], keep=False)
    begun = days.assign(both=both).merge(
        subscriptions.drop(columns=["renews_on"]), on="account_id", suffixes=("", "_new")
    )
    begun = begun[begun["ended_on"].isna() | (begun["ended_on"] > begun["renews_on"])]
    begun = begun[~(begun["started_on"] >= begun["left_on"]) & ~(begun["ended_on"] <= begun["started_on"])]
    back = begun["started_on"].clip(lower=begun["renews_on"]).groupby([begun[c] for c in _BY]).transform("min")
    begun = begun[(begun["started_on"] >= begun["renews_on"]) & (begun["started_on"] <= back)]
    term = begun["term_months_new"].fillna(begun["term_months"])
    begun = begun[~begun["both"] | ((term == 1) == begun["monthly"])]
    begun = begun.assign(value=begun["cents"] * term)[[*_BY, "value"]]
    total = pd.concat([going, begun]).groupby(_BY)["value"].sum()
    found = total.reindex(pd.MultiIndex.from_frame(rows[_BY])).fillna(0.0)
    return pd.Series(found.to_numpy() / 100, index=rows.index)


def left_early(ledger: Ledger, rows: pd.DataFrame, start: dt.date, until: dt.date) -> pd.DataFrame:
    """Who churned on the days `[start, until)` out of a term longer than a month, on a day that was no renewal date.

    Parameters
    ----------
    rows : of `renewals_of`, for the same days.

    Returns
    -------
    account_id, left_on (datetime64[us]).
    """
    gone = ledger.periods[ledger.periods["churned"]]
    gone = gone[(gone["left_on"] >= pd.Timestamp(start)) & (gone["left_on"] < pd.Timestamp(until))]
    termed = ledger.subscriptions[ledger.subscriptions["term_months"] > 1]
    last = gone.merge(termed, left_on=["account_id", "left_on"], right_on=["account_id", "ended_on"])
    last = last[["account_id", "left_on"]].drop_duplicates()
    up = rows.loc[~rows["monthly"], ["account_id", "renews_on"]]
    met = last.merge(up, left_on=["account_id", "left_on"], right_on=["account_id", "renews_on"], how="left")
    return met.loc[met["renews_on"].isna(), ["account_id", "left_on"]].reset_index(drop=True)


def renewal_metrics(rows: pd.DataFrame, early: int) -> dict[str, Metric]:
    """How much of what was up for renewal renewed.

    Parameters
    ----------
    rows : of `renewals_of`, those of one group.
    early : accounts of `left_early`.
    """
    found = [Metric(_EARLY, float(early), float(early))]
    for monthly, rate, value in ((False, _RATE, _VALUE), (True, _MONTHLY, _VALUE_MONTHLY)):
        asked = rows[rows["monthly"] == monthly]
        renewed = asked[asked["renewed"]]
        money = round(float(renewed["value"].sum()), 2)
        made = ratio(rate, float(len(renewed)), float(len(asked)), "Not defined: nothing was up for renewal.")
        if made.value is not None:
            made = Metric(rate, made.value, made.numerator, made.denominator, _to_know(asked, 0 if monthly else early))
        found += [made, Metric(value, money, money)]
    return {metric.definition.name: metric for metric in found}


def _to_know(asked: pd.DataFrame, early: int) -> str:
    """Who is in the rate without having churned, and who is not in it and has."""
    notes = []
    if ended := int((~asked["renewed"] & ~asked["end_reason"].isin(["voluntary", "involuntary"])).sum()):
        notes.append(f"{ended} of those that did not renew completed or merged, which is no churn.")
    if early:
        notes.append(f"{early} left before being up for renewal and {'is' if early == 1 else 'are'} not in it.")
    return " ".join(notes)
