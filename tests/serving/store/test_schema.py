"""Schema: made whole or not at all, kept when it is there, refused when it is newer."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import serving.store.schema as schema
from serving.store.address import address_of
from serving.store.errors import StoreAbsentError, StoreError, StoreVersionError
from serving.store.schema import REVISION, VERSION_TABLE
from serving.store.store import Store
from serving.store.tables import METADATA, runs, scores
from serving.store.writing import write_day

DAY = dt.date(2026, 2, 1)
IDS = [f"a-{n}" for n in range(6)]
ROOT = Path(__file__).resolve().parents[3]


def test_the_migrations_make_the_declared_tables(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == REVISION


def test_the_migrations_end_with_todays_revision() -> None:
    script = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert script.get_heads() == [REVISION]
    assert len(list(script.walk_revisions())) == int(REVISION)


def test_a_store_opened_again_keeps_what_it_holds(store: Store, store_url: str | None, tmp_path: Path) -> None:
    with store.writing() as connection:
        connection.execute(
            sa.text("INSERT INTO tenure_feedback (account_id, verdict, as_of, token_id, given_at) VALUES "
                    "('a', 'handled', '2026-01-01', 't', '2026-01-01 00:00:00')")
        )  # fmt: skip
    for create in (True, False):
        with Store.open(address_of(tmp_path, store_url), create=create) as again, again.reading() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM tenure_feedback")) == 1


def test_a_database_with_other_peoples_tables_is_taken(store_url: str | None, tmp_path: Path) -> None:
    address = address_of(tmp_path, store_url)
    store = Store.open(address)
    with store.writing() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (n INTEGER)"))
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.text(f"DROP TABLE {table.name}"))
        connection.execute(sa.text(f"DROP TABLE {VERSION_TABLE}"))
        if store_url:
            connection.execute(sa.text("DROP FUNCTION tenure_baselines_refuse"))
    store.close()
    with Store.open(address) as again, again.reading() as connection:
        assert {"theirs", "tenure_runs", VERSION_TABLE} <= set(sa.inspect(connection).get_table_names())


def test_without_a_store_a_reader_is_told_so(store_url: str | None, tmp_path: Path) -> None:
    address = address_of(tmp_path / "home", store_url)
    with pytest.raises(StoreAbsentError, match=r"^No day is scored yet in .*; run `tenure score` to score one\.$"):
        Store.open(address, create=False)
    assert not (tmp_path / "home").exists()


def test_readers_of_a_file_need_not_wait_for_writers(tmp_path: Path) -> None:
    with Store.open(address_of(tmp_path)) as store, store.reading() as connection:
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert told == ["wal", 2]  # 2: FULL


def test_an_empty_file_is_no_store_yet(tmp_path: Path) -> None:
    """What a command leaves that was killed as it made one."""
    (tmp_path / "scores.db").touch()
    with pytest.raises(StoreAbsentError):
        Store.open(address_of(tmp_path), create=False)
    Store.open(address_of(tmp_path)).close()


def test_a_later_schema_is_refused(store: Store, store_url: str | None, tmp_path: Path) -> None:
    with store.writing() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    for create in (True, False):
        with pytest.raises(StoreVersionError, match=r"made by a later version of Tenure \(its schema is 0999"):
            Store.open(address_of(tmp_path, store_url), create=create)


def test_a_migration_that_fails_leaves_nothing(
    store_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(tmp_path, store_url)
    execute = Operations.execute

    def failing(self: Operations, *given: Any, **named: Any) -> None:  # it comes after the tables were made
        raise sa.exc.OperationalError("CREATE TRIGGER", {}, Exception("no"))

    monkeypatch.setattr(Operations, "execute", failing)
    with pytest.raises(StoreError):
        Store.open(address)
    with pytest.raises(StoreAbsentError):
        Store.open(address, create=False)
    monkeypatch.setattr(Operations, "execute", execute)
    with Store.open(address) as store:
        assert store.latest() is None


def test_an_older_store_is_brought_up_by_whoever_opens_it(
    store: Store, store_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further revision, as a later version would have it."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for step in (Path(schema.__file__).parent / "migrations" / "versions").glob("r*.py"):
        (folder / "versions" / step.name).write_text(step.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "versions" / "r0999.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '0999', '{REVISION}'\n"
        "def upgrade():\n    op.add_column('tenure_runs', sa.Column('later', sa.Text))\n"
    )
    monkeypatch.setattr(schema, "__file__", str(tmp_path / "schema.py"))
    for module in ("serving.store.schema", "serving.store.store"):
        monkeypatch.setattr(f"{module}.REVISION", "0999")
    with Store.open(address_of(tmp_path, store_url), create=False) as newer, newer.reading() as connection:
        assert "later" in {column["name"] for column in sa.inspect(connection).get_columns("tenure_runs")}
        assert connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")) == "0999"
    assert store.latest() is None  # whoever had it open goes on


def test_a_store_of_the_first_revision_keeps_its_rows(
    store_url: str | None, tmp_path: Path, make_frame: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = address_of(tmp_path, store_url)
    with monkeypatch.context() as before:
        for module in ("serving.store.schema", "serving.store.store"):
            before.setattr(f"{module}.REVISION", "0001")
        Store.open(address).close()
    with Store.open(address_of(tmp_path / "today")) as today:
        write_day(today, make_frame(), DAY)
        run = today.latest()
        assert run is not None
        wanted = today.rows(run, IDS), today.book(run)
        with today.reading() as connection, Store(address) as bare, bare.writing() as old:
            for table in (runs, scores):  # the number of a run is the database's own
                kept = [column for column in table.c if column.name not in ("facts", "id")]
                rows = connection.execute(sa.select(*kept)).mappings().all()
                old.execute(sa.insert(table), [dict(row) for row in rows])
    with Store.open(address, create=False) as store:
        run = store.latest()
        assert run is not None
        pd.testing.assert_frame_equal(store.book(run), wanted[1])
        assert (store.rows(run, IDS), store.all_facts(run, IDS)) == (wanted[0], {})
        again = write_day(store, make_frame(), DAY)
        assert (again.key, again.new) == (run.key, False), "the same scores are not another run"
        later = write_day(store, make_frame(), DAY, facts={"a-1": {"people": 3}})
        run = store.latest()
        assert (later.new, run and store.facts(run, "a-1")) == (True, {"people": 3})


def test_many_threads_open_a_new_store_at_once(store_url: str | None, tmp_path: Path) -> None:
    address = address_of(tmp_path / "home", store_url)
    start, found = threading.Barrier(4), []

    def open_it() -> None:
        start.wait()
        with Store.open(address) as store:
            found.append(store.latest())

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * 4


_OPEN = """
import sys, time
from pathlib import Path
from serving.store.address import address_of
from serving.store.store import Store
print("ready", flush=True)
sys.stdin.readline()
for url in sys.argv[2:]:
    with Store.open(address_of(Path(sys.argv[1]), None if url == "file" else url)) as store:
        print(store.latest(), flush=True)
"""


def test_processes_open_a_new_store_at_once(postgres: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPEN, tmp_path, "file", postgres.url(postgres.database())]
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (out, err, process.returncode) == ("None\nNone\n", "", 0)
