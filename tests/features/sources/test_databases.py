"""DuckDB files and PostgreSQL: what is read, what is refused with one sentence, and that no password is ever shown."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import duckdb
import pytest

from features.errors import TenureError
from features.history import History
from features.settings import Settings, load_settings
from features.sources.dialect import PLAIN
from features.sources.find import find_sources, open_place, shown

SECRET = "s3cret"


@pytest.fixture(scope="module")
def folder(company: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import datetime as dt

    tables = company.make(Random(3), dt.date(2024, 3, 15), accounts=5)
    return company.write(tables, tmp_path_factory.mktemp("parquet"), "parquet")  # type: ignore[no-any-return]  # a module loaded by path


@pytest.fixture(scope="module")
def url(folder: Path, postgres: Any) -> str:
    return str(postgres.load(folder))


def refusal(location: Path | str, settings: Settings | None = None) -> str:
    with pytest.raises(TenureError) as caught:
        History.open(location, settings)
    text = str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert text.endswith(".")
    assert "\n" not in text
    assert SECRET not in text
    return text


def test_a_schema_by_url(folder: Path, postgres: Any) -> None:
    url = postgres.load(folder, schema="Sales 2024")
    expected = {t.table: t.rows for t in History.open(folder).report.tables}
    assert {t.table: t.rows for t in History.open(url).report.tables} == expected


def test_a_path_has_made_one_slash_of_two_and_the_url_is_read_all_the_same(url: str) -> None:
    assert str(Path(url)).startswith("postgresql:/p")
    assert History.open(Path(url)).fingerprint == History.open(url).fingerprint


def test_the_password_is_nowhere(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    place = open_place(url)
    source = place.source("usage", "usage", PLAIN)
    place.close()
    history = History.open(url)
    seen = [repr(place), place.label, repr(source), source.label, repr(history.sources), str(history.report.to_json()),
            caplog.text, place.missing("usage"), shown(url), shown(Path(url))]  # fmt: skip
    assert not [text for text in seen if SECRET in text]


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_does_not_answer() -> None:
    assert refusal(f"postgresql://me:{SECRET}@127.0.0.1:{_closed_port()}/shop") == (
        "No PostgreSQL server answers at 127.0.0.1; check the address and that the server runs."
    )


def test_a_host_that_is_none() -> None:
    assert refusal(f"postgresql://me:{SECRET}@nowhere.invalid/shop") == (
        "There is no host nowhere.invalid; check the address in the URL."
    )


def test_a_wrong_password(postgres: Any) -> None:
    assert refusal(postgres.url("postgres", password=SECRET + "x")) == (
        "The PostgreSQL server at 127.0.0.1 refuses user postgres; check the user and the password."
    )


def test_a_database_that_is_not_there(postgres: Any) -> None:
    assert refusal(postgres.url("nope")) == (
        "The PostgreSQL server at 127.0.0.1 has no database nope; check the end of the URL."
    )


def test_a_schema_that_is_not_there(url: str) -> None:
    text = refusal(url + "?schema=pulbic")
    assert text.endswith(" at 127.0.0.1 has no schema pulbic; write ?schema= with one of public.")


def test_a_table_that_is_not_there(postgres: Any) -> None:
    database = postgres.database()
    assert refusal(postgres.url(database)).startswith(
        f"Schema public of {database} at 127.0.0.1 has no table accounts (it is empty); the tables accounts, "
        "subscriptions, usage are needed, and [tables.accounts] in a file given with --config may say where to find it"
    )


def test_a_table_that_may_not_be_read(folder: Path, postgres: Any) -> None:
    from urllib.parse import quote

    url = postgres.load(folder)
    database = url.rsplit("/", 1)[1]
    with postgres.connect(database) as con:
        con.execute("DROP ROLE IF EXISTS reader")
        con.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
    try:
        own = f"postgresql://reader:{quote(SECRET)}@127.0.0.1:{postgres.port}/{database}"
        assert refusal(own) == (
            f"Table accounts of {database} at 127.0.0.1 cannot be read (permission denied for table accounts)."
        )
    finally:
        with postgres.connect(database) as con:
            con.execute("DROP ROLE reader")


@pytest.mark.parametrize(
    ("location", "scheme"), [("postgesql://me:s3cret@host/shop", "postgesql"), ("mysql://me:s3cret@host/shop", "mysql")]
)
def test_a_scheme_that_is_none(location: str, scheme: str) -> None:
    says = (
        f'"{scheme}://" is no kind of database that Tenure reads; write postgresql://user@host/database, '
        "or give a folder or a DuckDB file."
    )
    assert refusal(location) == says
    assert refusal(Path(location)) == says


def test_what_a_server_can_hold_and_a_table_not(postgres: Any, tmp_path: Path) -> None:
    """Infinity, not-a-number, money, a quoted name, line breaks, an empty text beside a missing one."""
    database = postgres.database()
    with postgres.connect(database) as con:
        con.execute(
            """
            CREATE TABLE accounts (account_id numeric PRIMARY KEY, created_on date, name text, "Segment" varchar(9));
            INSERT INTO accounts VALUES (2, '2023-01-01', E'a "b",\nc', ''), (1, '2023-01-01', NULL, 'x'),
                                        (3, 'infinity', 'z', 'z');
            CREATE TABLE subscriptions (subscription_id int, account_id float8, plan text, started_on timestamptz,
                                        mrr money, seats numeric, trial bool);
            INSERT INTO subscriptions VALUES (1, 1, 'p', '2023-05-01 00:30+02', '1234.50', 'NaN', true),
                                             (2, 2, 'p', '2023-05-01 00:30+00', '7', 3, false);
            CREATE VIEW usage AS SELECT 1::bigint AS account_id, date '2024-02-01' + n AS day, 'f' AS feature,
                n AS events FROM generate_series(1, 3) AS n;
            """
        )
    history = History.open(postgres.url(database))
    con = history.con
    assert con.execute("SELECT account_id, name, segment, _row FROM accounts ORDER BY _row").fetchall() == [
        ("1", None, "x", 1), ("2", 'a "b",\nc', None, 2)]  # fmt: skip
    assert con.execute(
        "SELECT CAST(started_on AS VARCHAR), CAST(mrr AS DOUBLE), seats, trial FROM subscriptions ORDER BY _row"
    ).fetchall() == [("2023-05-01", 7.0, 3, False)]
    assert con.execute("SELECT count(*) FROM usage").fetchall() == [(3,)]
    assert {(q["table"], q["row"], q["rule"]) for q in history.quarantine()} == {
        ("accounts", 3, "wrong type"), ("subscriptions", 1, "wrong type")}  # fmt: skip


def test_a_mapping_reads_a_database(postgres: Any, tmp_path: Path) -> None:
    database = postgres.database()
    with postgres.connect(database) as con:
        con.execute(
            """
            CREATE TABLE "Customers" (id int PRIMARY KEY, since date);
            INSERT INTO "Customers" VALUES (1, '2023-01-01');
            CREATE TABLE contracts (id int PRIMARY KEY, customer int, plan text, started_on date, arr numeric(12, 2));
            INSERT INTO contracts VALUES (7, 1, 'p', '2023-01-01', 1200);
            CREATE TABLE clicks (contract int, at timestamp, what text, secs int);
            INSERT INTO clicks VALUES (7, '2024-02-01 00:30', 'x', 90);
            """
        )
    file = tmp_path / "tenure.toml"
    file.write_text(
        """
[tables.accounts]
source = "customers"
columns = { account_id = "id", created_on = "since" }
[tables.subscriptions]
source = "contracts"
columns = { subscription_id = "id", account_id = "customer", mrr = { column = "arr", factor = 0.08333333333333333 } }
[tables.usage]
source = "clicks"
timezone = "Europe/Berlin"
[tables.usage.columns]
account_id = { lookup = "contracts", on = "contract", key = "id", value = "customer" }
day = "at"
feature = "what"
events = { value = 1 }
minutes = { expression = "secs / 60.0" }
"""
    )
    history = History.open(postgres.url(database), load_settings(file))
    assert history.report.failing == {}
    assert history.con.execute("SELECT CAST(mrr AS DOUBLE) FROM subscriptions").fetchall() == [(100.0,)]
    found = history.con.execute("SELECT CAST(account_id AS VARCHAR), CAST(day AS VARCHAR), events, minutes FROM usage")
    assert [tuple(map(str, r)) for r in found.fetchall()] == [("1", "2024-01-31", "1", "1.5000")]


def test_views_of_a_duckdb_file_are_read_and_may_read_nothing_else(
    folder: Path, tmp_path: Path, as_duckdb: Callable[[Path, Path], Path]
) -> None:
    file = as_duckdb(folder, tmp_path / "company.duckdb")
    with duckdb.connect(str(file)) as con:
        con.execute("ALTER TABLE usage RENAME TO clicks; CREATE VIEW usage AS FROM clicks")
        con.execute("CREATE SCHEMA other; CREATE TABLE other.accounts (x INTEGER)")
    before = file.read_bytes()
    assert {t.table: t.rows for t in History.open(file).report.tables} == {
        t.table: t.rows for t in History.open(folder).report.tables
    }
    assert file.read_bytes() == before
    with duckdb.connect(str(file)) as con:
        con.execute(f"CREATE OR REPLACE VIEW usage AS SELECT * FROM read_parquet('{folder / 'usage.parquet'}')")
    text = refusal(file)
    assert text.startswith("usage in company.duckdb cannot be read (")
    assert text.endswith("; a view may read only tables of its own file.")


def test_a_duckdb_file_without_its_usual_ending(
    folder: Path, tmp_path: Path, as_duckdb: Callable[[Path, Path], Path]
) -> None:
    assert History.open(as_duckdb(folder, tmp_path / "company.bin")).report.tables


def test_whole_numbers_of_128_bits_stay_exact(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "c.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(
            "CREATE TABLE accounts AS SELECT 9007199254740993::HUGEINT AS account_id, DATE '2023-01-01' AS created_on"
        )
        con.execute("CREATE TABLE subscriptions AS SELECT 1 AS subscription_id, account_id, "
                    "'p' AS plan, DATE '2023-01-01' AS started_on, 5 AS mrr FROM accounts")  # fmt: skip
        con.execute("CREATE TABLE usage AS SELECT 9007199254740993::HUGEINT AS account_id, DATE '2024-01-01' AS day, "
                    "'f' AS feature, 1::HUGEINT AS events")  # fmt: skip
    history = History.open(file)
    assert history.report.failing == {}
    assert history.con.execute("SELECT account_id FROM accounts").fetchall() == [("9007199254740993",)]


def test_a_file_named_duckdb_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "company.duckdb"
    file.write_text("account_id\n")
    assert refusal(file) == (f"{file} is not a DuckDB file; give one, or the folder that holds the tables as files.")
    file.write_bytes(b"\0" * 8 + b"DUCK" + b"\xff" * 5000)
    assert refusal(file).startswith("company.duckdb cannot be opened (")


def test_a_duckdb_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "company.duckdb"
    assert refusal(file) == (f"There is no file {file}; give the DuckDB file, folder or URL of the company's tables.")


def test_an_empty_database(tmp_path: Path) -> None:
    file = tmp_path / "company.duckdb"
    duckdb.connect(str(file)).close()
    assert refusal(file) == (
        "company.duckdb has no table accounts and is empty; the tables accounts, subscriptions, usage are needed, and "
        "[tables.accounts] in a file given with --config may say where to find it (`tenure check --suggest` drafts "
        "that)."
    )


def test_an_encoding_says_nothing_of_a_database(
    folder: Path, tmp_path: Path, as_duckdb: Callable[[Path, Path], Path]
) -> None:
    file, config = as_duckdb(folder, tmp_path / "company.duckdb"), tmp_path / "tenure.toml"
    config.write_text('[tables.usage]\nencoding = "cp1252"\n')
    assert refusal(file, load_settings(config)) == (
        "usage in company.duckdb is no text file, so encoding in [tables.usage] says nothing; leave it out."
    )


def test_the_driver_may_be_absent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(TenureError, match=r"^Reading PostgreSQL needs a driver; install it with: pip install"):
        find_sources(url, Settings())
