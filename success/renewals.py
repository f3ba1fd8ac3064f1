"""Renewals: a book in; by month what is up for renewal, what is expected of it and within which range, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.plays import Plays
from success.book import displayed, numbers, records, status_in, table, texts
from success.levers import lever, not_falling
from success.phrases import counted, money, verb

__all__ = ["RANGE", "Renewals", "renewals", "revenue_range"]

RANGE = (
    "80 %, from the distribution of the sum of revenue over accounts that renew or not independently of each other, "
    "with these likelihoods; that the likelihoods may be off together is not in it"
)
"""What low and high are; it stands beside them wherever they are handed out."""

_STEPS = 2000
"""Steps that a month's revenue is counted in: its range is exact to about one in that many."""
_CARRIED = ("account_id", "name", "csm_id", "segment", "stage", "plan", "status", "band", "renews_on")


@dataclass(frozen=True)
class Renewals:
    """What renews when.

    Parameters
    ----------
    months : a row a month: month (YYYY-MM), accounts, mrr (up for renewal), known (accounts with a likelihood),
        expected_mrr (of the known and of those that gave notice, which are expected to bring nothing), low, high,
        notice_given and notice_mrr, unknown and unknown_mrr (accounts without a likelihood), sentence.
    accounts : a row a paying account, by the day it renews, then what it pays: month (None for those in monthly_terms
        and without_date), kind ("dated", "monthly" or "without_date"), mrr, likelihood, health, top, ...
    monthly_terms : accounts that renew every month, kept apart: accounts, mrr, expected_mrr of the next renewal, known.
    without_date : accounts whose next renewal is not on record.
    """

    months: pd.DataFrame
    accounts: pd.DataFrame
    monthly_terms: dict[str, Any]
    without_date: dict[str, Any]

    def rows(self, month: str | None = None, count: int | None = None, plays: Plays | None = None) -> pd.DataFrame:
        """Accounts of a month (of all dated ones without one), each with its driver and play."""
        found = self.accounts[self.accounts["kind"] == "dated"]
        found = (found if month is None else found[found["month"] == month]).head(count or len(found))
        asked = zip(found["top"], found["held"], strict=True)
        levers = [lever(top, plays or Plays(), fine=held) for top, held in asked]
        told = found.drop(columns=["top", "held"]).reset_index(drop=True)
        return told.assign(
            driver=pd.Series([one.sentence for one in levers], dtype=object),
            play=pd.Series([one.play for one in levers], dtype=object),
        )

    def to_json(self, month: str | None = None, count: int | None = None, plays: Plays | None = None) -> dict[str, Any]:
        """Everything as JSON can say it, with the accounts of one month; none of them without a month."""
        notes = []
        if (given := int(self.months["notice_given"].sum())) > 0:
            notes.append(
                f"{counted(given, 'account')} that gave notice {verb(given, 'is', 'are')} up and expected to bring "
                "nothing; how often a notice is withdrawn is not known here."
            )
        if (monthly := self.monthly_terms["accounts"]) > 0:
            notes.append(
                f"{counted(monthly, 'account')} {verb(monthly, 'renews', 'renew')} every month and "
                f"{verb(monthly, 'is', 'are')} kept apart."
            )
        total = {"accounts": len(self.accounts), "mrr": float(np.nansum(self.accounts["mrr"]))}
        return {
            "months": records(self.months),
            "accounts": [] if month is None else records(self.rows(month, count, plays)),
            "monthly_terms": self.monthly_terms,
            "without_date": self.without_date,
            "total": total,
            "range": RANGE,
            "notes": notes,
        }


def renewals(book: pd.DataFrame) -> Renewals:
    """What every paying account's next renewal brings; accounts of a known revenue, and each of them once."""
    mrr = numbers(book, "mrr")
    paying = (mrr > 0) & ~status_in(book, "churned")
    told: dict[str, Any] = {name: texts(book, name)[paying] for name in (*_CARRIED, "top")}
    told |= {"mrr": mrr[paying], "health": displayed(numbers(book, "health"))[paying]}
    told["held"] = not_falling(book[paying])
    given = status_in(book, "notice_given")[paying]
    told["likelihood"] = np.where(given, 0.0, numbers(book, "renewal_next")[paying])
    monthly = (numbers(book, "f_term_months")[paying] <= 1) & ~given
    kinds = np.where(monthly, "monthly", np.where(pd.isna(told["renews_on"]), "without_date", "dated"))
    told["kind"] = kinds.astype(object)
    iso = [None if day is None else day.isoformat() for day in told["renews_on"]]
    months_of = [day[:7] if day is not None and kind == "dated" else None for day, kind in zip(iso, kinds, strict=True)]
    told["month"] = np.array(months_of, dtype=object)
    accounts = table(told)
    when = accounts.assign(when=[day or "never" for day in iso])  # text sorts like the days it is, and letters last
    order = when.sort_values(["when", "mrr", "account_id"], ascending=[True, False, True]).index
    accounts = accounts.loc[order].reset_index(drop=True)
    dated = accounts[accounts["kind"] == "dated"]
    months = [_month(str(month), of) for month, of in dated.groupby("month", sort=True)]
    return Renewals(
        pd.DataFrame(months, columns=list(_month("", dated.iloc[:0]))),
        accounts,
        _aside(accounts[accounts["kind"] == "monthly"]),
        _aside(accounts[accounts["kind"] == "without_date"]),
    )


def revenue_range(mrr: np.ndarray, likelihood: np.ndarray, share: float = 0.8) -> tuple[float, float]:
    """Within which range the sum of renewed revenue lies with a probability of at least `share`.

    The distribution of a sum of independent yes-or-no amounts, convolved account by account on a grid of `_STEPS`
    steps. Amounts are rounded to steps in the order of their likelihood and so that their running total is never off
    by more than half a step, which keeps the expectation within half a step too.

    Parameters
    ----------
    mrr, likelihood : (n,) amounts above 0 and probabilities.

    >>> revenue_range(np.array([100.0]), np.array([0.95]))
    (100.0, 100.0)
    >>> revenue_range(np.array([100.0, 300.0]), np.array([0.5, 0.5]))
    (0.0, 400.0)
    """
    sure, open_ = likelihood >= 1, (likelihood > 0) & (likelihood < 1)
    order = np.argsort(likelihood[open_], kind="stable")
    floor, amounts, chances = float(mrr[sure].sum()), mrr[open_][order], likelihood[open_][order]
    total = float(amounts.sum())
    if total <= 0:
        return floor, floor
    step = total / _STEPS
    places = np.round(np.cumsum(amounts) / step).astype(int)
    sizes = np.diff(places, prepend=0)
    chance = np.zeros(_STEPS + 1)
    chance[0], top = 1.0, 0
    for size, p in zip(sizes.tolist(), chances.tolist(), strict=True):
        if size == 0:
            continue
        moved = chance[: top + 1] * p
        chance[: top + 1] -= moved
        top += size
        chance[size : top + 1] += moved
    known = np.cumsum(chance)
    tail = (1 - share) / 2
    low, high = (int(np.searchsorted(known, q - 1e-12)) for q in (tail, 1 - tail))
    return floor + low * step, floor + min(high, top) * step


def _month(month: str, of: pd.DataFrame) -> dict[str, Any]:
    """One row of `Renewals.months`."""
    mrr, likelihood = of["mrr"].to_numpy(dtype=float), of["likelihood"].to_numpy(dtype=float)
    given, known = (of["status"] == "notice_given").to_numpy(dtype=bool), ~np.isnan(likelihood)
    told_of = bool(known.all() or (known & ~given).any())  # else only what is lost is known
    low, high = revenue_range(mrr[known], likelihood[known])
    told = {
        "month": month,
        "accounts": len(of),
        "mrr": float(mrr.sum()),
        "known": int((known & ~given).sum()),
        "expected_mrr": float((mrr * likelihood)[known].sum()) if told_of else float("nan"),
        "low": low if told_of else float("nan"),
        "high": high if told_of else float("nan"),
        "notice_given": int(given.sum()),
        "notice_mrr": float(mrr[given].sum()),
        "unknown": int((~known).sum()),
        "unknown_mrr": float(mrr[~known].sum()),
    }
    return {**told, "sentence": _sentence(told)}


def _sentence(told: dict[str, Any]) -> str:
    n, unknown = told["accounts"], told["unknown"]
    text = f"{counted(n, 'account')} {verb(n, 'is', 'are')} up for renewal with {money(told['mrr'])} a month"
    if np.isnan(told["expected_mrr"]):
        who = "it is" if n == 1 else "they are" if unknown == n else "those without a notice are"
        return f"{text}; how likely {who} to renew is not known."
    low, high = money(told["low"]), money(told["high"])
    text += f": {money(told['expected_mrr'])} is expected"
    if low != high or low != money(told["expected_mrr"]):
        text += f", and four times in five it is {low if low == high else f'{low} to {high}'}"
    if unknown:
        paid = money(told["unknown_mrr"])
        text += f", apart from {counted(unknown, 'account')} of unknown likelihood with {paid} a month"
    return f"{text}."


def _aside(of: pd.DataFrame) -> dict[str, Any]:
    """Accounts that stand in no month."""
    mrr, likelihood = of["mrr"].to_numpy(dtype=float), of["likelihood"].to_numpy(dtype=float)
    known = ~np.isnan(likelihood)
    expected = float((mrr * likelihood)[known].sum()) if known.any() else None
    return {"accounts": len(of), "mrr": float(mrr.sum()), "known": int(known.sum()), "expected_mrr": expected}
