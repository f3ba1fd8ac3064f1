"""Notes: a period and where its figures come from in; what to know of all of them, as sentences, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd

from features.history import History
from features.ledger import Ledger
from success.periods import Period
from success.phrases import counted, on_day, verb
from success.revenue.beginning import history_begins, is_before

__all__ = ["notes_on"]

_NO_GROUP = {
    "segment": "in no segment",
    "plan": "on no plan",
    "csm": "looked after by no CSM",
    "seller": "without a seller",
    "cohort": "in no cohort",
}


def notes_on(
    history: History, ledger: Ledger, period: Period, until: dt.date, by: str | None, names: Sequence[str]
) -> list[str]:
    """What to know of all figures of a period.

    Parameters
    ----------
    until : the end of the days that figures run over, exclusive.
    names : of the groups.
    """
    return [
        note
        for note in (
            _partial(period, until),
            _before_history(history, ledger, period),
            _converted(history, ledger),
            _undecided(history, ledger, period, until),
            _without_mrr(ledger, period.start),
            _without_term(ledger, until),
            _by_notice(history),
            _ungrouped(by, names),
        )
        if note
    ]


def _partial(period: Period, until: dt.date) -> str:
    if until == period.until:
        return ""
    return f"{period.name} is not over: its figures run until {until - dt.timedelta(days=1)} and are partial."


def _before_history(history: History, ledger: Ledger, period: Period) -> str:
    begins = history_begins(history, ledger.known_on)
    if not is_before(period.start, begins):
        return ""
    return (
        f"The history begins on {on_day(begins)}: who left before it is not in it, so that retention, churn and "
        "renewals of days before it cannot be told."
    )


def _converted(history: History, ledger: Ledger) -> str:
    currencies = ledger.subscriptions["currency"].dropna().unique()
    others = sorted(c for c in currencies if c != ledger.currency)
    if not others:
        return ""
    rates = ", ".join(f"1 {c} = {history.settings.revenue.rates[c]:g} {ledger.currency}" for c in others)
    return f"Amounts in other currencies are converted at fixed rates ({rates}), so no exchange rate moves revenue."


def _undecided(history: History, ledger: Ledger, period: Period, until: dt.date) -> str:
    """Who left so lately that a return would still make a pause of it."""
    grace = history.settings.churn.grace_days
    periods = ledger.periods
    recent = pd.Timestamp(max(period.start, ledger.known_on - dt.timedelta(days=grace)))
    left = periods[(periods["left_on"] > recent) & (periods["left_on"] < pd.Timestamp(until)) & periods["churned"]]
    if left.empty:
        return ""
    count = left["account_id"].nunique()
    return (
        f"{counted(count, 'account')} left less than {grace} days before {ledger.known_on} and "
        f"{verb(count, 'counts', 'count')} as churned; a return within the grace period would make it a pause."
    )


def _without_mrr(ledger: Ledger, start: dt.date) -> str:
    mrr = ledger.mrr_on(start - dt.timedelta(days=1))
    if not (count := int((mrr <= 0).sum())):
        return ""
    return (
        f"{counted(count, 'account')} had a paid subscription and an MRR of 0 or less at the start and "
        f"{verb(count, 'is', 'are')} in no rate of retention or churn."
    )


def _without_term(ledger: Ledger, until: dt.date) -> str:
    last = pd.Timestamp(until) - pd.Timedelta(days=1)
    rows = ledger.subscriptions
    rows = rows[(rows["started_on"] <= last) & ~(rows["ended_on"] <= last)]
    if not (count := int(rows["term_months"].isna().sum())):
        return ""
    return (
        f"{counted(count, 'subscription')} {verb(count, 'has', 'have')} no term (term_months) and "
        f"{verb(count, 'is', 'are')} never up for renewal."
    )


def _by_notice(history: History) -> str:
    if history.settings.churn.event != "notice":
        return ""
    return "Money is dated by the end of subscriptions, although [outcomes.churn] event dates a churn by its notice."


def _ungrouped(by: str | None, names: Sequence[str]) -> str:
    if by is None or "" not in names:
        return ""
    return f"The group without a name holds the accounts that were {_NO_GROUP[by]}."
