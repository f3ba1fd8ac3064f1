"""Precision: what people said of accounts and the call lists of those days in; how often the lists were right, out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from success.book import records, table, texts
from success.listing import Listing
from success.phrases import counted, percent, verb

__all__ = ["ENOUGH", "precision", "wilson"]

ENOUGH = 10
"""Judged accounts below which nothing is concluded."""

_CONFIDENCE = 1.959964
"""Standard deviations on both sides of a 95 % interval."""

_DISAGREE = "disagree"


def precision(feedback: Iterable[Mapping[str, Any]], lists: pd.DataFrame) -> Listing:
    """How many of the listed accounts that somebody judged were not judged to be on the list wrongly, for each CSM.

    An account counts once for each CSM on whose list it stood, by the newest judgement of a day on which it stood
    there. Judgements of accounts that were not listed that day say nothing of the list and are counted apart.

    Parameters
    ----------
    feedback : account_id, verdict and as_of (the scored day that is judged), in the order in which it was given.
    lists : as_of, account_id and csm_id of every call list.

    Returns
    -------
    Rows csm_id (None for accounts without a CSM), listed (accounts), judged, agreed, disagreed, precision with low and
    high (Wilson's 95 % interval; all three unknown under `ENOUGH` judged), sentence; `overall` the same of everyone.
    """
    on = list(zip(texts(lists, "as_of"), texts(lists, "account_id"), texts(lists, "csm_id"), strict=True))
    whose = {(day, account): csm for day, account, csm in on}
    judged: dict[tuple[Any, Any], bool] = {}
    elsewhere = 0
    for said in feedback:
        key = (said["as_of"], said["account_id"])
        if key in whose:
            judged[whose[key], said["account_id"]] = said["verdict"] == _DISAGREE
        else:
            elsewhere += 1
    listed = {(csm, account) for _, account, csm in on}
    names = sorted({csm for csm, _ in listed}, key=lambda csm: (csm is None, str(csm)))
    rows = []
    for name in names:
        said_of = [wrong for (csm, _), wrong in judged.items() if csm == name]
        rows.append({"csm_id": name, **_row(sum(csm == name for csm, _ in listed), said_of)})
    columns = ["csm_id", *_row(0, [])]
    overall = _row(len(listed), list(judged.values()))
    notes = []
    if elsewhere:
        notes.append(
            f"{counted(elsewhere, 'judgement')} of accounts that were not on a list that day "
            f"{verb(elsewhere, 'is', 'are')} left out."
        )
    found = table({name: [row[name] for row in rows] for name in columns})
    kinds = dict.fromkeys(columns[1:5], int) | dict.fromkeys(columns[5:8], float)
    return Listing(
        found.astype(kinds), {"not_listed": elsewhere}, tuple(notes), {"overall": records(pd.DataFrame([overall]))[0]}
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, Journal of the American Statistical Association 22, 209).

    >>> [round(x, 3) for x in wilson(9, 10)]
    [0.596, 0.982]
    """
    share, z = right / n, _CONFIDENCE
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _row(listed: int, wrong: list[bool]) -> dict[str, Any]:
    n, disagreed = len(wrong), int(np.sum(wrong))
    told: dict[str, Any] = {"listed": listed, "judged": n, "agreed": n - disagreed, "disagreed": disagreed}
    enough = n >= ENOUGH
    low, high = wilson(n - disagreed, n) if enough else (float("nan"), float("nan"))
    told |= {"precision": (n - disagreed) / n if enough else float("nan"), "low": low, "high": high}
    return told | {"sentence": _sentence(listed, n, n - disagreed, low, high)}


def _sentence(listed: int, n: int, agreed: int, low: float, high: float) -> str:
    if listed == 0:
        return "No account was listed."
    if n == 0:
        one = "The listed account has not been judged yet."
        return one if listed == 1 else f"None of {counted(listed, 'listed account')} has been judged yet."
    head = f"{n:,} of {counted(listed, 'listed account')} {verb(n, 'was', 'were')} judged"
    if n < ENOUGH:
        how = (
            ("as rightly listed" if agreed else "as wrongly listed")
            if n == 1
            else f"{agreed} of them as rightly listed"
        )
        return f"{head}, {how}: too few to tell, {ENOUGH} are needed."
    return (
        f"{head}, {percent(agreed / n)} of those as rightly listed (the true share may lie between "
        f"{percent(low)} and {percent(high)})."
    )
