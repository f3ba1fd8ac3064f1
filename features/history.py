"""History: a company's validated tables, and the one place through which anything reads them as of a day."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.casting import quoted
from features.contract import CONTRACT
from features.errors import TenureError
from features.loading import latest, load_table
from features.settings import Settings
from features.sources.folder import Source, find_sources
from features.validation.notes import notes, warnings
from features.validation.report import Report, TableReport, share_text
from features.validation.rules import VIOLATIONS_DDL, find_violations

__all__ = ["History"]

_ROWS = "count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL)"
"""SQL: distinct rows; a line that is no row has no number and counts by itself."""


class History:
    """A company's history, read and validated once, into an in-memory DuckDB.

    Whatever reads it as of a day goes through `visible`, which keeps `event time < as_of` and
    `recorded_at < as_of` in one place.

    Attributes
    ----------
    con : the DuckDB connection.
    sources : by table, the files it came from.
    columns : for each table the contract columns that its source really has.
    fingerprint : SHA-256 over the source files, hexadecimal.
    report : what validation found.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, sources: dict[str, Source], settings: Settings) -> None:
        self.con = con
        self.sources = sources
        self.settings = settings
        self.columns: dict[str, frozenset[str]] = {}
        self.fingerprint = ""
        self.report = Report()

    @classmethod
    def open(
        cls,
        folder: Path,
        settings: Settings | None = None,
        *,
        today: dt.date | None = None,
        threads: int | None = None,
    ) -> History:
        """Read and validate a folder of Parquet or CSV files.

        Parameters
        ----------
        today : the day of reading; facts dated after it are set aside. Any date is taken when None.
        threads : DuckDB's threads; results do not depend on it.

        Raises
        ------
        TenureError : a table cannot be read, or a required table or column is missing.
        """
        con = duckdb.connect(":memory:", config={"threads": threads} if threads else {})
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET enable_progress_bar = false")
        con.execute(VIOLATIONS_DDL)
        history = cls(con, find_sources(Path(folder)), settings or Settings())
        digest = hashlib.sha256()
        unknown: dict[str, list[str]] = {}
        for name, source in history.sources.items():
            missing, unknown[name] = load_table(con, source)
            history.columns[name] = frozenset(CONTRACT[name].by_name) - set(missing)
            digest.update(f"{name}:{source.digest()};".encode())
            # The times of every row, so that the share set aside can be told as of any day.
            con.execute(
                f"CREATE TABLE {quoted(f'_read_{name}')} AS "
                f"SELECT _row, coalesce(_known, {latest(name)}) AS _known FROM {quoted(name)} "
                f"UNION ALL SELECT NULL, since FROM violations WHERE \"table\" = '{name}'"
            )
        history.fingerprint = digest.hexdigest()
        find_violations(con, list(history.sources), today)
        history.report = Report(
            [TableReport(n, s.label, history._count(f"_read_{n}"), unknown[n]) for n, s in history.sources.items()]
        )
        history.report.read_violations(con)
        history.report.notes, history.report.warnings = notes(history), warnings(history)
        return history

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables that there are."""
        return frozenset(self.sources)

    def visible(self, table: str, as_of: dt.date) -> str:
        """SQL for the rows of a table as somebody saw them at the start of a day.

        Rows come with the contract's columns and `_event`. A late column is NULL until its own time has come.
        """
        day = f"TIMESTAMP '{as_of.isoformat()}'"
        columns = ["_event"]
        for column in CONTRACT[table].columns:
            name = quoted(column.name)
            if column.late:
                columns.append(f"CASE WHEN {quoted(f'_{column.name}_known')} < {day} THEN {name} END AS {name}")
            else:
                columns.append(name)
        return (
            f"(SELECT {', '.join(columns)} FROM {quoted(table)} "
            f"WHERE _known < {day} AND (_bad_from IS NULL OR _bad_from >= {day}))"
        )

    def require_sound(self, as_of: dt.date) -> None:
        """Refuse to go on when too much of a table, as known at the start of a day, cannot be right.

        Rows whose time cannot be read count as come last, so that none of them stops an earlier day.

        Raises
        ------
        TenureError : with the counts of the worst table.
        """
        worst: tuple[float, str, int, int] | None = None
        allowed = self.settings.history.max_failing_share
        for name in self.sources:
            read, failing = self._scalar(self._read(name, as_of)), self._scalar(self._failing(name, as_of))
            share = failing / read if read else 0.0
            if failing and share >= allowed and (worst is None or share > worst[0]):
                worst = (share, name, failing, read)
        if worst is None:
            return
        _, name, failing, read = worst
        rules = self.con.execute(
            f"SELECT rule, {_ROWS} FROM ({self._violations(name, as_of)}) GROUP BY rule ORDER BY rule"
        ).fetchall()
        listed = ", ".join(f"{rule}: {rows:,}" for rule, rows in rules)
        raise TenureError(
            f"Table {name} cannot be relied on: {share_text(failing, read)} are set aside ({listed}), and "
            f"{100 * allowed:g} % or more stops; run `tenure check` for examples, then mend the table or raise "
            "[history] max_failing_share."
        )

    def _violations(self, name: str, as_of: dt.date) -> str:
        """SQL: what was wrong with a table's rows known at the start of a day, as could be seen then."""
        day = f"TIMESTAMP '{as_of.isoformat()}'"
        return f"""
            SELECT rule, violations._row FROM violations LEFT JOIN {quoted(f"_read_{name}")} AS read USING (_row)
            WHERE "table" = '{name}' AND since < {day} AND until >= {day} AND (_row IS NULL OR read._known < {day})
        """

    def _failing(self, name: str, as_of: dt.date) -> str:
        return f"SELECT {_ROWS} FROM ({self._violations(name, as_of)})"

    def _read(self, name: str, as_of: dt.date) -> str:
        return f"SELECT count(*) FROM {quoted(f'_read_{name}')} WHERE _known < TIMESTAMP '{as_of.isoformat()}'"

    @property
    def observed_from(self) -> dt.date:
        """The first day of usage."""
        return self.observed_period()[0]

    @property
    def observed_until(self) -> dt.date:
        """The end of the observed period: the day after the last usage day, unless the settings say another."""
        return self.observed_period()[1]

    def observed_period(self, known_on: dt.date | None = None) -> tuple[dt.date, dt.date]:
        """The days `[from, until)` that were observed.

        Parameters
        ----------
        known_on : nothing known on or after this day counts, and the period ends no later; all of it when None.

        Raises
        ------
        TenureError : there is no usage, or none that was known.
        """
        rows = self.visible("usage", known_on) if known_on else "usage"
        days = self.con.execute(f"SELECT min(day), max(day) FROM {rows}").fetchone()
        if days is None or days[0] is None:
            self.require_sound(known_on or dt.date.max)
            when = f" known before {known_on}" if known_on else ""
            raise TenureError(f"Table usage has no row{when}, so there is nothing to learn from; check its days.")
        first, last = days
        until = self.settings.history.observed_until or last + dt.timedelta(days=1)
        return first, min(until, known_on) if known_on else until

    def write_quarantine(self, folder: Path) -> Path:
        """Write every row set aside to a CSV file in a folder, named after the history's fingerprint."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.fingerprint[:12]}.csv"
        pd.DataFrame(self.quarantine()).to_csv(file, index=False)
        return file

    def quarantine(self) -> list[dict[str, Any]]:
        """Every row set aside: table, row (from 1), rule, reason and the row as it came."""
        found: list[dict[str, Any]] = []
        for name, source in self.sources.items():
            if not self.report.failing.get(name):
                continue
            cursor = self.con.execute(
                f"""
                SELECT v."table", v._row, v.rule, v.reason, coalesce(v.line, CAST(to_json(raw.content) AS VARCHAR))
                FROM (SELECT * FROM violations WHERE "table" = '{name}' AND until = TIMESTAMP 'infinity') AS v
                LEFT JOIN (
                    SELECT source AS content, row_number() OVER () AS place FROM {source.sql()} AS source
                ) AS raw ON raw.place = v._row
                ORDER BY v._row, v.rule
                """
            )
            for table, row, rule, reason, content in cursor.fetchall():
                found.append({"table": table, "row": row, "rule": rule, "reason": reason, "content": content})
        return found

    def _count(self, table: str) -> int:
        return self._scalar(f"SELECT count(*) FROM {quoted(table)}")

    def _scalar(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        return int(row[0]) if row else 0
