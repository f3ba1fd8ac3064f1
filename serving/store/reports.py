"""Reports: what was found of a period in; kept, and told again as it was, the one that knew the most, out."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from serving.store.errors import StoreError
from serving.store.store import Store
from serving.store.tables import reports

__all__ = ["KINDS", "Report", "keep", "report_of", "told_periods"]

KINDS = ("roi", "revenue")

_MOST = 2**27
"""Bytes of JSON that a report may have; that of 500 CSMs takes some ten million."""

_ZLIB = b"\x01"  # the first byte says how it is packed


@dataclass(frozen=True)
class Report:
    """What was found of a period on a day.

    Parameters
    ----------
    kind : roi or revenue.
    period : as in 2025Q3.
    by : what revenue is told by; empty for by nothing.
    as_of : what was known then.
    body : whatever JSON can say.
    """

    kind: str
    period: str
    by: str
    as_of: dt.date
    computed_at: dt.datetime
    body: Mapping[str, Any]


def keep(store: Store, found: Sequence[Report]) -> list[Report]:
    """Keep reports, all of them or none; one that says what the last as of its day says is not kept again.

    Returns
    -------
    The reports as they are kept: of one that was there already, when it was computed first.

    Raises
    ------
    ValueError : JSON cannot say a report.
    StoreError : they cannot be stored.
    """
    rows = [_stored(report) for report in found]
    kept = []
    with store.writing() as connection:
        for report, row in zip(found, rows, strict=True):
            asked = _newest(row["kind"], row["period"], row["by_group"]).where(reports.c.as_of == row["as_of"])
            last = connection.execute(asked).first()
            if last is not None and bytes(last.body) == row["body"]:
                kept.append(replace(report, computed_at=last.computed_at))
            else:
                connection.execute(sa.insert(reports).values(row))
                kept.append(report)
    return kept


def report_of(store: Store, kind: str, period: str, by: str = "") -> Report | None:
    """The report of a period that holds: of those that knew the most, the one computed last; None for none.

    Raises
    ------
    StoreError : it cannot be read.
    """
    with store.reading() as connection:
        row = connection.execute(_newest(kind, period, by)).mappings().first()
    if row is None:
        return None
    try:
        body = _unpacked(bytes(row["body"]))
    except ValueError as error:
        raise StoreError(
            f"The report on {row['period']} in {store.address} cannot be read ({error}); run `tenure roi` for it again."
        ) from None
    return Report(row["kind"], row["period"], row["by_group"], row["as_of"], row["computed_at"], body)


def told_periods(store: Store, kind: str) -> list[str]:
    """The periods that there are reports of, those that were known last first."""
    known = sa.func.max(reports.c.as_of)
    asked = sa.select(reports.c.period).where(reports.c.kind == kind).group_by(reports.c.period)
    with store.reading() as connection:
        return list(connection.scalars(asked.order_by(known.desc(), reports.c.period.desc())))


def _newest(kind: str, period: str, by: str) -> sa.Select[Any]:
    same = (reports.c.kind == kind, reports.c.period == period, reports.c.by_group == by)
    return sa.select(reports).where(*same).order_by(reports.c.as_of.desc(), reports.c.id.desc()).limit(1)


def _stored(report: Report) -> dict[str, Any]:
    if report.kind not in KINDS:
        raise ValueError(f"there is no report of kind {report.kind!a}")
    return {
        "kind": report.kind,
        "period": report.period,
        "by_group": report.by,
        "as_of": report.as_of,
        "computed_at": report.computed_at,
        "body": _packed(report.body),
    }


def _packed(body: Mapping[str, Any]) -> bytes:
    # In ASCII, so that also half of a surrogate pair in somebody's name is kept.
    raw = json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(raw) > _MOST:
        raise ValueError(f"the report has {len(raw):,} bytes, more than the {_MOST:,} that one may have")
    return _ZLIB + zlib.compress(raw)


def _unpacked(packed: bytes) -> dict[str, Any]:
    """The body that was packed; `ValueError` for bytes that `_packed` does not make."""
    if packed[:1] != _ZLIB:
        raise ValueError("it is packed in a way that this version does not know")
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed[1:], _MOST)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("it ends too early or too late")
    body = json.loads(raw)
    if not isinstance(body, dict):
        raise ValueError("it is no object")
    return body
