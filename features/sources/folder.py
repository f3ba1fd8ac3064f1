"""Sources: finds a company's tables in a folder of Parquet and CSV files and hands them to DuckDB unread."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.contract import CONTRACT
from features.errors import TenureError

__all__ = ["Source", "find_sources"]

SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class Source:
    """One table's files: all Parquet or all CSV, read in the order of their names."""

    table: str
    files: tuple[Path, ...]

    @property
    def is_csv(self) -> bool:
        return self.files[0].suffix == ".csv"

    @property
    def label(self) -> str:
        """How messages name the source."""
        return self.files[0].name if len(self.files) == 1 else f"{self.table}/ ({len(self.files)} files)"

    def sql(self) -> str:
        """A DuckDB table function over the files; every CSV value is still text."""
        names = ", ".join(_literal(str(f)) for f in self.files)
        if not self.is_csv:
            return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"
        # Rejects are kept so that a broken line is reported instead of lost.
        return (
            f"read_csv([{names}], header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
            "strict_mode = true, hive_partitioning = false, null_padding = false, "
            "comment = '', skip = 0, store_rejects = true, rejects_limit = 0)"
        )

    def columns(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Column names, lower-cased as DuckDB compares them, with their DuckDB types.

        Raises
        ------
        TenureError : a file is empty, half-written, not in UTF-8 or not what its name says.
        """
        self._check_files()
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {self.sql()}").fetchall()
        except duckdb.Error as error:
            raise self.refusal(error) from None
        return {name.lower(): kind for name, kind, *_ in described}

    def refusal(self, error: Exception) -> TenureError:
        """What a failed read means for the person who owns the file."""
        if "sniffing" in str(error):
            cause = "its lines do not have the columns of its header, or a quotation mark is left open"
        else:
            cause = str(error).strip().splitlines()[0].partition("Error: ")[2][:200]
        kind = "comma-separated text" if self.is_csv else "Parquet"
        return TenureError(
            f"{self.label} of table {self.table} cannot be read as {kind} ({cause}); "
            "write the file again and repeat the command."
        )

    def digest(self) -> str:
        """SHA-256 over the files' bytes, hexadecimal."""
        total = hashlib.sha256()
        for file in self.files:
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
        return total.hexdigest()

    def _check_files(self) -> None:
        for file in self.files:
            if file.stat().st_size == 0:
                raise TenureError(f"{file.name} of table {self.table} is empty; write it with a header line.")
            if self.is_csv:
                _check_utf8(file)
            else:
                _check_parquet_ends(file)
        if self.is_csv and len(self.files) > 1:
            _check_same_header(self.table, self.files)


def find_sources(folder: Path) -> dict[str, Source]:
    """The tables of the contract that a folder holds, as `table.parquet`, `table.csv` or a folder of either.

    Raises
    ------
    TenureError : there is no such folder, a table stands there twice, or a required table is not there.
    """
    if not folder.is_dir():
        raise TenureError(f"{folder} is not a folder; give the folder that holds the company's tables.")
    found: dict[str, Source] = {}
    for table in CONTRACT:
        candidates = [tuple(files) for files in _candidates(folder, table) if files]
        if len(candidates) > 1:
            raise TenureError(
                f"Table {table} is in {folder} twice ({candidates[0][0].name} and {candidates[1][0].name}); "
                "keep one of them."
            )
        if candidates:
            found[table] = Source(table, candidates[0])
    missing = [t for t, spec in CONTRACT.items() if spec.required and t not in found]
    if missing:
        raise TenureError(
            f"{folder} has no {missing[0]}.parquet or {missing[0]}.csv; "
            f"the tables {', '.join(t for t, s in CONTRACT.items() if s.required)} are needed."
        )
    return found


def _candidates(folder: Path, table: str) -> Iterator[list[Path]]:
    for suffix in SUFFIXES:
        file = folder / f"{table}{suffix}"
        yield [file] if file.is_file() else []
        inside = folder / table
        yield sorted(inside.glob(f"*{suffix}")) if inside.is_dir() else []


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _check_utf8(file: Path) -> None:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise TenureError(
                    f"{file.name} is not UTF-8 text: line {number} holds the byte "
                    f"0x{line[error.start]:02x}, as Latin-1 and Windows files do; save it as UTF-8."
                ) from None


def _check_parquet_ends(file: Path) -> None:
    """Parquet writes its directory and a magic word last, so a file cut short lacks them."""
    with file.open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(file.stat().st_size - 4, 0))
        tail = stream.read(4)
    if head != b"PAR1":
        raise TenureError(f"{file.name} is not a Parquet file; write it as Parquet or name it .csv.")
    if tail != b"PAR1":
        raise TenureError(f"{file.name} is only half-written: its end is missing; copy or write it again.")


def _check_same_header(table: str, files: tuple[Path, ...]) -> None:
    """DuckDB would take the first file's columns and drop what only others have."""
    headers = {}
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            headers[file.name] = next(csv.reader(stream), [])
    first_name, first = next(iter(headers.items()))
    for name, header in headers.items():
        if odd := sorted(set(header) ^ set(first)):
            raise TenureError(
                f"{name} of table {table} does not have the columns of {first_name} (look at {odd[0]}); "
                "give all files of the table one header."
            )
