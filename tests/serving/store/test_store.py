"""Store: what keeps it from answering is one plain sentence without a password, and it comes back by itself."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sqlite3
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa

import serving.store.engine as engine
from serving.store.address import address_of
from serving.store.errors import StoreError, StoreUnreachableError
from serving.store.failures import in_plain_words
from serving.store.store import Store
from serving.store.writing import write_day

SECRET = "s3cret/p@ss:word"
Frames = Callable[..., pd.DataFrame]


def refusal(action: Callable[[], object]) -> StoreError:
    """What an action is refused with: one sentence that gives nothing away."""
    with pytest.raises(StoreError) as caught:
        action()
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + said
    for secret in (SECRET, quote(SECRET, safe=""), "other-p@ss"):
        assert secret not in told
    return caught.value


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    port = closed_port()
    address = address_of(tmp_path, f"postgresql://me:{quote(SECRET, safe='')}@127.0.0.1:{port}/tenure")
    error = refusal(lambda: Store.open(address))
    assert isinstance(error, StoreUnreachableError)
    assert str(error) == f"The score store postgresql://127.0.0.1:{port}/tenure does not answer; try again in a moment."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("s3cret", "other-p%40ss"), "refuses the user or the password; correct --store"),
        (lambda url: url.replace("postgres:", "nobody:"), "refuses the user or the password; correct --store"),
        (lambda url: url + "x", "is not there; make the database first (createdb)."),
        (lambda url: url + "?s3cret=1", "has an address with an option that PostgreSQL does not know; correct --store"),
        (lambda url: url + "?sslmode=s3cret", "has an address with an option that PostgreSQL does not know"),
        (lambda url: url + "?sslmode=require", "does not answer"),
    ],
)
def test_a_server_that_refuses(postgres: Any, tmp_path: Path, change: Callable[[str], str], says: str) -> None:
    url = change(postgres.url(postgres.emptied("scores")))
    assert says in str(refusal(lambda: Store.open(address_of(tmp_path, url))))


def test_a_user_without_rights(postgres: Any, tmp_path: Path) -> None:
    database = postgres.emptied("scores")
    with postgres.connect(database) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'other-p@ss'")
    url = f"postgresql://reader:other-p%40ss@127.0.0.1:{postgres.port}/{database}"
    says = "may not be used by this user, so nothing was changed; grant it the rights."
    assert says in str(refusal(lambda: Store.open(address_of(tmp_path, url))))


def test_the_same_store_works_again_when_its_server_is_back(postgres: Any, tmp_path: Path, make_frame: Frames) -> None:
    with Store.open(address_of(tmp_path, postgres.url(postgres.emptied("scores")))) as store:
        day = pd.Timestamp("2026-02-01").date()
        written = write_day(store, make_frame(), day)
        postgres.stop()
        try:
            for _ in range(3):
                for action in (store.latest, lambda: write_day(store, make_frame(version="4"), day)):
                    assert isinstance(refusal(action), StoreUnreachableError)
        finally:
            postgres.start()
        run = store.latest()
        assert run is not None
        assert run.key == written.key
        assert write_day(store, make_frame(version="4"), day).replaced
        postgres.stop()  # and nobody asked while it was away
        postgres.start()
        run = store.latest()
        assert run is not None
        assert run.model_version == "4"


def test_a_connection_that_breaks_under_a_transaction(postgres: Any, tmp_path: Path) -> None:
    with Store.open(address_of(tmp_path, postgres.url(postgres.emptied("scores")))) as store:

        def broken() -> None:
            with store.writing() as connection:
                connection.execute(sa.text("DELETE FROM tenure_tokens"))
                with postgres.connect() as other:
                    other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'scores'")
                connection.execute(sa.text("DELETE FROM tenure_tokens"))

        assert isinstance(refusal(broken), StoreUnreachableError)
        assert store.latest() is None


def test_a_statement_that_takes_too_long(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STATEMENT_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_CONNECTIONS", 1)
    with Store.open(address_of(tmp_path, postgres.url(postgres.emptied("scores")))) as store:

        def slow() -> None:
            with store.writing() as connection:
                connection.execute(sa.text("SELECT pg_sleep(5)"))

        error = refusal(slow)
        assert isinstance(error, StoreUnreachableError)
        assert "took too long for an answer, so nothing was changed; try again" in str(error)


def test_connections_are_few_and_not_waited_for_for_ever(
    store_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.1 if store_url is None else 2)
    monkeypatch.setattr(engine, "_CONNECTIONS", 1)
    with Store.open(address_of(tmp_path, store_url)) as store, store.reading():
        error = refusal(store.latest)
    assert isinstance(error, StoreUnreachableError)
    assert "has all its connections in use; try again in a moment." in str(error)


def test_a_writer_in_the_way_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STATEMENT_SECONDS", 0.1)
    with Store.open(address_of(tmp_path)) as store, store.writing():
        error = refusal(lambda: store.writing().__enter__())
        assert isinstance(error, StoreUnreachableError)
        assert "is being written to by somebody else for too long, so nothing was changed" in str(error)
        assert store.latest() is None  # readers need not wait


def test_files_that_are_no_store(tmp_path: Path) -> None:
    file = tmp_path / "scores.db"
    file.write_text("These are no scores. " * 400)
    assert "is no SQLite database" in str(refusal(lambda: Store.open(address_of(tmp_path))))
    assert file.read_text().startswith("These are")
    file.unlink()
    file.mkdir()
    for create in (True, False):
        assert "cannot be opened" in str(refusal(lambda create=create: Store.open(address_of(tmp_path), create=create)))
    (tmp_path / "home").touch()
    assert "cannot be opened" in str(refusal(lambda: Store.open(address_of(tmp_path / "home"))))


def test_a_file_that_is_taken_away_and_put_back(tmp_path: Path, make_frame: Frames) -> None:
    """Restoring a backup under a running service: it must not go on with the file that is gone."""
    day, file = pd.Timestamp("2026-02-01").date(), tmp_path / "scores.db"
    with Store.open(address_of(tmp_path)) as store:
        first = write_day(store, make_frame(), day)
        with closing(sqlite3.connect(file)) as connection, closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
            connection.backup(backup)
        second = write_day(store, make_frame(version="4"), day)
        for name in os.listdir(tmp_path):
            if name.startswith("scores.db"):
                (tmp_path / name).unlink()
        error = refusal(store.latest)
        assert isinstance(error, StoreUnreachableError)
        assert "cannot be opened" in str(error)
        assert not file.exists()  # nor is a new one made
        shutil.copyfile(tmp_path / "backup.db", file)
        run = store.latest()
        assert run is not None
        assert (run.key, first.key != second.key) == (first.key, True)


def test_a_damaged_file_is_said_so(tmp_path: Path, make_frame: Frames) -> None:
    file = tmp_path / "scores.db"
    with Store.open(address_of(tmp_path)) as store:
        write_day(store, make_frame(accounts=300), pd.Timestamp("2026-02-01").date())
    content = bytearray(file.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    file.write_bytes(content)
    told = refusal(lambda: (store := Store.open(address_of(tmp_path))) and store.frame(store.latest()))  # type: ignore[arg-type]
    assert "is damaged; restore it from a backup" in str(told)


def test_a_store_is_used_by_many_threads(store: Store, make_frame: Frames) -> None:
    write_day(store, make_frame(), pd.Timestamp("2026-02-01").date())
    faults: list[object] = []

    def read() -> None:
        try:
            for _ in range(20):
                run = store.latest()
                assert run is not None
                assert len(store.rows(run, [f"a-{n}" for n in range(6)])) == 6
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_nothing_shows_a_password(postgres: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = postgres.url(postgres.emptied("scores"))
    with caplog.at_level(logging.DEBUG), Store.open(address_of(tmp_path, url)) as store:
        assert store.latest() is None
        shown = [repr(store), str(store.address), repr(store.address), repr(store._engine), caplog.text]
    for text in shown:
        assert SECRET not in text
        assert quote(SECRET, safe="") not in text


@pytest.mark.parametrize(
    ("raised", "kind", "says"),
    [
        (psycopg.errors.DiskFull(SECRET), StoreUnreachableError, "has no room left on its disk"),
        (psycopg.errors.TooManyConnections(SECRET), StoreUnreachableError, "has no room for another connection"),
        (psycopg.errors.DeadlockDetected(SECRET), StoreUnreachableError, "is being written to by somebody else"),
        (psycopg.errors.AdminShutdown(SECRET), StoreUnreachableError, "is starting, stopping or was restarted"),
        (psycopg.errors.ReadOnlySqlTransaction(SECRET), StoreUnreachableError, "may only be read, as a standby may"),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), StoreUnreachableError, "is starting"),
        (psycopg.OperationalError(SECRET), StoreUnreachableError, "does not answer; try again in a moment."),
        (psycopg.errors.UndefinedTable(SECRET), StoreError, "refuses that (42P01), so nothing was changed"),
        (psycopg.ProgrammingError("no"), StoreError, "refuses that (ProgrammingError), so nothing was changed"),
        (sqlite3.OperationalError("no such table: x"), StoreError, "refuses that (OperationalError), so nothing"),
        (sa.exc.ArgumentError("x"), StoreError, "cannot do that (ArgumentError)."),
    ],
)
def test_whatever_a_driver_raises(raised: Exception, kind: type[StoreError], says: str) -> None:
    address = address_of(Path("home"), "postgresql://me:secret@db/tenure")
    wrapped = sa.exc.DBAPIError("SELECT 'an account'", {"id": "an account"}, raised)
    for error in (raised, wrapped) if not isinstance(raised, sa.exc.SQLAlchemyError) else (raised,):

        def fails(error: Exception = error) -> None:
            with in_plain_words(address, writes=True):
                raise error

        told = refusal(fails)
        assert type(told) is kind
        assert str(told).startswith("The score store postgresql://db/tenure ")
        assert says in str(told)
        assert "account" not in str(told)
