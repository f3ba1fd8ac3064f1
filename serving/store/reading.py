"""Reading: a connection and a question in; runs and rows as they were stored out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from serving.layout import checked
from serving.store.errors import StoreError
from serving.store.packing import unpack
from serving.store.tables import books, runs, scores

__all__ = [
    "CURRENT",
    "LONGEST_ID",
    "ROW",
    "Row",
    "Run",
    "all_facts",
    "batches",
    "features",
    "frame",
    "history",
    "latest",
    "row_of",
    "rows",
    "run_before",
    "run_of",
    "storable",
    "stored_book",
    "text_in",
]

LONGEST_ID = 1024
"""Bytes of an id in UTF-8; PostgreSQL cannot index much more."""

_BATCH = 1000  # ids in one statement; both databases take 30,000 and gain nothing from them
CURRENT = sa.select(sa.func.max(runs.c.id)).group_by(runs.c.as_of)
"""The runs that hold, one a day."""

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One scoring of one day.

    Parameters
    ----------
    key : random text; runs of different stores never share it.
    header : what is said once of all rows: as_of, model_version, expansion_version, computed_at, horizons,
        drivers_horizon, interval, not_validated_in_time, rule_based, catalogue_hash.
    accounts : how many rows.
    statuses : of them, by status.
    """

    id: int
    key: str
    as_of: dt.date
    computed_at: dt.datetime
    header: dict[str, Any]
    accounts: int
    statuses: dict[str, int]
    catalogue_hash: str
    model_version: str | None
    expansion_version: str | None


@dataclass(frozen=True)
class Row:
    """One account in a run; the texts are JSON as stored.

    Parameters
    ----------
    figures : the row of the score file without drivers, as an object.
    drivers, expansion_drivers : lists; None where there is no probability.
    frozen : of a churned account, its last score: an object as `figures` without account_id, with the lists.
    """

    account_id: str
    csm_id: str | None
    status: str
    figures: str = field(repr=False)
    drivers: str | None = field(repr=False)
    expansion_drivers: str | None = field(repr=False)
    frozen: str | None = field(repr=False)


ROW = (
    scores.c.account_id,
    scores.c.csm_id,
    scores.c.status,
    scores.c.figures,
    scores.c.drivers,
    scores.c.expansion_drivers,
    scores.c.frozen,
)


def storable(text: str) -> bool:
    """Whether both databases can hold a text as an id.

    >>> [storable(text) for text in ("a-1", "", "a\\x00", "\\ud800", "Ü" * 512, "Ü" * 513)]
    [True, True, False, False, True, False]
    """
    if "\x00" in text or len(text) > LONGEST_ID:
        return False
    try:
        return len(text.encode("utf-8")) <= LONGEST_ID
    except UnicodeEncodeError:
        return False


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, so many at a time as one statement takes well."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def latest(connection: sa.Connection) -> Run | None:
    """The run that holds for the latest scored day."""
    return _one_run(connection, sa.select(runs).order_by(runs.c.as_of.desc(), runs.c.id.desc()).limit(1))


def run_of(connection: sa.Connection, day: dt.date) -> Run | None:
    """The run that holds for a day."""
    return _one_run(connection, sa.select(runs).where(runs.c.as_of == day).order_by(runs.c.id.desc()).limit(1))


def run_before(connection: sa.Connection, day: dt.date) -> Run | None:
    """The run that holds for the latest scored day before one."""
    earlier = sa.select(runs).where(runs.c.as_of < day).order_by(runs.c.as_of.desc(), runs.c.id.desc()).limit(1)
    return _one_run(connection, earlier)


def rows(connection: sa.Connection, run: Run, ids: Iterable[str], book: str | None = None) -> dict[str, Row]:
    """The rows of some accounts in a run, by account_id; with a book, of the accounts of that CSM alone."""
    found: dict[str, Row] = {}
    for batch in batches(_askable(ids)):
        asked = sa.select(*ROW).where(scores.c.run_id == run.id, scores.c.account_id.in_(batch))
        if book is not None:
            asked = asked.where(scores.c.csm_id == book)
        found |= {row.account_id: row_of(row) for row in connection.execute(asked)}
    return found


def features(connection: sa.Connection, run: Run, account_id: str) -> dict[str, Any] | None:
    """What the models were given for an account."""
    if not storable(account_id):
        return None
    asked = sa.select(scores.c.features).where(scores.c.run_id == run.id, scores.c.account_id == account_id)
    text = text_in(connection.scalar(asked))
    return None if text is None else json.loads(text)


def all_facts(connection: sa.Connection, run: Run, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What was known of some accounts, by account_id; those of which nothing is stored are left out."""
    found: dict[str, dict[str, Any]] = {}
    for batch in batches(_askable(ids)):
        asked = sa.select(scores.c.account_id, scores.c.facts).where(
            scores.c.run_id == run.id, scores.c.account_id.in_(batch), scores.c.facts.is_not(None)
        )
        for row in connection.execute(asked):
            found[row.account_id] = json.loads(text_in(row.facts) or "{}")
    return found


def history(
    connection: sa.Connection,
    account_id: str,
    since: dt.date,
    until: dt.date | None,
    limit: int,
    *,
    newest: bool = False,
) -> list[tuple[Run, Row]]:
    """The rows of an account from the runs that hold, oldest first; both days are included.

    Parameters
    ----------
    newest : where there are more than `limit`, the newest of them; the oldest otherwise.
    """
    if not storable(account_id):
        return []
    asked = (
        sa.select(*ROW, *(column.label(f"run_{column.name}") for column in runs.c))
        .join_from(scores, runs, scores.c.run_id == runs.c.id)
        .where(scores.c.account_id == account_id, scores.c.as_of >= since, runs.c.id.in_(CURRENT))
        .order_by(scores.c.as_of.desc() if newest else scores.c.as_of)
        .limit(limit)
    )
    if until is not None:
        asked = asked.where(scores.c.as_of <= until)
    found = [
        (_run({name: told[f"run_{name}"] for name in runs.c.keys()}), row_of(row))  # noqa: SIM118 (columns, not a dict)
        for row in connection.execute(asked)
        for told in (row._mapping,)
    ]
    return found[::-1] if newest else found


def frame(connection: sa.Connection, run: Run) -> pd.DataFrame:
    """All rows of a run as the score file has them, sorted by account_id."""
    asked = sa.select(*ROW).where(scores.c.run_id == run.id)
    told = run.header["not_validated_in_time"]
    named = None if told is None else json.dumps(told)
    records = []
    for row in sorted(map(row_of, connection.execute(asked)), key=lambda row: row.account_id):
        record = json.loads(row.figures) | {"drivers": row.drivers, "not_validated_in_time": named}
        if "expansion_drivers_horizon" in record:
            record["expansion_drivers"] = row.expansion_drivers
        if record.get("moved") is not None:
            record["moved"] = json.dumps(record["moved"], ensure_ascii=False)
        records.append(record)
    table = checked(pa.Table.from_pylist(records), run.as_of)
    # pyarrow's own conversion of times with a zone makes pandas 3.1 warn.
    moments = pd.to_datetime(table.column("computed_at").cast(pa.int64()).to_numpy(), unit="us", utc=True)
    found = table.drop_columns(["computed_at"]).to_pandas()
    found.insert(table.column_names.index("computed_at"), "computed_at", moments)
    return found


def stored_book(connection: sa.Connection, run: Run) -> tuple[bytes, int] | None:
    """The stored book of a run and its checksum; None where there is none."""
    found = connection.execute(sa.select(books.c.content, books.c.checksum).where(books.c.run_id == run.id)).first()
    return None if found is None else (found.content, found.checksum)


def _askable(ids: Iterable[Any]) -> list[str]:
    """Each id once, without what no account can be called."""
    return [account for account in dict.fromkeys(ids) if isinstance(account, str) and storable(account)]


def _one_run(connection: sa.Connection, asked: sa.Select[Any]) -> Run | None:
    found = connection.execute(asked).mappings().first()
    return None if found is None else _run(found)


def _run(told: Any) -> Run:
    return Run(
        id=told["id"],
        key=told["key"],
        as_of=told["as_of"],
        computed_at=told["computed_at"],
        header=json.loads(told["header"]),
        accounts=told["accounts"],
        statuses=json.loads(told["statuses"]),
        catalogue_hash=told["catalogue_hash"],
        model_version=told["model_version"],
        expansion_version=told["expansion_version"],
    )


def row_of(told: Any) -> Row:
    drivers, grown, frozen = map(text_in, (told.drivers, told.expansion_drivers, told.frozen))
    return Row(told.account_id, told.csm_id, told.status, told.figures, drivers, grown, frozen)


def text_in(packed: bytes | None) -> str | None:
    """The text of a packed cell.

    Raises
    ------
    StoreError : it is damaged.
    """
    if packed is None:
        return None
    try:
        return unpack(packed)
    except ValueError as error:
        raise StoreError(
            f"The score store holds a row that cannot be read ({error}); restore it from a backup, or make the day's "
            "scores again."
        ) from None
