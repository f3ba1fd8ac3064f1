"""Books: a run's rows by columns, with their largest drivers and some features, in; one Parquet file out, and back."""

from __future__ import annotations

import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.store.cells import plain, text_of
from success.book import COLUMNS, FEATURES

__all__ = [
    "APART",
    "FACTUAL",
    "TOP",
    "book_table",
    "checksum_of",
    "frame_of",
    "packed_book",
    "top_of",
    "typed",
    "unpacked_book",
]

APART = ("drivers", "expansion_drivers", "not_validated_in_time", "tables")
"""Columns of a score file that a book has no use for."""
FACTUAL = ("rule_scores", "arm")
"""Columns of a book that no figure of a row says: they are facts of the account, and the arm is nobody's to see."""
TOP = 5
"""So many drivers of an account are in a book: those with the most points, up or down."""

_KINDS = {"text": pa.string(), "date": pa.date32(), "number": pa.float64()}
_LONG = ("account_id", "name", "reading", "rule_scores", "moved", "top")
_SLICE = 1000
_POINTS = re.compile(r'"points"\s*:\s*([-+.\w]+)')
_DECODER = json.JSONDecoder()


def packed_book(table: pa.Table, features: pd.DataFrame | None) -> bytes:
    """The book of a scored day as it is stored.

    Parameters
    ----------
    table : the score file, one row an account.
    features : as `write_day` takes them.
    """
    tops = [None if text is None else top_of(text) for text in _texts(table.column("drivers"))]
    figures = {name: table.column(name) for name in table.column_names if name not in APART}
    book = book_table(figures, tops, _given(features, table.column("account_id").to_pylist()))
    sink = io.BytesIO()
    # Without a dictionary where hardly a cell is like another.
    plain_ones = [field.name for field in book.schema if field.type == pa.float64() or field.name in _LONG]
    repeating = [name for name in book.column_names if name not in plain_ones]
    pq.write_table(book, sink, compression="zstd", use_dictionary=repeating, write_statistics=False, store_schema=False)
    return sink.getvalue()


def book_table(figures: dict[str, pa.ChunkedArray], tops: Sequence[str | None], features: dict[str, Any]) -> pa.Table:
    """The columns of a book: every figure, `top`, and `f_<name>` for each feature that it carries."""
    columns = {name: typed(name, column) for name, column in figures.items()}
    columns["top"] = pa.chunked_array([pa.array(tops, pa.string())])
    for feature in FEATURES:
        name = f"f_{feature}"
        values = features.get(feature)
        columns[name] = typed(name, pa.nulls(len(tops)) if values is None else values)
    return pa.table(columns)


def typed(name: str, column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    """A column as text, days or numbers; what is not finite is null. What a book declares decides where values do not.

    A column of nulls alone that no book declares stays without a type.
    """
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    kind, declared = column.type, _KINDS.get(COLUMNS.get(name, ""))
    if pa.types.is_null(kind):
        return pc.cast(column, declared or kind)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind) or kind == pa.bool_():
        column = pc.cast(column, pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
    if pa.types.is_date(kind) or (declared == pa.date32() and pa.types.is_timestamp(kind)):
        return pc.cast(column, pa.date32())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _days(column) if declared == pa.date32() else pc.cast(column, pa.string())
    told = [plain(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array([None if value is None else str(value) for value in told], pa.string())])


def top_of(drivers: str) -> str:
    """The drivers with the most points, the most first, as JSON text like that of all of them.

    Scoring stores them in this order, and then only the first are read.

    >>> top_of('[{"points": 0.5}, {"points": -0.25}]')
    '[{"points":0.5},{"points":-0.25}]'
    """
    sizes = [abs(float(points)) for points in _POINTS.findall(drivers)]
    if all(this >= next_ for this, next_ in itertools.pairwise(sizes)):
        return text_of(_leading(drivers))
    found = sorted(json.loads(drivers), key=lambda driver: -abs(driver["points"]))
    return text_of(found[:TOP])


def checksum_of(content: bytes) -> int:
    """CRC-32, which tells damage within three milliseconds."""
    return zlib.crc32(content)


def unpacked_book(content: bytes, checksum: int, names: Sequence[str] | None = None) -> pd.DataFrame:
    """The book that was packed.

    Parameters
    ----------
    names : only these columns, those of them that it has; None for all.

    Raises
    ------
    ValueError : these bytes are not what was stored.
    """
    if checksum_of(content) != checksum:
        raise ValueError("the bytes are not those that were stored")
    file = pq.ParquetFile(pa.BufferReader(content))
    wanted = None if names is None else [name for name in names if name in file.schema_arrow.names]
    return frame_of(file.read(columns=wanted))


def frame_of(book: pa.Table) -> pd.DataFrame:
    """A book as pandas has it: numbers float64 with NaN, then texts and days (`datetime.date`), objects with None."""
    # In two blocks: column by column takes longer than all of reading, and pandas would make text a type of its own.
    numbers = [field.name for field in book.schema if field.type == pa.float64()]
    others = [name for name in book.column_names if name not in numbers]
    cells = np.empty((book.num_rows, len(others)), dtype=object)
    for place, name in enumerate(others):
        cells[:, place] = _objects(book.column(name))
    told = pd.DataFrame(cells, columns=others, dtype=object, copy=False)
    return pd.concat([told, book.select(numbers).to_pandas()], axis=1)


def _objects(column: pa.ChunkedArray) -> Any:
    """(n,) Python objects of a column of text or days; None for null."""
    if pa.types.is_null(column.type):
        return None
    if pa.types.is_date(column.type):
        return column.to_pandas(date_as_object=True).to_numpy()
    return column.to_numpy()


def _texts(column: pa.ChunkedArray) -> Iterator[str | None]:
    """The cells, a thousand of them Python objects at a time: all drivers of a day take hundreds of megabytes."""
    for start in range(0, len(column), _SLICE):
        yield from column.slice(start, _SLICE).to_pylist()


def _days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as days; as it is where that is none."""
    try:
        return pc.cast(column, pa.date32())
    except pa.ArrowInvalid:
        return pc.cast(column, pa.string())


def _leading(drivers: str) -> list[Any]:
    """The first items of a JSON list."""
    found: list[Any] = []
    place = drivers.index("[")
    while len(found) < TOP and (place := drivers.find("{", place)) >= 0:
        item, place = _DECODER.raw_decode(drivers, place)
        found.append(item)
    return found


def _given(features: pd.DataFrame | None, ids: list[str]) -> dict[str, pa.Array]:
    """The features of accounts in their order, those that a book carries and the models were given."""
    if features is None:
        return {}
    accounts = features.index.map(str)
    last = ~accounts.duplicated(keep="last")
    kept = features.loc[last, [name for name in FEATURES if name in features.columns]]
    kept = kept.set_axis(accounts[last], axis=0).reindex(ids)
    return {str(name): pa.array(kept[name], from_pandas=True) for name in kept.columns}
