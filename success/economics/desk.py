"""Desk: books and what happened in them in; how large they are, how they are used and what their people say, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from success.economics.dealings import Dealings
from success.metric import Definition, Metric, ratio

__all__ = ["DEFINITIONS", "Desk", "desk_of"]

_ARR = Definition(
    "arr_per_csm",
    "ARR per CSM",
    "12 x MRR at the period's end of accounts that a CSM holds / CSMs that hold any",
    "money",
    "12 x MRR at the period's end of accounts that a CSM holds, in the reporting currency",
    "CSMs that hold an account with a paid subscription at the period's end",
)
_ACCOUNTS = Definition(
    "accounts_per_csm",
    "Accounts per CSM",
    "accounts that a CSM holds at the period's end / CSMs that hold any",
    "accounts",
    "accounts with a paid subscription at the period's end that a CSM holds",
    "CSMs that hold an account with a paid subscription at the period's end",
)
_ADOPTION = Definition(
    "adoption",
    "Adoption",
    "users who ever used the product / users ever registered",
    "share",
    "users of the denominator who used the product on any day before the period's end",
    "users registered before the period's end, in accounts with a paid subscription at its end",
)
_WEEKLY = Definition(
    "weekly_active",
    "Weekly active share",
    "users active in the last 7 days of the period / users",
    "share",
    "users of the denominator who used the product in the last 7 days of the period",
    "users registered and not deactivated by the period's end, in accounts with a paid subscription at its end",
)
_HEALTH = Definition(
    "health_by_account",
    "Health of the book, by account",
    "sum of the health of accounts / accounts, of those that have one at the period's end",
    "points",
    "health of accounts with a paid subscription at the period's end, added up",
    "accounts of them that have a health",
)
_HEALTH_MRR = Definition(
    "health_by_mrr",
    "Health of the book, by MRR",
    "sum of health x MRR / sum of MRR, of accounts that have a health and an MRR above 0 at the period's end",
    "points",
    "health x MRR of accounts at the period's end, added up",
    "MRR of the same accounts, in the reporting currency",
)
DEFINITIONS = (_ARR, _ACCOUNTS, _ADOPTION, _WEEKLY, _HEALTH, _HEALTH_MRR)


@dataclass(frozen=True)
class Desk:
    """Everybody's books at the end of a period.

    Parameters
    ----------
    book : a row an account with a paid subscription on the last day: account_id, mrr (money), csm_id ("" for nobody),
        group, health (NaN where it has none); and the columns of users, where they are known.
    lacking : by metric, the sentence that says why it is not defined for anybody.
    """

    book: pd.DataFrame
    lacking: dict[str, str]

    def metrics(self, group: str | None) -> dict[str, Metric]:
        """How large the book of a group is (of all for None), how it is used and how healthy it is."""
        book = self.book if group is None else self.book[self.book["group"] == group]
        made: tuple[tuple[Definition, Callable[[Definition, pd.DataFrame], Metric]], ...] = (
            (_ARR, _per_csm),
            (_ACCOUNTS, _per_csm),
            (_ADOPTION, _share("ever_used", "registered")),
            (_WEEKLY, _share("active_week", "staying")),
            (_HEALTH, _health),
            (_HEALTH_MRR, _health),
        )
        return {
            definition.name: Metric(definition, None, note=self.lacking[definition.name])
            if definition.name in self.lacking
            else count(definition, book)
            for definition, count in made
        }


def desk_of(book: pd.DataFrame, dealings: Dealings, until: dt.date, health: pd.DataFrame | None) -> Desk:
    """The books at the end of a period with their users and their health.

    Parameters
    ----------
    book : account_id, mrr, csm_id, group.
    until : the end of the days that count.
    health : account_id and health, as stored for the end of the period; None where nothing is.
    """
    lacking: dict[str, str] = {}
    if dealings.users is None:
        why = "Not defined: the history has no table of users, or usage names none."
        lacking |= {_ADOPTION.name: why, _WEEKLY.name: why}
    else:
        book = book.merge(dealings.users, on="account_id", how="left")
    if not lacking and (dealings.used_until is None or dealings.used_until < until):
        told = f"usage is on record until {dealings.used_until} only, and figures run until {until}"
        why = f"Not defined: {told if dealings.used_until else 'no usage is on record'}."
        lacking[_WEEKLY.name] = why
    if health is None:
        lacking |= dict.fromkeys((_HEALTH.name, _HEALTH_MRR.name), "Not defined: no health is stored for that day.")
        return Desk(book, lacking)
    known = health[["account_id", "health"]].astype({"account_id": "str", "health": float})
    return Desk(book.merge(known.drop_duplicates("account_id"), on="account_id", how="left"), lacking)


def _per_csm(made: Definition, book: pd.DataFrame) -> Metric:
    held = book[book["csm_id"] != ""]
    size = 12 * float(held["mrr"].sum()) if made is _ARR else len(held)
    return ratio(made, size, held["csm_id"].nunique(), "Not defined: no CSM holds any of these accounts.")


def _share(part: str, whole: str) -> Callable[[Definition, pd.DataFrame], Metric]:
    def counted(made: Definition, book: pd.DataFrame) -> Metric:
        return ratio(made, _sum(book[part]), _sum(book[whole]), "Not defined: these accounts have no users.")

    return counted


def _sum(column: pd.Series) -> float:
    return float(np.nansum(column.to_numpy(float)))


def _health(made: Definition, book: pd.DataFrame) -> Metric:
    known = book[book["health"].notna()]
    note = f"{len(book) - len(known):,} of {len(book):,} accounts have no health." if len(known) < len(book) else ""
    if made is _HEALTH_MRR:
        known = known[known["mrr"] > 0]
    weights = known["mrr"] if made is _HEALTH_MRR else pd.Series(1.0, index=known.index)
    found = ratio(made, float((known["health"] * weights).sum()), float(weights.sum()), "Not defined: none has one.")
    return Metric(made, found.value, found.numerator, found.denominator, found.note or note)
