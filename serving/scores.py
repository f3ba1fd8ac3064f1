"""The score store: one Parquet file a day under `<home>/scores`, written whole or not at all, read into memory."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.layout import OldLayoutError, check_drivers, checked, headline_of, horizons_of

__all__ = ["ScoreStore", "ScoredDay", "scores_folder", "write_day"]

_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.parquet")

logger = logging.getLogger("tenure.serving")


@dataclass(frozen=True)
class ScoredDay:
    """One scored day, whole.

    Parameters
    ----------
    horizon : days of the churn probability that the drivers add up to; None where no model scored.
    horizons : of churn, ascending.
    model_version, expansion_version : of the models that scored it; None where there was none.
    not_validated : names of the probability columns that were not validated in time; None where that is not known.
    rule_based : whether the day has health by rules and no probabilities.
    rows : by account_id; values are str, bool, int, float or None, dates and times as ISO 8601 text,
        `drivers` and `expansion_drivers` the JSON text as stored.
    """

    as_of: dt.date
    horizon: int | None
    horizons: tuple[int, ...]
    model_version: str | None
    expansion_version: str | None
    not_validated: list[str] | None
    rule_based: bool
    computed_at: dt.datetime
    rows: dict[str, dict[str, Any]]


def scores_folder(home: Path) -> Path:
    """Where the days lie."""
    return home / "scores"


def write_day(home: Path, frame: pd.DataFrame, as_of: dt.date) -> Path:
    """Store a scored day: a reader sees the old file or the new one, also after a power cut.

    Parameters
    ----------
    frame : one row an account with the columns of the score file (`serving.layout`); further columns are kept.
    as_of : the day all rows speak from.

    Raises
    ------
    ValueError : a column is absent or of another type, an account appears twice, a probability lies outside
        [0, 1] or its interval, falls as the horizon grows or is less than its involuntary part, or the drivers of an
        account do not add up to its probability to 1e-9.
    OSError : the disk is full or not writable; the day that was there is untouched.
    """
    # pyarrow's own conversion of times with a zone makes pandas 3.1 warn; `checked` puts the zone back.
    zoned = frame.select_dtypes("datetimetz").columns
    frame = frame.assign(**{name: frame[name].dt.tz_convert(None) for name in zoned})
    try:
        table = checked(pa.Table.from_pandas(frame, preserve_index=False), as_of)
        check_drivers(table)
    except (ValueError, TypeError, KeyError) as error:  # Arrow's and JSON's errors are among them
        raise ValueError(f"The scores of {as_of} are not a score file: {error}.") from error
    folder = scores_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{as_of.isoformat()}.parquet"
    # The name must not match _FILE, and two writers of one day must not share it.
    draft = folder / f".{target.name}.{os.getpid()}-{threading.get_ident()}.part"
    try:
        with draft.open("wb") as sink:
            pq.write_table(table, sink)
            sink.flush()
            os.fsync(sink.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some filesystems cannot sync a folder; the file itself is safe
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return target


def _read(path: Path, as_of: dt.date) -> ScoredDay:
    """Read one day; ValueError or OSError when the file is not a whole score file.

    Drivers are read when they are asked for, account by account, so that one that cannot be read costs no other.
    """
    with path.open("rb") as source:
        table = checked(pq.ParquetFile(source).read(), as_of)
    model, expansion, not_validated = (
        pc.max(table.column(name)).as_py() for name in ("model_version", "expansion_version", "not_validated_in_time")
    )
    rule_based = "health_source" in table.column_names and model is None
    answered = table.drop_columns(["not_validated_in_time"])  # said once, of the day
    return ScoredDay(
        as_of=as_of,
        horizon=headline_of(table),
        horizons=tuple(horizons_of(table.column_names)),
        model_version=model,
        expansion_version=expansion,
        not_validated=None if not_validated is None else json.loads(not_validated),
        rule_based=rule_based,
        computed_at=pc.max(table.column("computed_at")).as_py(),
        rows={row["account_id"]: {k: _plain(v) for k, v in row.items()} for row in answered.to_pylist()},
    )


def _plain(value: Any) -> Any:
    """A cell as JSON can say it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)


_SETTLED_NS = 2_000_000_000
_Stamp = tuple[int, int, int]  # modified (ns), size, inode: an atomic rename always changes the inode


class ScoreStore:
    """The latest scored day, kept in memory and swapped whole when a newer or changed file appears.

    The folder is looked at once a request, so that a day is served as soon as it is there, in every worker.
    A file that cannot be read leaves the day before it (in memory, or on disk) serving; `trouble` says so.
    """

    def __init__(self, home: Path) -> None:
        self._folder = scores_folder(home)
        self._lock = threading.Lock()
        self._seen: tuple[tuple[Path, _Stamp], ScoredDay] | None = None
        self._broken: dict[Path, tuple[_Stamp, str]] = {}
        self._listed: tuple[int, list[str]] | None = None

    @property
    def trouble(self) -> list[str]:
        """One sentence for each stored day that could not be read; as of the last look."""
        return [sentence for _, sentence in list(self._broken.values())]

    def latest(self) -> ScoredDay | None:
        """The newest day that can be read; None when there is none.

        Raises
        ------
        OSError : the folder cannot be listed and nothing has been read from it before.
        """
        try:
            names = self._names()
        except OSError as error:
            if self._seen is None:
                raise
            logger.warning("the scores in %s cannot be listed (%s)", self._folder, error.strerror)
            return self._seen[1]
        seen = self._seen
        if seen and names and names[0] == seen[0][0].name and _stamp(seen[0][0]) == seen[0][1]:
            return seen[1]  # the usual case: nothing new
        if not self._lock.acquire(blocking=seen is None):
            return seen[1] if seen else None  # somebody else is reading the new day; this request need not wait
        try:
            return self._reload(names)
        finally:
            self._lock.release()

    def _names(self) -> list[str]:
        """Names of the stored days, newest first; the folder is listed again only when it has changed."""
        try:
            changed = self._folder.stat().st_mtime_ns
            listed = self._listed
            if listed and listed[0] == changed:
                return listed[1]
            names = sorted((name for name in os.listdir(self._folder) if _FILE.fullmatch(name)), reverse=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        # Two changes within one tick of the filesystem's clock look like one, so a fresh change is not trusted.
        self._listed = (changed, names) if time.time_ns() - changed > _SETTLED_NS else None
        return names

    def _reload(self, names: list[str]) -> ScoredDay | None:
        self._broken = {path: why for path, why in self._broken.items() if path.name in names}
        for path, as_of in self._days(names):
            stamp = _stamp(path)
            if stamp is None:  # taken away since the folder was listed
                continue
            if self._seen and self._seen[0] == (path, stamp):
                return self._seen[1]
            if path in self._broken and self._broken[path][0] == stamp:
                if self._seen and self._seen[0][0] == path:
                    return self._seen[1]
                continue
            try:
                day = _read(path, as_of)
            except (ValueError, OSError, pa.ArrowException) as error:
                fault = "are of an earlier version's layout" if isinstance(error, OldLayoutError) else "cannot be read"
                sentence = f"The scores in {path.name} {fault}; run `tenure score` for that day again."
                logger.warning("%s (%s)", sentence, error)
                self._broken[path] = (stamp, sentence)
                if self._seen and self._seen[0][0] == path:
                    return self._seen[1]  # the day in memory was overwritten by something unreadable
                continue
            self._broken.pop(path, None)
            self._seen = ((path, stamp), day)
            return day
        self._seen = None
        return None

    def _days(self, names: list[str]) -> Iterator[tuple[Path, dt.date]]:
        for name in names:
            with contextlib.suppress(ValueError):  # 2026-02-31.parquet is not a day
                yield self._folder / name, dt.date.fromisoformat(name.removesuffix(".parquet"))


def _stamp(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
