"""Engine: an address in; connections with the time limits and safeguards of each database out."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from serving.store.address import Address
from serving.store.errors import StoreError

__all__ = ["CONNECT_SECONDS", "STATEMENT_SECONDS", "WRITES", "make_engine"]

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 15
WRITES = "tenure_writes"
"""An execution option of a connection: its transaction will write, so SQLite had better wait for its turn at once."""

_CONNECTIONS = 8


def make_engine(address: Address) -> sa.Engine:
    """An engine whose connections are few, checked when they are taken, and never wait for ever.

    Raises
    ------
    StoreError : the driver of the database is not installed.
    """
    # hide_parameters: an error must not quote accounts, and none of ours does.
    shared = {"pool_size": _CONNECTIONS, "max_overflow": 0, "pool_timeout": CONNECT_SECONDS, "hide_parameters": True}
    if address.file is not None:
        return _sqlite(address.file, shared)
    try:
        import psycopg
    except ImportError:
        raise StoreError(
            "Keeping scores in PostgreSQL needs a driver; install it with: pip install 'tenure[postgres]'."
        ) from None
    limits = {
        "connect_timeout": CONNECT_SECONDS,
        # A server that vanished without a word is noticed as soon as one that answers too slowly.
        "tcp_user_timeout": int(STATEMENT_SECONDS * 1000),
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "application_name": "tenure",
    }
    own = {name: value for name, value in limits.items() if name not in address.url.query}
    engine = sa.create_engine(address.url, connect_args=own, pool_pre_ping=True, pool_use_lifo=True, **shared)

    @sa.event.listens_for(engine, "connect")
    def limit(connection: psycopg.Connection, _: Any) -> None:
        connection.execute(
            f"SET statement_timeout = {int(STATEMENT_SECONDS * 1000)}"
        )  # one round trip for each connection
        connection.commit()

    return engine


def _sqlite(file: Path, shared: dict[str, Any]) -> sa.Engine:
    # mode=rw: a file that is gone must be an error, not a new and empty store.
    place = f"file:{quote(os.path.abspath(file))}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            place, uri=True, timeout=STATEMENT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # FULL: a day that was told to be stored is there after a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, pool_use_lifo=True, **shared)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # The driver's own BEGIN would come late and leave the definition of tables outside of the transaction.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    @sa.event.listens_for(engine, "connect")
    def remember(_: sqlite3.Connection, record: Any) -> None:
        record.info["file"] = _identity(file)

    @sa.event.listens_for(engine, "checkout")
    def same(_: sqlite3.Connection, record: Any, __: Any) -> None:
        # A store that was restored from a backup is another file under the same name; so is its log, even where the
        # backup was copied into the old file. Whoever has read keeps the log that was there, so that it stays.
        log = _identity(file.with_name(f"{file.name}-wal"))
        if record.info.get("file") != _identity(file) or record.info.get("log", log) != log:
            raise sa.exc.DisconnectionError
        if log is not None:
            record.info["log"] = log

    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino
