"""Blindsided: a store and a period in; who left, what was told of them before, and who was flagged, out."""

from __future__ import annotations

import bisect
import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from features.settings import Settings
from serving.store.errors import StoreError
from serving.store.reading import CURRENT, Run, batches, text_in
from serving.store.tables import books, runs, scores
from success.blindsided import BEFORE, EXPLAINED, Blindsided, blindsided

if TYPE_CHECKING:
    from serving.store.store import Store

__all__ = ["blindsided_document", "look_back"]

_NEAR = 7
"""A day that was not scored is stood in for by the nearest scored one at most so many days before it."""
_DAYS = 20
"""Where more days of a period were scored, one a week is looked at for who was flagged."""
_CHURNED = (None, "voluntary", "involuntary")
"""How an account ends that has churned; one that ended as agreed or was merged has not."""


def blindsided_document(
    store: Store, settings: Settings, since: dt.date, until: dt.date, csm_id: str | None = None
) -> dict[str, Any]:
    """`look_back` as JSON can say it."""
    return look_back(store, settings, since, until, csm_id).to_json()


def look_back(
    store: Store, settings: Settings, since: dt.date, until: dt.date, csm_id: str | None = None
) -> Blindsided:
    """Whether those who left in a period were seen coming, as far as the newest run knows who left.

    Parameters
    ----------
    since, until : the first day of the period and the last.
    csm_id : only accounts that this CSM looked after when they were scored last.

    Raises
    ------
    StoreError : no day is scored, or the newest run does not say when accounts left.
    """
    run = store.latest()
    if run is None:
        raise StoreError("No day is scored yet; run `tenure score` to score one.")
    book = store.book(run)
    if "churned_on" not in book.columns:
        raise StoreError(
            f"The scores of {run.as_of} do not say when accounts left, since an earlier version made them; score a day "
            "again with `tenure score`."
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
        if known.get("end_reason") not in _CHURNED or csm_id not in (None, last.get("csm_id")):
            continue
        told = {name: last.get(name, figures.get(name)) for name in ("name", "segment", "csm_id", "mrr")}
        exits = known.get("exits")
        reasons = None if exits is None else [str(one.get("reason")) for one in exits]
        told |= {"account_id": account, "churned_on": gone[account], "end_reason": known.get("end_reason")}
        found.append(told | {"exit_reasons": reasons})
    names = ("account_id", "name", "segment", "csm_id", "mrr", "churned_on", "end_reason", "exit_reasons")
    return pd.DataFrame({name: [row[name] for row in found] for name in names}, dtype=object)


def _past(store: Store, lost: dict[str, dt.date]) -> pd.DataFrame:
    """What was told of each account at, or shortly before, each of the days before it left."""
    with store.reading() as connection:
        asked = sa.select(runs.c.as_of, runs.c.id).where(runs.c.id.in_(CURRENT)).order_by(runs.c.as_of)
        scored = [(row.as_of, row.id) for row in connection.execute(asked)]
    days = [day for day, _ in scored]
    looks: list[tuple[int, str, int, dt.date]] = []
    for account, day in lost.items():
        for before in BEFORE:
            target = day - dt.timedelta(days=before)
            place = bisect.bisect_right(days, target) - 1
            if place >= 0 and (target - days[place]).days <= _NEAR:
                looks.append((scored[place][1], account, before, days[place]))
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
    with store.reading() as connection:
        asked = sa.select(runs.c.id, runs.c.as_of).where(
            runs.c.id.in_(CURRENT), runs.c.as_of >= since, runs.c.as_of <= until
        )
        days = [(row.as_of, row.id) for row in connection.execute(asked.order_by(runs.c.as_of))]
    if len(days) > _DAYS:
        days = list({day.isocalendar()[:2]: (day, run_id) for day, run_id in days}.values())
    found: dict[str, dt.date] = {}
    for day, run_id in days:
        for account in _in_band(store, run_id, worst, csm_id):
            found.setdefault(account, day)
    return found


def _in_band(store: Store, run_id: int, band: str, csm_id: str | None) -> list[str]:
    """The accounts of a run in a band; of its book only what that takes is read. None of a run without a book."""
    with store.reading() as connection:
        content = connection.scalar(sa.select(books.c.content).where(books.c.run_id == run_id))
    if content is None:
        return []  # of a version that had no bands either
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        wanted = [name for name in ("account_id", "band", "csm_id") if name in file.schema_arrow.names]
        table = file.read(columns=wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(
            f"The score store holds a book that cannot be read ({error}); restore it from a backup, or make the day's "
            "scores again."
        ) from None
    if "band" not in wanted:
        return []
    table = table.filter(pc.equal(table.column("band"), band))
    if csm_id is not None:
        mine = pc.equal(table.column("csm_id"), csm_id) if "csm_id" in wanted else pa.array([False] * len(table))
        table = table.filter(mine)
    return list(table.column("account_id").to_pylist())
