"""PostgreSQL: the tables of one schema of a database server, copied table by table in one read-only snapshot.

DuckDB's own connector is an extension that would have to be downloaded, so the rows come through psycopg 3, which
SQLAlchemy speaks too: `COPY ... TO STDOUT` streams a table as text into a file, block by block, and DuckDB turns that
into Parquet with the server's types. Memory stays at a block whatever the table's size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from features.casting import quoted
from features.errors import TenureError
from features.sources.dialect import Dialect
from features.sources.exported import Exported
from features.sources.sandbox import Sandbox
from features.sources.scratch import Scratch
from features.sources.source import closest, literal

__all__ = ["Postgres"]

_TYPES = {
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
}
"""DuckDB's type of a server's; what is not here comes as text."""


class Postgres:
    """One schema of a PostgreSQL database.

    Parameters
    ----------
    url : postgresql://user:password@host:port/database?schema=public; what is left out comes from PGUSER,
        PGPASSWORD, ~/.pgpass and the like, as with any client of the server.

    Raises
    ------
    TenureError : the server does not answer, refuses the user, or has no such database or schema.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self.schema = options.pop("schema", "public")
        self._connection = _connect(urlunsplit(parts._replace(scheme="postgresql", query=urlencode(options))))
        info = self._connection.info
        self.label = f"{info.dbname} at {info.host}"
        self._scratch = Scratch()
        rows = self._rows(
            "SELECT c.relname, array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid "
            "AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY c.relname",
            [self.schema],
        )
        if not rows:
            self._require_schema()
        self._keys: dict[str, tuple[str, list[str]]] = {}
        for name, key in rows:
            self._keys.setdefault(name.lower(), (name, key))

    def names(self) -> list[str]:
        """The tables and views that there are."""
        return sorted(name for name, _ in self._keys.values())

    def source(self, name: str, table: str, dialect: Dialect, most: int | None = None) -> Exported:
        """One of the tables, copied now, in the order of its primary key; `most` rows of it where that is enough.

        Raises
        ------
        TenureError : the user may not read it, or the connection breaks.
        KeyError : it is not there.
        """
        import psycopg

        name, key = self._keys[name.lower()]
        where = f"{quoted(self.schema)}.{quoted(name)}"
        columns = self._rows(
            "SELECT a.attname::text, coalesce(b.typname, t.typname)::text, a.atttypmod FROM pg_attribute a "
            "JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd' "
            "WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [where],
        )
        if not columns:
            raise TenureError(f"Table {name} of {self.label} has no columns that can be read.")
        # Money is written with the server's currency sign; its number is what is meant.
        listed = ", ".join(f"CAST({quoted(c)} AS numeric)" if kind == "money" else quoted(c) for c, kind, _ in columns)
        order = f" ORDER BY {', '.join(quoted(k) for k in key)}" if key else ""
        query = f"SELECT {listed} FROM {where}{order}" + (f" LIMIT {most}" if most else "")
        text = self._scratch.file(".csv")
        try:
            copy = f"COPY ({query}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"
            with text.open("wb") as out, self._connection.cursor() as cursor, cursor.copy(copy) as blocks:
                for block in blocks:
                    out.write(block)
            file = _to_parquet(text, self._scratch, [(c, _duckdb_type(kind, size)) for c, kind, size in columns])
        except psycopg.Error as error:
            raise TenureError(f"Table {name} of {self.label} cannot be read ({_cause(error)}).") from None
        finally:
            text.unlink(missing_ok=True)
        return Exported(table, f"{self.schema}.{name}", self.label, file, dialect, self._scratch)

    def missing(self, table: str) -> str:
        """What is not there, as the beginning of a sentence."""
        listed = ", ".join(self.names()[:8])
        holds = f"it has {listed}" if listed else "it is empty"
        return f"Schema {self.schema} of {self.label} has no table {table} ({holds})"

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, values).fetchall()
        return rows

    def _require_schema(self) -> None:
        schemas = [
            r[0] for r in self._rows("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^(pg_|info)'", [])
        ]
        if self.schema not in schemas:
            self.close()
            raise TenureError(
                f"{self.label} has no schema {self.schema}; write ?schema= with one of {closest(self.schema, schemas)}."
            )


def _connect(url: str) -> Any:
    """A connection in one read-only snapshot, with times in UTC and ISO dates."""
    try:
        import psycopg
    except ImportError:
        raise TenureError(
            "Reading PostgreSQL needs a driver; install it with: pip install 'tenure[postgres]'."
        ) from None
    parts = urlsplit(url)
    options = {"client_encoding": "UTF8", "options": "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601"}
    if "connect_timeout" not in url:
        options["connect_timeout"] = "10"
    try:
        # Its annotations want each option by name.
        connection = psycopg.connect(url, autocommit=False, **options)  # type: ignore[arg-type]
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    except (psycopg.Error, ValueError, UnicodeError) as error:
        raise _refused(error, parts.hostname, parts.path.lstrip("/"), parts.username) from None
    return connection


def _refused(error: Exception, host: str | None, database: str, user: str | None) -> TenureError:
    """Why there is no connection, without a word of the password."""
    said, place = str(error), host or "this machine"
    server = f"The PostgreSQL server at {place}"
    if "authentication failed" in said or "no password supplied" in said or "pg_hba" in said:
        who = f"user {user}" if user else "the user"
        return TenureError(f"{server} refuses {who}; check the user and the password.")
    if "does not exist" in said and "role" in said:
        return TenureError(f"{server} knows no user {user}; check the user.")
    if "does not exist" in said:
        return TenureError(f"{server} has no database {database}; check the end of the URL.")
    if "resolve" in said or "name or service" in said.lower() or "getaddrinfo" in said:
        return TenureError(f"There is no host {host}; check the address in the URL.")
    if "refused" in said or "timeout" in said or "timed out" in said or "No such file" in said:
        return TenureError(f"No PostgreSQL server answers at {place}; check the address and that the server runs.")
    return TenureError(f"{server} cannot be reached; check the URL and its options.")


def _cause(error: Any) -> str:
    """The server's own words, first line; they name tables and rights, never secrets."""
    said = getattr(getattr(error, "diag", None), "message_primary", None)
    return str(said or "the connection broke")[:200]


def _duckdb_type(kind: str, size: int) -> str | None:
    """DuckDB's type for a server's; None for text and for numerics without a size."""
    if kind == "numeric" and size > 4:
        digits, decimals = (size - 4) >> 16, (size - 4) & 0x7FF
        return f"DECIMAL({digits}, {decimals})" if digits <= 38 and decimals <= digits else None
    return _TYPES.get(kind)


def _to_parquet(text: Path, scratch: Scratch, columns: list[tuple[str, str | None]]) -> Path:
    """Turn a copied table into Parquet; a column with a value that its type cannot hold (infinity) stays text."""
    names = ", ".join(f"{literal(c)}: 'VARCHAR'" for c, _ in columns)
    relation = (
        f"read_csv({literal(str(text))}, header = false, columns = {{{names}}}, delim = ',', quote = '\"', "
        "escape = '\"', nullstr = '', allow_quoted_nulls = false, auto_detect = false, new_line = '\\n', "
        "max_line_size = 100000000, parallel = false)"
    )
    with Sandbox(scratch) as sandbox:
        fits = [f"count(TRY_CAST({quoted(c)} AS {kind})) = count({quoted(c)})" for c, kind in columns if kind]
        row = sandbox.con.execute(f"SELECT {', '.join(fits)} FROM {relation}").fetchone() if fits else ()
        kept = iter(row or ())
        values = [
            f"CAST({quoted(c)} AS {kind}) AS {quoted(c)}" if kind and next(kept) else quoted(c) for c, kind in columns
        ]
        return sandbox.export(f"SELECT {', '.join(values)} FROM {relation}")
