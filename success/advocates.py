"""Advocates: a book in; whom to ask for a reference, and why them, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.settings import Settings
from success.book import day_of, displayed, numbers, status_in, table, texts
from success.listing import Listing
from success.matrix import high_risk
from success.phrases import counted, listed_out, verb
from training.kernel.sentences import shown

__all__ = ["advocates"]

_YEAR = 365
"""Days that the count of acts of advocacy covers."""
_CARRIED = ("account_id", "name", "csm_id", "segment", "stage", "plan", "band")


def advocates(book: pd.DataFrame, settings: Settings, last_acts: Mapping[str, dt.date | None] | None = None) -> Listing:
    """Healthy promoters that were left in peace for a while, the best answer first, then the best health.

    An account's answer to the recommendation question is the lower one of its latest (of the last year) and its mean
    (of the last 180 days): one person's 10 does not make an account of detractors one to ask.

    Parameters
    ----------
    last_acts : the day of each account's last recommendation, those of the book when not given. Of an account that is
        not in it the book knows only whether there was any in the last year; where there was, it rests.

    Returns
    -------
    Rows account_id, name, csm_id, segment, stage, plan, band, mrr, nps, health, csat, last_act, tenure_days, why; left
    out are healthy promoters that rest or are at risk.
    """
    known = _acts(book) if last_acts is None else last_acts
    chosen, left_out = _judged(book, settings, known)
    rows = book[chosen]
    told: dict[str, Any] = {name: texts(rows, name) for name in _CARRIED}
    told |= {"mrr": numbers(rows, "mrr"), "nps": _nps(rows), "health": displayed(numbers(rows, "health"))}
    told["csat"], told["tenure_days"] = numbers(rows, "f_csat_mean_180d"), numbers(rows, "f_tenure_days")
    told["last_act"] = [known.get(account) for account in told["account_id"]]
    today, acts = day_of(book), numbers(rows, "f_advocacy_365d")
    told["why"] = [
        _why(told["nps"][i], told["health"][i], _rest(told["last_act"][i], acts[i], today)) for i in range(len(rows))
    ]
    order = ["nps", "health", "mrr", "account_id"]
    found = table(told).sort_values(order, ascending=[False, False, False, True], ignore_index=True)
    notes = []
    if resting := left_out["resting"]:
        who = counted(resting, "healthy promoter")
        notes.append(
            f"{who} {verb(resting, 'was', 'were')} asked or spoke up not long ago and {verb(resting, 'rests', 'rest')}."
        )
    if found.empty and np.isnan(_nps(book)).all():
        notes.append("No account has an answer to the recommendation question on record, so nobody can be named.")
    return Listing(found, left_out, tuple(notes))


def _acts(book: pd.DataFrame) -> dict[str, dt.date | None]:
    return dict(zip(texts(book, "account_id"), texts(book, "advocated_on"), strict=True))


def _judged(
    book: pd.DataFrame, settings: Settings, last_acts: Mapping[str, dt.date | None]
) -> tuple[np.ndarray, dict[str, int]]:
    """(n,) who can be asked, and how many healthy promoters cannot."""
    wanted, today = settings.advocates, day_of(book)
    paying = (np.nan_to_num(numbers(book, "mrr")) > 0) & ~status_in(book, "churned", "notice_given")
    glad = (_nps(book) >= wanted.least_nps) & (displayed(numbers(book, "health")) >= wanted.least_health) & paying
    acted = np.nan_to_num(numbers(book, "f_advocacy_365d")) > 0
    resting = acted & (wanted.rest_days > 0)
    for place, account in enumerate(texts(book, "account_id")):
        if (last := last_acts.get(account)) is not None and today is not None:
            resting[place] = (today - last).days < wanted.rest_days
    risky = high_risk(book, settings)
    left_out = {"resting": int((glad & ~risky & resting).sum()), "at_risk": int((glad & risky).sum())}
    return glad & ~resting & ~risky, left_out


def _nps(book: pd.DataFrame) -> np.ndarray:
    """(n,) the lower of the latest answer and the mean, whichever of them are known."""
    return np.asarray(np.fmin(numbers(book, "f_nps_latest"), numbers(book, "f_nps_mean_180d")))


def _why(nps: float, health: float, rest: list[str]) -> str:
    said = [f"answers to the recommendation question come to {shown('number', nps)} of 10", f"health is {health:.0f}"]
    text = listed_out([*said, *rest])
    return f"{text[:1].upper()}{text[1:]}."


def _rest(last: dt.date | None, acts: float, today: dt.date | None) -> list[str]:
    if last is not None and today is not None:
        return [f"its last recommendation was {counted((today - last).days, 'day')} ago"]
    if np.isnan(acts):
        return ["whether it gave a recommendation before is not on record"]
    return [f"it gave no recommendation in the last {_YEAR} days"] if acts == 0 else []
