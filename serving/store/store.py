"""Store: an address in; transactions on its database out, migrated, limited in time, failing in plain words."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from serving.store import reading
from serving.store.address import Address
from serving.store.books import unpacked_book
from serving.store.engine import STATEMENT_SECONDS, WRITES, make_engine
from serving.store.errors import StoreAbsentError, StoreError
from serving.store.failures import in_plain_words
from serving.store.reading import Row, Run
from serving.store.rebuilding import rebuilt
from serving.store.schema import REVISION, migrate, revision_of

__all__ = ["Store"]

logger = logging.getLogger("tenure.store")


class Store:
    """An open store; every method may be called from any thread.

    What goes wrong leaves as `StoreUnreachableError` where asking again may help, else as `StoreError`. A store whose
    server was away works again when that is back.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine = make_engine(address)
        # A statement that only reads is a transaction by itself, which saves a server two round trips.
        server = address.file is None
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT") if server else self._engine
        self._writer = self._engine.execution_options(**{WRITES: True})

    def __repr__(self) -> str:
        return f"Store({self.address.shown!r})"

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def open(cls, address: Address, *, create: bool = True) -> Store:
        """Open a store, and bring its tables to today's revision.

        Parameters
        ----------
        create : make it where there is none.

        Raises
        ------
        StoreAbsentError : there is none, and `create` is false.
        StoreVersionError : a later version of Tenure made it.
        StoreUnreachableError, StoreError : it cannot be opened.
        """
        if address.file is not None:
            _require_file(address, create)
        store = cls(address)
        try:
            store._prepare(create)
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self, create: bool) -> None:
        with self.reading() as connection:
            found = revision_of(connection)
        if found is None and not create:
            raise _absent(self.address)
        if self.address.file is not None:
            self._write_ahead(required=found is None)
        if found != REVISION:
            with self.writing() as connection:
                migrate(connection, self.address)

    def _write_ahead(self, required: bool) -> None:
        """Let readers of a file go on while somebody writes."""
        deadline = time.monotonic() + STATEMENT_SECONDS
        with in_plain_words(self.address), self._engine.connect() as pooled:
            connection = pooled.connection.dbapi_connection
            assert connection is not None
            while True:  # SQLite does not make two who ask for that at once wait for one another
                try:
                    cursor = connection.cursor()
                    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                        cursor.execute("PRAGMA journal_mode = WAL")
                    return
                except Exception:  # of any driver; it is raised unless reading goes on without
                    if not required:
                        return
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with; each statement sees one state of the store."""
        with in_plain_words(self.address), self._reader.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: stored when the context ends, undone when it raises."""
        with in_plain_words(self.address, writes=True), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def latest(self) -> Run | None:
        """The run that holds for the latest scored day; None where no day is scored."""
        with self.reading() as connection:
            return reading.latest(connection)

    def run_of(self, day: dt.date) -> Run | None:
        """The run that holds for a day; None where that is not scored."""
        with self.reading() as connection:
            return reading.run_of(connection, day)

    def rows(self, run: Run, ids: Sequence[str], book: str | None = None) -> dict[str, Row]:
        """The rows of some accounts in a run; ids that are not among them are left out, whatever they hold.

        Parameters
        ----------
        book : only accounts of this CSM; others are left out as if they were not there.
        """
        with self.reading() as connection:
            return reading.rows(connection, run, ids, book)

    def features(self, run: Run, account_id: str) -> dict[str, Any] | None:
        """What the models were given for an account, text, number or None by name; None where that is not stored."""
        with self.reading() as connection:
            return reading.features(connection, run, account_id)

    def facts(self, run: Run, account_id: str) -> dict[str, Any] | None:
        """What was known of an account on the day of a run; None where nothing is stored."""
        return self.all_facts(run, [account_id]).get(account_id)

    def all_facts(self, run: Run, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The facts of some accounts, by account_id; those of which nothing is stored are left out."""
        with self.reading() as connection:
            return reading.all_facts(connection, run, ids)

    def history(
        self, account_id: str, since: dt.date, until: dt.date | None = None, limit: int = 400, *, newest: bool = False
    ) -> list[tuple[Run, Row]]:
        """The rows of an account from the runs that hold, oldest first.

        Parameters
        ----------
        since, until : the first day and the last, both included; None for no last.
        limit : at most so many: the oldest of them, or with `newest` the newest.
        """
        with self.reading() as connection:
            return reading.history(connection, account_id, since, until, limit, newest=newest)

    def frame(self, run: Run) -> pd.DataFrame:
        """All rows of a run as the score file has them, sorted by account_id."""
        with self.reading() as connection:
            return reading.frame(connection, run)

    def book(self, run: Run) -> pd.DataFrame:
        """All rows of a run for what is made of all accounts at once, sorted by account_id.

        Returns
        -------
        One row an account: every figure of the row as a column, `top` (JSON text: the up to five drivers with the
        most points, up or down; None where there is no probability) and `f_<name>` for each of
        `success.book.FEATURES`. Numbers are float64 with NaN; texts and days (`datetime.date`) are objects with None.
        A run of an earlier version has fewer columns.

        Raises
        ------
        StoreError : there is no book, or a damaged one, and rows that it would have to be made of cannot be read.
        """
        with self.reading() as connection:
            stored = reading.stored_book(connection, run)
        return self._unpacked(run, stored)

    def columns(self, run: Run, names: Sequence[str]) -> pd.DataFrame | None:
        """Some columns of a run's book, those of them that it has; of the others nothing is read.

        Returns
        -------
        As `book`; None for a run without a book, which an earlier version stored and which takes seconds to read.

        Raises
        ------
        StoreError : as for `book`.
        """
        with self.reading() as connection:
            stored = reading.stored_book(connection, run)
        if stored is None:
            return None
        found = self._unpacked(run, stored, names)
        return found[[name for name in names if name in found.columns]]

    def _unpacked(self, run: Run, stored: tuple[bytes, int] | None, names: Sequence[str] | None = None) -> pd.DataFrame:
        """A book as it was stored, or some of its columns; made of the rows where there is none or a damaged one."""
        if stored is not None:
            try:
                return unpacked_book(*stored, names)
            except ValueError as error:
                logger.error("the book of %s is damaged and is made of its rows anew: %s", run.as_of, error)
        with self.reading() as connection:
            return rebuilt(connection, run)


def _absent(address: Address) -> StoreAbsentError:
    return StoreAbsentError(f"No day is scored yet in {address}; run `tenure score` to score one.")


def _require_file(address: Address, create: bool) -> None:
    """See that there is a file, if only an empty one, which is what a new SQLite store is."""
    file = address.file
    assert file is not None
    try:
        if create:
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        elif not file.exists():
            raise _absent(address)
    except OSError as error:
        raise StoreError(
            f"The score store {address} cannot be opened ({error.strerror}); choose another home with --home, or "
            "another store with --store."
        ) from None
