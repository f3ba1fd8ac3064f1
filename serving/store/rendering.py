"""Rendering: the score frame of a day in; its run and rows as the store keeps them, and a digest of them, out."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from serving.layout import INTERVAL, headline_of, horizons_of, table_of
from serving.store.books import APART, FACTUAL, packed_book
from serving.store.cells import plain, plain_column, text_of
from serving.store.errors import StoreError
from serving.store.packing import pack
from serving.store.reading import LONGEST_ID, storable

__all__ = ["Day"]

_COMPUTED = re.compile(
    r'"computed_at":"[^"]*"'
)  # a quote inside of a text is escaped there, so that this is the member
_SLICE = 1000  # rows that are Python objects at a time
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode


class Day:
    """A scored day, ready to be stored; all that takes time is done when it is made, before anybody is kept waiting.

    Parameters
    ----------
    frame, as_of, features, facts : as `write_day` takes them.

    Raises
    ------
    ValueError, StoreError : as `write_day` does.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        as_of: dt.date,
        features: pd.DataFrame | None,
        facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        table = _table(frame, as_of)
        header = _header(table, as_of)
        moment = pc.max(table.column("computed_at")).as_py()
        self._hash = hashlib.sha256(text_of({**header, "computed_at": None}).encode("utf-8"))
        given, known = _given(features), facts or {}
        self.as_of = as_of
        self.rows = [
            self._row(record, given.get(record["account_id"]), _facts(known, record["account_id"]))
            for record in _records(table)
        ]
        self.book = packed_book(table, features)
        self.churned = [row["account_id"] for row in self.rows if row["status"] == "churned"]
        statuses = Counter(row["status"] for row in self.rows)
        self.run = {
            "as_of": as_of,
            "computed_at": moment,
            "model_version": header["model_version"],
            "expansion_version": header["expansion_version"],
            "catalogue_hash": header["catalogue_hash"] or "",
            "accounts": len(self.rows),
            "statuses": text_of(dict(statuses.most_common())),
            "header": text_of(header),
        }

    def _row(self, record: dict[str, Any], features: str | None, facts: str | None) -> dict[str, Any]:
        figures = {name: value for name, value in record.items() if name not in (*APART, *FACTUAL)}
        if figures.get("moved") is not None:
            figures["moved"] = json.loads(figures["moved"])
        told = text_of(figures)
        # A quote inside of a text is escaped there, so that this is the member and nothing else.
        timeless = told.replace(f'"computed_at":"{figures["computed_at"]}"', '"computed_at":null', 1)
        texts = (record.get("drivers"), record.get("expansion_drivers"), features)
        # Lengths first, so that no two lists of texts make the same bytes.
        for part in (None if text is None else text.encode("utf-8") for text in (timeless, *texts)):
            self._hash.update(b"-" if part is None else b"%d:" % len(part))
            self._hash.update(part or b"")
        if facts is not None:  # a row without them has the digest that it had before there were any
            part = facts.encode("utf-8")
            self._hash.update(b"+%d:" % len(part) + part)
        drivers, grown, given = (None if text is None else pack(text) for text in texts)
        return {
            "account_id": figures["account_id"],
            "as_of": self.as_of,
            "status": figures["status"],
            "csm_id": figures.get("csm_id"),
            "segment": figures["segment"],
            "mrr": figures["mrr"],
            "mrr_at_risk": figures["mrr_at_risk"],
            "figures": told,
            "drivers": drivers,
            "expansion_drivers": grown,
            "features": given,
            "facts": None if facts is None else pack(facts),
        }

    def digest(self, frozen: Mapping[str, str]) -> str:
        """SHA-256 of everything but the moment of computing; `frozen` by account_id."""
        whole = self._hash.copy()
        timeless = {account: _COMPUTED.sub('"computed_at":null', text, count=1) for account, text in frozen.items()}
        whole.update(text_of(dict(sorted(timeless.items()))).encode("utf-8"))
        return whole.hexdigest()

    def stored(self, run_id: int, frozen: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The rows as the table takes them, sorted by account_id."""
        for row in self.rows:
            last = frozen.get(row["account_id"])
            yield {"run_id": run_id, **row, "frozen": None if last is None else pack(last)}


def _table(frame: pd.DataFrame, as_of: dt.date) -> pa.Table:
    """The frame with the score file's types, sorted by account_id."""
    for name in ("account_id", "csm_id", "segment"):
        for value in frame[name].unique() if name in frame.columns else ():
            if isinstance(value, str) and not storable(value):
                raise StoreError(
                    f"The {name} {value[:60]!a} is one that the score store cannot hold: it has a NUL or half of a "
                    f"surrogate pair in it, or more than {LONGEST_ID:,} bytes; correct it where the history is from."
                )
    table = table_of(frame, as_of)
    ids = table.column("account_id").to_pylist()
    return table if ids == sorted(ids) else table.sort_by("account_id")


def _header(table: pa.Table, as_of: dt.date) -> dict[str, Any]:
    """What is said once of all rows, in the order in which it is answered."""
    model, expansion, unproven, catalogue, moment = (
        pc.max(table.column(name)).as_py()
        for name in ("model_version", "expansion_version", "not_validated_in_time", "catalogue_hash", "computed_at")
    )
    rule_based = "health_source" in table.column_names and model is None
    return {
        "as_of": as_of.isoformat(),
        "model_version": model,
        "expansion_version": expansion,
        "computed_at": plain(moment),
        "horizons": horizons_of(table.column_names),
        "drivers_horizon": headline_of(table),
        "interval": None if rule_based else INTERVAL,
        "not_validated_in_time": None if unproven is None else json.loads(unproven),
        "rule_based": rule_based,
        "catalogue_hash": catalogue,
        **_tables(table),
    }


def _tables(table: pa.Table) -> dict[str, list[str]]:
    """The tables that the history had, where the frame says."""
    told = pc.max(table.column("tables")).as_py() if "tables" in table.column_names else None
    return {} if told is None else {"tables": json.loads(told)}


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Each row by column, as JSON can say it."""
    names = table.column_names
    for start in range(0, table.num_rows, _SLICE):
        part = table.slice(start, _SLICE)
        columns = [plain_column(part.column(name).to_pylist()) for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _facts(known: Mapping[str, Mapping[str, Any]], account: str) -> str | None:
    """What is known of an account as the text of a JSON object, the same in whatever order it was put together."""
    found = known.get(account)
    if found is None:
        return None
    try:
        return _ENCODE(found)
    except (ValueError, TypeError) as error:
        raise ValueError(f"The facts of account {account!a} are not what JSON can say: {error}.") from None


def _given(features: pd.DataFrame | None) -> dict[str, str]:
    """Each account's features as the text of a JSON object."""
    if features is None:
        return {}
    names = [str(name) for name in features.columns]
    columns = [plain_column(features[name].astype(object).tolist()) for name in features.columns]
    rows = zip(*columns, strict=True) if columns else iter(() for _ in features.index)
    accounts = features.index.tolist()
    return {
        str(account): text_of(dict(zip(names, row, strict=True))) for account, row in zip(accounts, rows, strict=True)
    }
