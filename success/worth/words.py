"""Words: figures of a report on CSMs in; the plain sentences that stand beside them out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from success.baselines import OBSERVED
from success.phrases import counted, listed_out, money, on_day, percent, verb
from success.worth.chance import Interval
from success.worth.figures import Book

__all__ = [
    "NOT_FOR_PAY", "QUESTION", "account_sentence", "beyond", "late_sentence", "left_out_sentence", "losses_sentence",
    "more", "number", "rate_sentence", "shift_sentence", "too_early_sentence", "within",
]  # fmt: skip

NOT_FOR_PAY = "One period's figure is not evidence for pay or dismissal."
QUESTION = (
    "These figures say how each CSM did against the average of CSMs, since the forecast was learned from accounts that "
    "CSMs looked after; what CS as a whole brings is another question, which they do not answer."
)
_WHY = {
    "new": ("was no customer at the start", "were no customers at the start"),
    "ended": ("ended without a churn (completed or merged)", "ended without a churn (completed or merged)"),
    "free": ("paid nothing at the start", "paid nothing at the start"),
    "unforeseen": ("has no frozen forecast", "have no frozen forecast"),
}


def more(amount: float) -> str:
    """A difference, as what it adds or takes.

    >>> [more(x) for x in (1200.4, -300, 0)]
    ['1,200 more than', '300 less than', 'as much as']
    """
    if abs(amount) < 0.005:
        return "as much as"
    return f"{money(abs(amount))} {'more' if amount > 0 else 'less'} than"


def within(figure: Interval) -> str:
    """Its interval.

    >>> within(Interval(5, -1, 12))
    '90 % interval minus 1 to 12'
    """
    return f"90 % interval {money(figure.low)} to {money(figure.high)}"


def number(count: float) -> str:
    """Accounts that may be parts of some.

    >>> [number(x) for x in (4.0, 4.24, 0.0)]
    ['4', '4.2', '0']
    """
    return f"{count:,.0f}" if abs(count - round(count)) < 0.05 else f"{count:,.1f}"


def beyond(remainder: Interval, verdict: str) -> str:
    """What a book brought beside what all have in common."""
    told = f"Beside what all books have in common, it ends the period {more(remainder.value)} expected a year"
    chance = {
        "better": ", more than chance alone would make of it",
        "worse": ", further below than chance alone would leave it",
        "cannot be told": ", which may be chance",
    }
    return f"{told} ({within(remainder)}){chance.get(verdict, '')}."


def losses_sentence(book: Book) -> str:
    """How many were expected to leave, and how many did."""
    few = abs(book.expected_churns - 1) < 0.05
    return (
        f"{number(book.expected_churns)} of {number(book.accounts)} accounts {verb(1 if few else 2, 'was', 'were')} "
        f"expected to leave; {number(book.churns)} did."
    )


def late_sentence(late: int, day: dt.date) -> str:
    """Of how many assignments the beginning is not on record.

    >>> late_sentence(1, dt.date(2023, 4, 1))
    '1 of them was taken before anything could be expected; it counts from 1 April 2023.'
    """
    return (
        f"{late:,} of them {verb(late, 'was', 'were')} taken before anything could be expected; "
        f"{verb(late, 'it counts', 'they count')} from {on_day(day)}."
    )


def rate_sentence(number: int) -> str:
    """Of how many there was no model."""
    return f"Of {number:,} of them the rate of their segment stood in for a model."


def too_early_sentence(start: dt.date, begins: dt.date) -> str:
    """Why there is no figure of any CSM."""
    return f"Nothing could be expected on {on_day(start)}: the history begins on {on_day(begins)}" + (
        "." if begins >= start else f", and {OBSERVED} days of it are needed."
    )


def left_out_sentence(whys: Mapping[str, int]) -> str:
    """How many accounts count on neither side, and why."""
    parts = [f"{n:,} {_WHY[why][n > 1]}" for why, n in whys.items() if n]
    total = sum(whys.values())
    return f"{counted(total, 'account')} {verb(total, 'counts', 'count')} on neither side: {listed_out(parts)}."


def shift_sentence(loss: float, growth: float, csms: int) -> str:
    """What all books have in common, in words."""
    whose = f"Over the books of {counted(csms, 'CSM')} together" if csms else "Over all accounts together"
    return (
        f"{whose}, {percent(abs(loss))} {'less' if loss >= 0 else 'more'} was lost than expected, and those who stayed "
        f"pay {percent(abs(growth))} {'more' if growth >= 0 else 'less'}; that much is the market, the product, the "
        "season or the forecast, and no CSM's own."
    )


def account_sentence(row: Mapping[str, Any], grace: bool) -> str:
    """What was expected of one account and what it did; p, expected, kept and realised are of the whole account.

    Parameters
    ----------
    row : p, expected_exit, kept_exit, realised_exit, mrr, left, left_on (a date or None), back (bool: it came back).
    grace : whether it had no subscription at the start and might have come back.
    """
    odds = percent(float(row["p"]))
    told = f"Expected to pay {money(float(row['expected_exit']))} a month"
    kept = money(float(row["kept_exit"]))
    told += (
        f": {kept} if it came back, and {odds} odds that it would not"
        if grace
        else (f": {kept} if it stayed, with {odds} odds of leaving")
    )
    return f"{told}; {_came(row, grace)}."


def _came(row: Mapping[str, Any], grace: bool) -> str:
    day: dt.date | None = row["left_on"]
    if row["left"] and grace:
        return "it did not come back"
    if row["left"]:
        back = ", and its return counts on a list of its own" if row["back"] else ""
        return f"it left on {on_day(day)}{back}" if day else "it left"
    realised = float(row["realised_exit"])
    return f"it {'came back' if grace else 'stayed'} and pays {money(realised)}"
