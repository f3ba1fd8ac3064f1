"""Drafts: what a scoring has got through of a day, kept under `<home>/drafts` until the day is stored."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Drafts"]

_OLD = 7 * 24 * 3600.0
"""Seconds after which nobody will come back for a draft."""


class Drafts:
    """Tables by key, each in a file that is read whole and undamaged or not at all.

    They only save time: a draft that cannot be written or read is done without, and one that somebody removes is made
    again. A draft is the first line, the SHA-256 of what follows, and Parquet.

    Parameters
    ----------
    home : the folder of the home; drafts of one home are for the one scoring that it runs at a time.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "drafts"
        self._mine: set[Path] = set()
        self._writable = True

    def get(self, key: str) -> pd.DataFrame | None:
        """What `put` was given under a key, with a plain index; None where it is not there, or damaged."""
        file = self._file(key)
        try:
            digest, content = file.read_bytes().split(b"\n", 1)
            if hashlib.sha256(content).hexdigest() != digest.decode():
                return None
            table = pq.read_table(io.BytesIO(content))
        except (OSError, ValueError, pa.ArrowException):
            return None
        self._mine.add(file)
        return pd.DataFrame(
            {
                name: pd.Series(column.to_pylist(), dtype=object) if column.type == pa.string() else column.to_numpy()
                for name, column in zip(table.column_names, table.columns, strict=True)
            }
        )

    def put(self, key: str, part: pd.DataFrame) -> None:
        """Keep a table of float64 columns and of object columns of str and None; where the disk is full, do not."""
        if not self._writable:
            return
        arrays = [
            pa.array(part[name].to_numpy(), pa.float64() if part[name].dtype == np.float64 else pa.string())
            for name in part.columns
        ]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_arrays(arrays, list(part.columns)), sink, compression="zstd")
        content = sink.getvalue()
        file = self._file(key)
        draft = file.with_name(f".{key}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                draft.replace(file)
            finally:
                draft.unlink(missing_ok=True)
        except OSError:
            self._writable = False
        else:
            self._mine.add(file)

    def clear(self) -> None:
        """Remove those that were read or written: what they were kept for is stored."""
        with contextlib.suppress(OSError):
            for file in self._mine:
                file.unlink(missing_ok=True)
            self._folder.rmdir()  # only where it is empty
        self._mine.clear()

    def sweep(self) -> None:
        """Remove those that nobody has come back for within a week."""
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if time.time() - file.stat().st_mtime > _OLD:
                    file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.draft"
