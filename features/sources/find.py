"""Find: the tables of a company at a location, each as the settings map it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from features.contract import CONTRACT
from features.errors import TenureError
from features.sources.dialect import Dialect
from features.sources.duckdb_file import DuckDBFile, is_duckdb_file
from features.sources.folder import Folder
from features.sources.guard import GuardError, check_query
from features.sources.mapped import FileSource, Mapped
from features.sources.mapping import TableMapping
from features.sources.postgres import Postgres
from features.sources.sandbox import Sandbox
from features.sources.scratch import Scratch
from features.sources.source import Source, closest

if TYPE_CHECKING:
    from features.settings import Settings

__all__ = ["Place", "find_sources", "open_place", "shown"]


class Place(Protocol):
    """Where tables are: a folder, a DuckDB file or a schema of a database server."""

    label: str

    def names(self) -> list[str]: ...

    def source(self, name: str, table: str, dialect: Dialect, most: int | None = None) -> FileSource: ...

    def missing(self, table: str) -> str: ...

    def close(self) -> None: ...


def find_sources(location: Path | str, settings: Settings) -> dict[str, Source]:
    """The tables of the contract at a location.

    Parameters
    ----------
    location : a folder, a DuckDB file, or postgresql://user:password@host:port/database?schema=public.

    Raises
    ------
    TenureError : it cannot be opened, a mapping does not fit it, or a required table is not there.
    """
    place = open_place(location)
    try:
        return _Finder(place, settings.tables).find()
    finally:
        place.close()


def open_place(location: Path | str) -> Place:
    """What stands at a location, told by the way it is written.

    Raises
    ------
    TenureError : nothing that Tenure reads.
    """
    url = _url(location)
    if url is None:
        path = Path(location)
        if is_duckdb_file(path):
            return DuckDBFile(path)
        if not path.is_dir():
            what = "is not a folder or DuckDB file" if path.exists() else "is not there"
            raise TenureError(f"{path} {what}; give the folder, DuckDB file or URL that holds the company's tables.")
        return Folder(path)
    scheme = urlsplit(url).scheme
    if scheme in ("postgresql", "postgres"):
        return Postgres(url)
    raise TenureError(
        f'"{scheme}://" is no kind of database that Tenure reads; write postgresql://user@host/database, '
        "or give a folder or a DuckDB file."
    )


def shown(location: Path | str) -> str:
    """A location for people: a URL without user and password.

    >>> shown("postgresql://me:secret@host:5432/shop?schema=crm")
    'postgresql://host:5432/shop?schema=crm'
    """
    url = _url(location)
    if url is None:
        return str(location)
    return re.sub(r"(password|passfile|sslpassword)=[^&]*&?", "", re.sub(r"//[^/]*@", "//", url)).rstrip("?&")


def _url(location: Path | str) -> str | None:
    """The location as a URL, if it is one; a Path has made one slash of two."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/\\]|$)(.*)", str(location), re.DOTALL)
    return f"{match[1].lower()}://{match[2]}" if match else None


class _Finder:
    """Opens what the mappings name, each foreign table once."""

    def __init__(self, place: Place, mappings: Mapping[str, TableMapping]) -> None:
        self.place = place
        self.mappings = mappings
        self.names = {name.lower() for name in place.names()}
        self.opened: dict[str, FileSource] = {}

    def find(self) -> dict[str, Source]:
        tables = [t for t in CONTRACT if self._mapping(t).taken and (t in self.mappings or t in self.names)]
        if missing := [t for t, spec in CONTRACT.items() if spec.required and t not in tables]:
            needed = ", ".join(t for t, spec in CONTRACT.items() if spec.required)
            raise TenureError(
                f"{self.place.missing(missing[0])}; the tables {needed} are needed, and [tables.{missing[0]}] in a "
                "file given with --config may say where to find it (`tenure check --suggest` drafts that)."
            )
        reads = {t: self._read_by(self._mapping(t)) for t in tables}
        own = {self._mapping(t).source.lower() for t in tables if self._mapping(t).sql is None}
        found: dict[str, Source] = {}
        for table in tables:
            mapping = self._mapping(table)
            if mapping.is_plain:
                found[table] = self._open(mapping.source, table).read_as(table)
            else:
                sources = {name: self._open(name, table) for name in sorted(reads[table])}
                found[table] = Mapped(mapping, sources, own)
        return found

    def _mapping(self, table: str) -> TableMapping:
        return self.mappings.get(table) or TableMapping(table, table)

    def _read_by(self, mapping: TableMapping) -> set[str]:
        """The foreign tables that a mapping reads, in lower case."""
        if mapping.sql is not None:
            with Sandbox(Scratch()) as sandbox:
                try:
                    return check_query(sandbox.con, mapping.sql, self.names)
                except GuardError as error:
                    raise TenureError(f"[tables.{mapping.table}] sql {error}.") from None
        wanted = {mapping.source: "source"}
        wanted |= {c.lookup.source: f"columns.{name} lookup" for name, c in mapping.columns.items() if c.lookup}
        for name, key in wanted.items():
            self._require(mapping.table, name, key)
        return {name.lower() for name in wanted}

    def _require(self, table: str, name: str, key: str) -> None:
        if name.lower() not in self.names:
            raise TenureError(
                f'[tables.{table}] {key} = "{name}" is not in {self.place.label}; '
                f"the closest are {closest(name, self.names)}."
            )

    def _open(self, name: str, table: str) -> FileSource:
        """A foreign table, written as the table says whose source it is, else as the one that reads it."""
        name = name.lower()
        owners = [m for m in self.mappings.values() if m.sql is None and m.source.lower() == name]
        dialects = {m.dialect: m for m in owners} or {self._mapping(table).dialect: self._mapping(table)}
        if len({(d.encoding, d.delimiter) for d in dialects}) > 1:
            both = " and ".join(f"[tables.{m.table}]" for m in owners)
            raise TenureError(f"{both} say different things of how {name} is written; say the same in both.")
        if name not in self.opened:
            dialect = next(iter(dialects))
            source = self.place.source(name, owners[0].table if owners else table, dialect)
            stray = [k for k in ("encoding", "delimiter") if getattr(dialect, k)]
            if stray and not source.is_csv:
                raise TenureError(
                    f"{source.label} is no text file, so {stray[0]} in [tables.{table}] says nothing; leave it out."
                )
            self.opened[name] = source
        return self.opened[name]
