"""History: a company's validated tables, and the one place through which anything reads them as of a day."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.casting import quoted
from features.contract import CONTRACT
from features.errors import TenureError
from features.loading import CODED, FOREVER, latest, load_table
from features.rollups import ROLLUPS, roll_up, unordered
from features.session import settle
from features.settings import Settings
from features.sources.find import find_sources
from features.sources.source import Source
from features.validation.disagreements import set_aside_contradictions
from features.validation.notes import early_usage, notes, warnings
from features.validation.report import Report, TableReport, share_text
from features.validation.rules import VIOLATIONS_DDL, find_violations, judge_table

__all__ = ["History", "only"]

_ROWS = "count(DISTINCT _row) + count(*) FILTER (WHERE _row IS NULL)"
"""SQL: distinct rows; a line that is no row has no number and counts by itself."""
_SET_ASIDE = f'SELECT 1 FROM violations WHERE "table" = ? AND until = {FOREVER} LIMIT 1'
_ARRIVALS_DDL = 'CREATE TABLE _arrivals ("table" VARCHAR, _known TIMESTAMP, read_rows BIGINT)'
"""How many rows of each table became known when, so that the share set aside can be told as of any day."""


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
    early_usage : where usage rows were set aside, how many of all rows come before the account's first subscription,
        and how many rows there are.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, sources: dict[str, Source], settings: Settings) -> None:
        self.con = con
        self.sources = sources
        self.settings = settings
        self.columns: dict[str, frozenset[str]] = {}
        self.fingerprint = ""
        self.report = Report()
        self.early_usage: tuple[int, int] | None = None

    @classmethod
    def open(
        cls,
        location: Path | str,
        settings: Settings | None = None,
        *,
        today: dt.date | None = None,
        threads: int | None = None,
    ) -> History:
        """Read and validate a company's tables.

        Parameters
        ----------
        location : a folder of Parquet or CSV files, a DuckDB file, or the URL of a PostgreSQL database.
        today : the day of reading; facts dated after it are set aside. Any date is taken when None.
        threads : DuckDB's threads; results do not depend on it.

        Raises
        ------
        TenureError : a table cannot be read, or a required table or column is missing.
        """
        settings = settings or Settings()
        con = duckdb.connect(":memory:", config={"threads": threads} if threads else {})
        settle(con)
        con.execute(VIOLATIONS_DDL)
        con.execute(_ARRIVALS_DDL)
        history = cls(con, find_sources(location, settings), settings)
        digest = hashlib.sha256()
        unknown: dict[str, list[str]] = {}
        for name, source in history.sources.items():
            unknown[name] = history._load(source, numbered=name not in CODED)
            digest.update(f"{name}:{source.digest()};".encode())
        history.fingerprint = digest.hexdigest()
        find_violations(con, list(history.sources), today)
        for name in CODED:
            # Only rows that are set aside need a number, and most usage tables have none.
            if con.execute(_SET_ASIDE, [name]).fetchone():
                con.execute('DELETE FROM violations WHERE "table" = ?', [name])
                con.execute('DELETE FROM _arrivals WHERE "table" = ?', [name])
                con.execute(f"DROP TABLE {quoted(name)}")
                history._load(history.sources[name])
                if name == "usage":
                    history.early_usage = early_usage(con)
                judge_table(con, name, today)
        set_aside_contradictions(con, list(history.sources))
        with unordered(con):
            roll_up(con)
        history.report = Report(
            [TableReport(n, s.label, history._read(n), unknown[n]) for n, s in history.sources.items()]
        )
        history.report.read_violations(con)
        history.report.notes, history.report.warnings = notes(history), warnings(history)
        return history

    def _load(self, source: Source, numbered: bool = True) -> list[str]:
        """Load one table and note when its rows came; returns the source's columns that the contract does not know."""
        with contextlib.nullcontext() if numbered else unordered(self.con):
            missing, unknown = load_table(self.con, source, numbered=numbered)
        name = source.table
        self.columns[name] = frozenset(CONTRACT[name].by_name) - set(missing)
        self.con.execute(
            f"INSERT INTO _arrivals SELECT '{name}', coalesce(_known, {latest(name)}) AS known, count(*) "
            f"FROM {quoted(name)} GROUP BY known "
            f"UNION ALL SELECT '{name}', since, count(*) FROM violations WHERE \"table\" = '{name}' GROUP BY since"
        )
        return unknown

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables that there are."""
        return frozenset(self.sources)

    def visible(self, table: str, as_of: dt.date, *, times: bool = False) -> str:
        """SQL for the rows of a table as somebody saw them at the start of a day.

        Rows come with the contract's columns and `_event`. A late column is NULL until its own time has come.

        Parameters
        ----------
        times : whether rows come with `_known` and `_<late column>_known` too, each no later than it is visible.
        """
        day = f"DATE '{as_of.isoformat()}'"
        columns, seen, versions = self._gate(table, day)
        if times:
            late = [quoted(f"_{c.name}_known") for c in CONTRACT[table].columns if c.late]
            columns = ", ".join(
                [columns, "t._known", *(f"CASE WHEN t.{k} < {day} THEN t.{k} END AS {k}" for k in late)]
            )
        return f"(SELECT {columns} FROM {quoted(table)} AS t WHERE {seen}{versions})"

    def versions(self, table: str, as_of: dt.date) -> str:
        """SQL for the rows of `visible` with every version of each that was known at the start of a day.

        A version that is not valid yet has no `valid_from` and no values.
        """
        columns, seen, _ = self._gate(table, f"DATE '{as_of.isoformat()}'")
        return f"(SELECT {columns} FROM {quoted(table)} AS t WHERE {seen})"

    def visible_on(self, table: str, days: str, reach: tuple[int, int] | None = None) -> str:
        """SQL for the same rows as of many days: each row once for every day on which it is visible, with `as_of`.

        Parameters
        ----------
        table : a table of the contract, or a roll-up of usage.
        days : SQL for a relation with one DATE column, as_of.
        reach : (near, far) where only rows whose event lies in `[as_of - far, as_of - near)` are wanted, in days.
        """
        columns, seen, versions = self._gate(table, "d.as_of")
        on = f"{days} AS d"
        if reach:
            near, far = reach
            # An equality joins by hash; a range would compare every row with every day.
            on = (
                f"(SELECT as_of, as_of - CAST(n AS INTEGER) AS day FROM {days}, range({near + 1}, {far + 1}) AS r(n)) "
                f"AS d ON d.day = {'t.day' if table in ROLLUPS else 'CAST(t._event AS DATE)'}"
            )
        how = "JOIN" if reach else "CROSS JOIN"
        return f"(SELECT d.as_of, {columns} FROM {quoted(table)} AS t {how} {on} WHERE {seen}{versions})"

    def visible_since(self, rollup: str, days: str) -> str:
        """SQL for the rows of a roll-up, each once, with `since`: the first of the days on which it is visible."""
        first = (
            f"SELECT known, min(as_of) AS since FROM (SELECT DISTINCT _known AS known FROM {quoted(rollup)}) "
            f"JOIN {days} ON known < as_of GROUP BY known"
        )
        return f"(SELECT s.since, t.* FROM {quoted(rollup)} AS t JOIN ({first}) AS s ON s.known = t._known)"

    def _gate(self, table: str, as_of: str) -> tuple[str, str, str]:
        """SQL: the columns of table t as seen on a day, which rows are seen, and which version of each."""
        if table in ROLLUPS:
            return ", ".join(f"t.{quoted(c)}" for c in ("_event", *ROLLUPS[table])), f"t._known < {as_of}", ""
        spec = CONTRACT[table]
        versioned = spec.versioned and "valid_from" in self.columns[table]
        valid = f"(t.valid_from IS NULL OR t.valid_from < {as_of})"
        # A plan is known by its record before anything of it has happened.
        ahead = any(spec.by_name[c].late for c in spec.event)
        columns = [f"CASE WHEN t._event < {as_of} THEN t._event END AS _event" if ahead else "t._event"]
        for column in spec.columns:
            name = f"t.{quoted(column.name)}"
            if column.late:
                name = f"CASE WHEN t.{quoted(f'_{column.name}_known')} < {as_of} THEN {name} END"
            elif versioned and column.name not in (*spec.key, *spec.event) and not column.required:
                # Before its first version an account is there, and nothing is known of it.
                name = f"CASE WHEN {valid} THEN {name} END"
            columns.append(f"{name} AS {quoted(column.name)}")
        seen = f"t._known < {as_of} AND (t._bad_from IS NULL OR t._bad_from >= {as_of})"
        key = ", ".join(f"t.{quoted(c)}" for c in spec.key)
        versions = (
            f" QUALIFY row_number() OVER (PARTITION BY {as_of}, {key} ORDER BY {valid} DESC, "
            f"CASE WHEN {valid} THEN t.valid_from END DESC NULLS LAST, t.valid_from, t._row) = 1"
        )
        return ", ".join(columns), seen, versions if versioned else ""

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
            read, failing = self._read(name, as_of), self._scalar(self._failing(name, as_of))
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
        cut = f" known before {as_of}" if read < self._read(name) else ""
        raise TenureError(
            f"Table {name} cannot be relied on: {share_text(failing, read)}{cut} are set aside ({listed}), and "
            f"{100 * allowed:g} % or more stops; run `tenure check` for examples, then mend the table or raise "
            "[history] max_failing_share."
        )

    def _violations(self, name: str, as_of: dt.date) -> str:
        """SQL: what was wrong with a table's rows known at the start of a day, as could be seen then."""
        day = f"TIMESTAMP '{as_of.isoformat()}'"
        return f"""
            SELECT rule, _row FROM violations
            WHERE "table" = '{name}' AND since < {day} AND until >= {day} AND coalesce(_known, {latest(name)}) < {day}
        """

    def _failing(self, name: str, as_of: dt.date) -> str:
        return f"SELECT {_ROWS} FROM ({self._violations(name, as_of)})"

    def _read(self, name: str, as_of: dt.date | None = None) -> int:
        """Rows read from a table's source that were known at the start of a day; all of them when None."""
        known = f" AND _known < TIMESTAMP '{as_of.isoformat()}'" if as_of else ""
        return self._scalar(f"SELECT sum(read_rows) FROM _arrivals WHERE \"table\" = '{name}'{known}")

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
        rows = f"(SELECT * FROM usage_days WHERE _known < DATE '{known_on}')" if known_on else "usage_days"
        days = self.con.execute(f"SELECT min(day), max(day) FROM {rows}").fetchone()
        if days is None or days[0] is None:
            self.require_sound(known_on or dt.date.max)
            when = f" known before {known_on}" if known_on else ""
            raise TenureError(
                f"Table usage has no row{when}, so there is nothing to learn from; look where it comes from."
            )
        first, last = days
        until = self.settings.history.observed_until or last + dt.timedelta(days=1)
        return first, min(until, known_on) if known_on else until

    def write_quarantine(self, folder: Path) -> Path:
        """Write every row set aside to a CSV file in a folder, named after the history's fingerprint."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.fingerprint[:12]}.csv"
        draft = file.with_name(f".{file.name}.{os.getpid()}.part")  # whoever is stopped leaves no half of it
        try:
            pd.DataFrame(self.quarantine()).to_csv(draft, index=False)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
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
                    SELECT source AS content, row_number() OVER () AS place FROM {source.original()} AS source
                ) AS raw ON raw.place = v._row
                ORDER BY v._row, v.rule
                """
            )
            for table, row, rule, reason, content in cursor.fetchall():
                found.append({"table": table, "row": row, "rule": rule, "reason": reason, "content": content})
        return found

    def _scalar(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        return int(row[0] or 0) if row else 0


def only(as_of: dt.date) -> str:
    """SQL for a relation of one day, for what asks for days."""
    return f"(SELECT DATE '{as_of.isoformat()}' AS as_of)"
