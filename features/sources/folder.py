"""Folder: a company's tables as Parquet and text files, handed to DuckDB unread."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from features.errors import TenureError
from features.sources.dialect import DELIMITERS, PLAIN, Dialect
from features.sources.scratch import Scratch
from features.sources.source import first_line, literal

__all__ = ["Files", "Folder"]

TEXT = (".csv", ".tsv")
SUFFIXES = (".parquet", *TEXT)


@dataclass(frozen=True)
class Files:
    """One table's files: all Parquet or all text, read in the order of their names."""

    table: str
    files: tuple[Path, ...]
    dialect: Dialect = PLAIN
    scratch: Scratch = field(default_factory=Scratch, compare=False, repr=False)

    @property
    def is_csv(self) -> bool:
        return self.files[0].suffix.lower() in TEXT

    @property
    def label(self) -> str:
        """How messages name the source."""
        return self.files[0].name if len(self.files) == 1 else f"{self.files[0].parent.name}/ ({len(self.files)} files)"

    @functools.cached_property
    def paths(self) -> tuple[Path, ...]:
        """The files that DuckDB reads: the files themselves, or copies of them in UTF-8.

        Raises
        ------
        TenureError : a file is empty, half-written, there twice, not in its encoding or not what its name says.
        """
        for file in self.files:
            if file.stat().st_size == 0:
                raise TenureError(f"{file.name} of table {self.table} is empty; write it with a header line.")
            if not self.is_csv:
                _check_parquet_ends(file)
        _check_no_copies(self.table, self.files)
        encoding = self.dialect.encoding
        if not self.is_csv:
            return self.files
        if encoding in (None, "utf-8"):
            for file in self.files:
                _check_utf8(file, self.table)
            return self.files
        return tuple(_as_utf8(file, str(encoding), self.scratch) for file in self.files)

    @functools.cached_property
    def delimiter(self) -> str:
        """What stands between the cells: as declared, or what splits the header into most cells, commas first."""
        if self.dialect.delimiter:
            return self.dialect.delimiter
        return max(DELIMITERS, key=lambda mark: len(_header(self.paths[0], mark)))

    def read_as(self, table: str) -> Files:
        """The same files for a table of the contract."""
        return replace(self, table=table)

    def sql(self) -> str:
        """A DuckDB table function over the files; every value of a text file is still text."""
        names = ", ".join(literal(str(f)) for f in self.paths)
        if not self.is_csv:
            return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"
        # Rejects are kept so that a broken line is reported instead of lost. With the columns told, nothing is guessed
        # from the first lines, among which a broken one would spoil the whole file.
        headers = [_header(path, self.delimiter) for path in self.paths]
        header = headers[0]
        told = "all_varchar = true"
        if (
            headers.count(header) == len(headers)
            and all(header)
            and len({n.lower() for n in header}) == len(header) > 0
        ):
            listed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
            told = f"auto_detect = false, columns = {{{listed}}}"
        return (
            f"read_csv([{names}], header = true, {told}, delim = {literal(self.delimiter)}, quote = '\"', "
            "escape = '\"', strict_mode = true, hive_partitioning = false, null_padding = false, "
            "comment = '', skip = 0, store_rejects = true, rejects_limit = 0)"
        )

    def original(self) -> str:
        return self.sql()

    def recall_rejects(self, con: duckdb.DuckDBPyConnection) -> None:
        """DuckDB's reader has left them there itself."""

    def columns(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Column names, lower-cased as DuckDB compares them, with their DuckDB types.

        Raises
        ------
        TenureError : a file cannot be read.
        """
        if self.is_csv:
            _check_header(self.table, self.paths[0], self.delimiter)
            _check_same_header(self.table, self.paths, self.delimiter)
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
            cause = first_line(error)
            for path in (*self.files, *self.paths):
                cause = cause.replace(str(path), path.name)
        kind = "delimited text" if self.is_csv else "Parquet"
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


class Folder:
    """A folder whose files, or sub-folders of files, are tables; letter case in their names does not count."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.label = str(folder)
        self._names: dict[str, str] = {}
        self._found: dict[str, list[tuple[Path, ...]]] = {}
        for name, files in _candidates(folder):
            self._names.setdefault(name.lower(), name)
            self._found.setdefault(name.lower(), []).append(files)

    def names(self) -> list[str]:
        """The tables that there are."""
        return sorted(self._names.values())

    def source(self, name: str, table: str, dialect: Dialect, most: int | None = None) -> Files:
        """One of the tables; `most` is for databases, where reading less is cheaper.

        Raises
        ------
        TenureError : it stands there twice.
        KeyError : it is not there.
        """
        found = self._found[name.lower()]
        if len(found) > 1:
            both = " and ".join(str(files[0].relative_to(self.folder)) for files in found[:2])
            raise TenureError(f"Table {name} is in {self.folder} twice ({both}); keep one of them.")
        return Files(table, found[0], dialect)

    def missing(self, table: str) -> str:
        """What is not there, as the beginning of a sentence."""
        return f"{self.folder} has no {table}.parquet or {table}.csv"

    def close(self) -> None:
        """Nothing is held."""


def _candidates(folder: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and entry.suffix.lower() in SUFFIXES:
            yield entry.stem, (entry,)
        elif entry.is_dir():
            for kind in ((".parquet",), TEXT):
                inside = [f for f in sorted(entry.iterdir()) if f.is_file() and f.suffix.lower() in kind]
                if inside:
                    yield entry.name, tuple(inside)


def _check_utf8(file: Path, table: str) -> None:
    with file.open("rb") as stream:
        head = stream.read(4096)
        stream.seek(0)
        wide = head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = f"0x{line[error.start]:02x}"
            else:
                if not wide:
                    continue
                byte = "0x00"
            makers = "UTF-16 files" if wide else "Latin-1 and Windows files"
            raise TenureError(
                f"{file.name} is not UTF-8 text: line {number} holds the byte {byte}, as {makers} do; "
                f'save it as UTF-8 or say encoding = "{"utf-16" if wide else "cp1252"}" in [tables.{table}].'
            )


def _as_utf8(file: Path, encoding: str, scratch: Scratch) -> Path:
    """A copy of a text file in UTF-8, made in blocks."""
    copy = scratch.file(file.suffix)
    try:
        with (
            file.open(encoding=encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as out,
        ):
            while block := text.read(1 << 20):
                out.write(block)
    except UnicodeError as error:
        raise TenureError(
            f"{file.name} is not {encoding} text ({error}); name the encoding that it was written in."
        ) from None
    return copy


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


def _check_no_copies(table: str, files: tuple[Path, ...]) -> None:
    """A file that is there under two names would count every row twice."""
    sizes: dict[int, list[Path]] = {}
    for file in files:
        sizes.setdefault(file.stat().st_size, []).append(file)
    for alike in (a for a in sizes.values() if len(a) > 1):
        seen: dict[str, Path] = {}
        for file in alike:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest in seen:
                raise TenureError(
                    f"{file.name} of table {table} is the same file as {seen[digest].name}, "
                    "so that every row would count twice; remove one of them."
                )
            seen[digest] = file


def _header(file: Path, delimiter: str) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        try:
            return next(csv.reader(stream, delimiter=delimiter), [])
        except csv.Error:
            return []


def _check_header(table: str, file: Path, delimiter: str) -> None:
    """Of two columns with one name DuckDB would read the first and call the second something else."""
    seen: set[str] = set()
    for name in (n.strip().lower() for n in _header(file, delimiter)):
        if name and name in seen:
            raise TenureError(f"{file.name} of table {table} has two columns named {name}; give one another name.")
        seen.add(name)


def _check_same_header(table: str, files: tuple[Path, ...], delimiter: str) -> None:
    """DuckDB would take the first file's columns and drop what only others have."""
    headers = {file.name: _header(file, delimiter) for file in files}
    first_name, first = next(iter(headers.items()))
    for name, header in headers.items():
        if odd := sorted(set(header) ^ set(first)):
            raise TenureError(
                f"{name} of table {table} does not have the columns of {first_name} (look at {odd[0]}); "
                "give all files of the table one header."
            )
