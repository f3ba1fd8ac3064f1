"""Blindsided: a store and a period in; who left, what was told of them before, and who was flagged, out."""

from __future__ import annotations

import bisect
import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from features.errors import TenureError
from features.settings import Settings
from serving.store.reading import CURRENT, Run, batches, text_in
from serving.store.tables import runs, scores
from success.blindsided import BEFORE, EXPLAINED, Blindsided, blindsided

if TYPE_CHECKING:
    from serving.store.store import Store

__all__ = ["OutdatedScoresError", "look_back"]

_NEAR = 7
"""A day that was not scored is stood in for by the nearest scored one at most so many days before it."""
_DAYS = 20
"""Where more days of a period were scored, one a week is looked at for who was flagged."""
_CHURNED = (None, "voluntary", "involuntary")
"""How an account ends that has churned; one that ended as agreed or was merged has not."""


class OutdatedScoresError(TenureError):
    """The scores are of an earlier version, which did not say when accounts left."""


def look_back(
    store: Store,
    run: Run,
    book: pd.DataFrame,
    settings: Settings,
    since: dt.date,
    until: dt.date,
    csm_id: str | None = None,
) -> Blindsided:
    """Whether those who left in a period were seen coming, as far as a run knows who left.

    Parameters
    ----------
    run, book : the newest run, and its book.
    since, until : the first day of the period and the last.
    csm_id : only accounts that this CSM looked after when they were scored last; of those never scored before they
        left, as the run has it.

    Raises
    ------
    OutdatedScoresError : the run does not say when accounts left.
    StoreError : the store does not answer.
    """
    if "churned_on" not in book.columns:
        raise OutdatedScoresError(
            f"The scores of {run.as_of} do not say when accounts left; run `tenure score` for a day again."
        )
    worst, gone = settings.health.bands[0], dict(zip(book["account_id"], book["churned_on"], strict=True))
    left = [account for account, day in gone.items() if day is not None and since <= day <= until]
    lost = _lost(store, run, left, gone, csm_id)
    first = _first_flagged(store, since, until, worst, csm_id)
    noticed = set(book.loc[book["status"] == "notice_given", "account_id"])
    back = [account for account in first if gone.get(account) is not None and account not in set(lost["account_id"])]
    ended = {account: facts.get("end_reason") for account, facts in store.all_facts(run, back).items()}
    flagged = pd.DataFrame(
        {
            "account_id": list(first),
            "first_on": list(first.values()),
            "churned_on": [gone.get(account) if ended.get(account) in _CHURNED else None for account in first],
            "notice": [account in noticed for account in first],
        },
        dtype=object,
    )
    past = _past(store, dict(zip(lost["account_id"], lost["churned_on"], strict=True)))
    return blindsided(lost, past, flagged, worst=worst, since=since, until=until, as_of=run.as_of)


def _lost(store: Store, run: Run, left: Sequence[str], gone: dict[str, Any], csm_id: str | None) -> pd.DataFrame:
    """The accounts that churned, with what their last score and their facts say."""
    rows, facts = store.rows(run, left), store.all_facts(run, left)
    found = []
    for account in left:
        known = facts.get(account, {})
        figures, last = json.loads(rows[account].figures), json.loads(rows[account].frozen or "{}")
        told = {name: last.get(name, figures.get(name)) for name in ("name", "segment", "csm_id", "mrr")}
        if known.get("end_reason") not in _CHURNED or csm_id not in (None, told["csm_id"]):
            continue
        if told["mrr"] is None:  # it left before it was ever scored
            told["mrr"] = known.get("last_mrr")
        exits = known.get("exits")
        reasons = None if exits is None else [str(one.get("reason")) for one in exits]
        told |= {"account_id": account, "churned_on": gone[account], "end_reason": known.get("end_reason")}
        found.append(told | {"exit_reasons": reasons})
    names = ("account_id", "name", "segment", "csm_id", "mrr", "churned_on", "end_reason", "exit_reasons")
    return pd.DataFrame({name: [row[name] for row in found] for name in names}, dtype=object)


def _past(store: Store, lost: dict[str, dt.date]) -> pd.DataFrame:
    """What was told of each account at, or shortly before, each of the days before it left."""
    scored = _scored(store)
    days = list(scored)
    looks: list[tuple[int, str, int, dt.date]] = []
    for account, day in lost.items():
        for before in BEFORE:
            target = day - dt.timedelta(days=before)
            place = bisect.bisect_right(days, target) - 1
            if place >= 0 and (target - days[place]).days <= _NEAR:
                looks.append((scored[days[place]], account, before, days[place]))
    told = _rows_of(store, [(run_id, account) for run_id, account, _, _ in looks])
    records = []
    for run_id, account, before, day in looks:
        if (found := told.get((run_id, account))) is None:
            continue
        figures, packed = found
        horizon = figures.get("drivers_horizon")
        drivers = json.loads(text_in(packed) or "[]") if before == EXPLAINED else []
        record = {"account_id": account, "days_before": before, "as_of": day, "drivers": drivers}
        record |= {name: figures.get(name) for name in ("status", "band", "health")}
        records.append(record | {"churn": figures.get(f"churn_{horizon}d") if horizon else None})
    columns = ("account_id", "days_before", "as_of", "status", "band", "health", "churn", "drivers")
    return pd.DataFrame({name: [row[name] for row in records] for name in columns}, dtype=object)


def _scored(store: Store) -> dict[dt.date, int]:
    """The scored days, the oldest first, each with the id of the run that holds for it."""
    asked = sa.select(runs.c.as_of, runs.c.id).where(runs.c.id.in_(CURRENT)).order_by(runs.c.as_of)
    with store.reading() as connection:
        return {row.as_of: row.id for row in connection.execute(asked)}


def _rows_of(store: Store, pairs: Sequence[tuple[int, str]]) -> dict[tuple[int, str], tuple[dict[str, Any], Any]]:
    """Figures and packed drivers by run and account."""
    told: dict[tuple[int, str], tuple[dict[str, Any], Any]] = {}
    key = sa.tuple_(scores.c.run_id, scores.c.account_id)
    for batch in batches(list(dict.fromkeys(pairs))):
        asked = sa.select(scores.c.run_id, scores.c.account_id, scores.c.figures, scores.c.drivers)
        with store.reading() as connection:
            for row in connection.execute(asked.where(key.in_(batch))):
                told[(row.run_id, row.account_id)] = (json.loads(row.figures), row.drivers)
    return told


def _first_flagged(store: Store, since: dt.date, until: dt.date, worst: str, csm_id: str | None) -> dict[str, dt.date]:
    """The accounts that were in the worst band on a scored day of a period, and the first such day."""
    days = [day for day in _scored(store) if since <= day <= until]
    if len(days) > _DAYS:
        days = list({day.isocalendar()[:2]: day for day in days}.values())
    found: dict[str, dt.date] = {}
    for day in days:
        run = store.run_of(day)
        for account in _in_band(store, run, worst, csm_id) if run else ():
            found.setdefault(account, day)
    return found


def _in_band(store: Store, run: Run, band: str, csm_id: str | None) -> list[str]:
    """The accounts of a run in a band, as it was told then; none of a version that had no bands."""
    book = store.columns(run, ("account_id", "band", "csm_id"))
    if book is None or "band" not in book.columns:
        return []
    chosen = book["band"] == band
    if csm_id is not None:
        chosen &= book["csm_id"] == csm_id if "csm_id" in book.columns else False
    return list(book.loc[chosen, "account_id"])
