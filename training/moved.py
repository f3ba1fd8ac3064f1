"""Moved: a home's own store in; the same store with the addresses of its files as they are after a move out."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path

__all__ = ["follow"]

_ADDRESSES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}


def follow(database: Path, experiments: Iterable[str]) -> bool:
    """Point a store to the folder `artifacts` beside it, where its experiments still point to that of another place.

    MLflow keeps whole paths, so that a copy of a home would write into its original. What moved is told from what
    somebody keeps elsewhere on purpose by the runs: the folder of one that should lie there lies here. A run whose
    files lie only there keeps its address.

    Parameters
    ----------
    database : a SQLite store; nobody else must be opening it in this way at the same time.
    experiments : names of those that keep their files beside it.

    Returns
    -------
    Whether anything was altered.
    """
    here = database.resolve().parent / "artifacts"
    new = here.as_uri()
    with contextlib.closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as con:
        try:
            names = list(experiments)
            marks = ", ".join("?" * len(names))
            asked = f"SELECT DISTINCT artifact_location FROM experiments WHERE name IN ({marks})"
            elsewhere = [old for (old,) in con.execute(asked, names) if old and old.rstrip("/") != new]
            if not elsewhere:
                return False
            con.execute("BEGIN IMMEDIATE")
            altered = [_moved(con, old.rstrip("/"), here) for old in elsewhere]
            con.execute("COMMIT")
        except sqlite3.DatabaseError:
            return False  # no store that this version knows: MLflow says so
    return any(altered)


def _moved(con: sqlite3.Connection, old: str, here: Path) -> bool:
    there = _folder(old)
    addresses = [uri for (uri,) in con.execute("SELECT artifact_uri FROM runs") if (uri or "").startswith(f"{old}/")]
    runs = {uri[len(old) + 1 :].split("/")[0] for uri in addresses}
    if there is None or not any((here / run).is_dir() for run in runs):
        return False
    left = {run for run in runs if not (here / run).is_dir() and (there / run).is_dir()}
    for table, columns in _ADDRESSES.items():
        present = {row[1] for row in con.execute(f"PRAGMA table_info({table})")}
        for column in present & set(columns):
            for row, value in con.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
                rest = (value or "").removeprefix(old)
                if rest == value or rest[:1] not in ("", "/") or rest[1:].split("/")[0] in left or not value:
                    continue
                con.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [here.as_uri() + rest, row])
    return True


def _folder(address: str) -> Path | None:
    """The local folder that an address names."""
    parts = urllib.parse.urlsplit(address)
    return Path(urllib.request.url2pathname(parts.path)) if parts.scheme in ("", "file") else None
