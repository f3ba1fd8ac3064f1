"""Lists: a day's book and what is asked of it in; the rows of a list, how many there are and what they add up to, out.

POST /lists and `tenure list` both answer from here, so that they say the same.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from features.settings import Settings
from serving.choosing import NAMED_BY, banded, has, what_there_is

if TYPE_CHECKING:
    import pandas as pd

    from serving.store.reading import Run
    from success.listing import Listing

__all__ = ["DEFAULT_COUNT", "LISTS", "MAX_COUNT", "Asked", "ListKind", "Said", "list_document"]

MAX_COUNT = 10_000
DEFAULT_COUNT = 100


@dataclass(frozen=True)
class Asked:
    """Which accounts of a book a list is made of; None for all.

    Parameters
    ----------
    count : rows at most; None for what is usual for the list.
    """

    csm_id: str | None = None
    segment: str | None = None
    stage: str | None = None
    band: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Said:
    """What people said of accounts, and of which lists.

    Parameters
    ----------
    snoozed : accounts and until when they are left in peace.
    verdicts : account_id, verdict and as_of (the scored day) of each, the oldest first.
    lists : as_of, account_id and csm_id of the call lists of those days; None where none were looked for.
    """

    snoozed: Mapping[str, dt.date] = field(default_factory=dict)
    verdicts: Sequence[Mapping[str, Any]] = ()
    lists: pd.DataFrame | None = None


@dataclass(frozen=True)
class _Given:
    """What a list is made from.

    Parameters
    ----------
    book : the accounts that were asked for.
    whole : all accounts that whoever asks may see.
    count : rows at most.
    csm_id : of whose book it is; None where it is everybody's.
    """

    book: pd.DataFrame
    whole: pd.DataFrame
    settings: Settings
    said: Said
    count: int
    csm_id: str | None


Told = tuple[list[dict[str, Any]], int, dict[str, Any]]
"""The rows that are shown, how many there are in all, and what belongs beside them."""


@dataclass(frozen=True)
class ListKind:
    """A list.

    Parameters
    ----------
    says : what it holds, as a sentence.
    make : what it is made from -> its rows, how many there are, and its summary.
    count : rows that are shown unless others are asked for; None for as many as a CSM can call in a week.
    """

    says: str
    make: Callable[[_Given], Told] = field(repr=False)
    count: int | None = DEFAULT_COUNT


def list_document(
    name: str,
    run: Run,
    book: pd.DataFrame,
    settings: Settings,
    said: Said,
    asked: Asked,
    bound: str | None = None,
) -> dict[str, Any]:
    """The answer to POST /lists, which `tenure list --json` prints.

    Parameters
    ----------
    name : one of `LISTS`.
    run : of the day that the book is of.
    book : all accounts of the day.
    bound : the CSM of whose accounts alone whoever asks may know; None for all. What is asked of another's accounts is
        answered as if they were nobody's, which is how an empty book is answered.
    """
    whole = banded(book, settings.health)
    whole = whole if bound is None else whole[has(whole, "csm_id", bound)]
    chosen, unknown = whole, []
    for column in NAMED_BY:
        value = getattr(asked, column)
        if value is None:
            continue
        chosen = chosen[has(chosen, column, value)]
        # Whoever may know of one CSM alone is not told whether there is another.
        if (column != "csm_id" or bound is None) and not has(whole, column, value).any():
            unknown.append(what_there_is(whole, column, value, settings.health.bands))
    kind = LISTS[name]
    count = asked.count or kind.count or settings.weekly_calls
    told, total, summary = kind.make(
        _Given(chosen, whole, settings, said, min(count, MAX_COUNT), asked.csm_id or bound)
    )
    summary["notes"] = [*unknown, *summary["notes"]]
    head = {"list": name, **{key: run.header[key] for key in ("as_of", "model_version", "computed_at")}}
    return {**head, "rows": told, "total": total, "summary": summary}


def _told(listing: Listing, count: int) -> Told:
    summary = listing.to_json(count)
    return summary.pop("rows"), summary.pop("total"), summary


def _calls(it: _Given) -> Told:
    from success.book import numbers
    from success.calls import calls

    settings, capacity = it.settings, it.settings.weekly_calls
    on_record = bool((~np.isnan(numbers(it.whole, "f_days_since_two_way_contact"))).any())
    found = calls(it.book, settings.calls, capacity, it.said.snoozed, settings.plays, settings.health, on_record)
    rows = found.rows
    if rows["csm_id"].nunique(dropna=False) > 1:  # of several lists, each already cut, the most urgent first
        rows = rows.sort_values(["by", "at_stake", "account_id"], ascending=[True, False, True])
    told, total, summary = _told(dataclasses.replace(found, rows=rows), it.count)
    return told, total, {**summary, "precision": _precision(it)}


def _precision(it: _Given) -> dict[str, Any] | None:
    """How often the lists were right, by what was said of the accounts that the list is made of."""
    from success.precision import precision

    lists = it.said.lists
    if lists is None:
        return None
    verdicts: Sequence[Mapping[str, Any]] = it.said.verdicts
    if len(it.book) < len(it.whole) or it.csm_id is not None:
        ours = set(it.book["account_id"])
        verdicts = [one for one in verdicts if one["account_id"] in ours]
        lists = lists[lists["account_id"].isin(ours)]
    if it.csm_id is not None:  # not what stood on another's list before the account changed hands
        lists = lists[lists["csm_id"] == it.csm_id]
    return precision(verdicts, lists).to_json()


def _billing(it: _Given) -> Told:
    from success.calls import billing

    return _told(billing(it.book, it.settings.calls, it.said.snoozed, it.settings.plays), it.count)


def _leaving(it: _Given) -> Told:
    from success.leaving import leaving

    return _told(leaving(it.book), it.count)


def _growth(it: _Given) -> Told:
    from success.growth import growth

    return _told(growth(it.book, it.settings, it.count), it.count)


def _advocates(it: _Given) -> Told:
    from success.advocates import advocates

    return _told(advocates(it.book, it.settings), it.count)


def _renewals(it: _Given) -> Told:
    from success.book import records
    from success.renewals import renewals

    found = renewals(it.book)
    summary = found.to_json()
    del summary["accounts"]  # those of one month, of which none was named
    rows = records(found.rows(count=it.count, plays=it.settings.plays))
    return rows, int(found.months["accounts"].sum()), summary


def _movers(it: _Given) -> Told:
    from success.movers import movers

    return _told(movers(it.book, it.settings, (it.count + 1) // 2), it.count)


def _disagreements(it: _Given) -> Told:
    from success.disagreements import disagreements

    return _told(disagreements(it.book, it.settings, count=it.count, whole=it.whole), it.count)


def _matrix(it: _Given) -> Told:
    from success.book import records
    from success.matrix import matrix, quadrants, value_threshold

    least = value_threshold(it.whole, it.settings)  # what is much for one segment is not much for everybody
    placed = quadrants(it.book, it.settings, least)
    summary = matrix(it.book, it.settings, least).to_json()
    del summary["total"]
    return records(placed.head(it.count)), len(placed), {"quadrants": summary.pop("rows"), **summary}


def _overview(it: _Given) -> Told:
    from success.overview import GROUPS, overview

    summary = overview(it.book, it.settings)
    rows = [{"by": name, **row} for name in GROUPS for row in summary.pop(name)]
    return rows[: it.count], len(rows), summary


def _health(it: _Given) -> Told:
    from serving.health_list import health_rows, health_summary

    return health_rows(it.book, it.count), len(it.book), health_summary(it.book, it.settings)


LISTS: dict[str, ListKind] = {
    "calls": ListKind("Whom each CSM should call first, as many as one CSM can call in a week.", _calls, None),
    "billing": ListKind("Accounts at risk mainly because payments fail, for whoever sends the invoices.", _billing),
    "leaving": ListKind("Accounts that gave notice, the first to end first.", _leaving),
    "growth": ListKind("Accounts that are not at risk and may buy more, and what says so.", _growth),
    "advocates": ListKind("Healthy promoters to ask for a reference.", _advocates),
    "renewals": ListKind("What renews when, how likely each does, and what is expected of each month.", _renewals),
    "movers": ListKind("The largest falls and rises of health since last week, with what moved.", _movers, 20),
    "disagreements": ListKind("Accounts of which the model, the rules and the CSM's pulse differ.", _disagreements),
    "health": ListKind("Every account with its health by dimension, the lowest first.", _health),
    "matrix": ListKind("Accounts by risk and value: call now, automated play, grow, leave alone.", _matrix),
    "overview": ListKind("The whole book in numbers, by segment, stage and CSM.", _overview),
}
