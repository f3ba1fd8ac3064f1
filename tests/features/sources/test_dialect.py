"""Text files as they come: encodings, delimiters, decimal commas, dates, and times on the clocks of a zone."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from features.errors import TenureError
from features.history import History
from features.settings import Settings, load_settings
from features.sources.dialect import Dialect

ACCOUNTS = "account_id,created_on,name\nA,2023-01-01,Süd & Ço €\n"
SUBSCRIPTIONS = "subscription_id,account_id,plan,started_on,mrr\ns,A,pro,2023-01-01,10\n"
USAGE = "account_id,day,feature,events\nA,2024-02-20,report,3\nA,2024-02-21,report,4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "company"
    folder.mkdir()
    for name, text in (("accounts", ACCOUNTS), ("subscriptions", SUBSCRIPTIONS), ("usage", USAGE)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def settings(folder: Path, text: str) -> Settings:
    file = folder.parent / "tenure.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def rows(history: History, table: str, columns: str) -> list[tuple[object, ...]]:
    return history.con.execute(f"SELECT {columns} FROM {table} ORDER BY _row").fetchall()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-15", "cp1252"])
def test_a_declared_encoding_is_read(encoding: str, folder: Path) -> None:
    (folder / "accounts.csv").write_text(ACCOUNTS, encoding=encoding)
    history = History.open(folder, settings(folder, f'[tables.accounts]\nencoding = "{encoding}"\n'))
    assert rows(history, "accounts", "name") == [("Süd & Ço €",)]
    assert history.report.failing == {}


def test_latin_1_has_no_euro(folder: Path) -> None:
    (folder / "accounts.csv").write_text(ACCOUNTS.replace(" €", ""), encoding="latin-1")
    history = History.open(folder, settings(folder, '[tables.accounts]\nencoding = "latin-1"\n'))
    assert rows(history, "accounts", "name") == [("Süd & Ço",)]


@pytest.mark.parametrize(
    ("written", "declared", "says"),
    [
        ("cp1252", "", 'accounts.csv is not UTF-8 text: line 2 holds the byte 0xfc, as Latin-1 and Windows files do; '
                       'save it as UTF-8 or say encoding = "cp1252" in [tables.accounts].'),
        ("utf-16", "", 'accounts.csv is not UTF-8 text: line 1 holds the byte 0xff, as UTF-16 files do; '
                       'save it as UTF-8 or say encoding = "utf-16" in [tables.accounts].'),
        ("utf-16-le", "", 'accounts.csv is not UTF-8 text: line 1 holds the byte 0x00, as UTF-16 files do; '
                          'save it as UTF-8 or say encoding = "utf-16" in [tables.accounts].'),
    ],
)  # fmt: skip
def test_an_undeclared_encoding_is_named_with_the_setting(written: str, declared: str, says: str, folder: Path) -> None:
    (folder / "accounts.csv").write_text(ACCOUNTS, encoding=written)
    with pytest.raises(TenureError) as refusal:
        History.open(folder)
    assert str(refusal.value) == says


def test_a_wrong_encoding_is_a_sentence(folder: Path) -> None:
    (folder / "accounts.csv").write_bytes(ACCOUNTS.encode() + b"B,2023-01-01,\x81\n")
    with pytest.raises(TenureError, match=r"^accounts\.csv is not cp1252 text \(.*; name the encoding that it was"):
        History.open(folder, settings(folder, '[tables.accounts]\nencoding = "cp1252"\n'))


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("declared", [False, True])
def test_a_delimiter_is_found_in_the_header_or_declared(delimiter: str, declared: bool, folder: Path) -> None:
    (folder / "usage.csv").write_text(USAGE.replace(",", delimiter))
    said = f'[tables.usage]\ndelimiter = "{delimiter}"\n'.replace("\t", "\\t") if declared else ""
    assert rows(History.open(folder, settings(folder, said)), "usage", "events") == [(3,), (4,)]


def test_decimal_commas_and_thousands(folder: Path) -> None:
    head = "subscription_id;account_id;plan;started_on;mrr;seats\n"
    (folder / "subscriptions.csv").write_text(
        head + "a;A;pro;2023-01-01;1.234,50;1.000\nb;A;pro;2023-01-01;7;\nc;A;pro;2023-01-01;12.5;3\n"
    )
    said = '[tables.subscriptions]\ndecimal = ","\nthousands = "."\n'
    history = History.open(folder, settings(folder, said))
    assert rows(history, "subscriptions", "CAST(mrr AS DOUBLE), seats") == [(1234.5, 1000), (7.0, None)]
    # A point that stands where no thousands are is neither: it is not taken for 12.5 or 125.
    [entry] = history.quarantine()
    assert (entry["row"], entry["rule"]) == (3, "wrong type")
    assert '"mrr":"12.5"' in entry["content"]
    without = History.open(folder, settings(folder, ""))
    assert [(f.table, f.rule, f.rows) for f in without.report.findings] == [("subscriptions", "wrong type", 1)]


def test_dates_as_declared_and_nothing_else(folder: Path) -> None:
    (folder / "usage.csv").write_text(
        "account_id,day,feature,events\nA,20.02.2024,f,1\nA,29.02.2024,f,2\nA,29.02.2023,f,3\nA,2024-02-20,f,4\n"
    )
    said = '[tables.usage]\ndates = "%d.%m.%Y"\n'
    history = History.open(folder, settings(folder, said))
    assert rows(history, "usage", "day, events") == [(dt.date(2024, 2, 20), 1), (dt.date(2024, 2, 29), 2)]
    assert [(q["row"], q["rule"]) for q in history.quarantine()] == [(3, "wrong type"), (4, "wrong type")]
    both = '[tables.usage]\ndates = ["%d.%m.%Y", "%Y-%m-%d"]\n'
    assert len(rows(History.open(folder, settings(folder, both)), "usage", "day")) == 3


BERLIN = '[tables.tickets]\ntimezone = "Europe/Berlin"\n'


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2024-01-15 12:00:00", "2024-01-15 11:00:00"),  # winter
        ("2024-07-15 12:00:00", "2024-07-15 10:00:00"),  # summer
        ("2024-03-31 01:59:59", "2024-03-31 00:59:59"),  # the last second before the clocks go forward
        ("2024-03-31 02:30:00", "2024-03-31 01:30:00"),  # does not exist: 03:30 of summer
        ("2024-03-31 03:00:00", "2024-03-31 01:00:00"),
        ("2024-10-27 01:59:59", "2024-10-26 23:59:59"),
        ("2024-10-27 02:30:00", "2024-10-27 01:30:00"),  # exists twice: the later one
        ("2024-10-27 03:00:00", "2024-10-27 02:00:00"),
        ("2024-10-27T02:30:00+02:00", "2024-10-27 00:30:00"),  # an offset says which
        ("2024-10-27 02:30:00Z", "2024-10-27 02:30:00"),
        ("2024-02-29 23:30", "2024-02-29 22:30:00"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_local_times_become_utc(local: str, utc: str, suffix: str, folder: Path) -> None:
    if suffix == "csv":
        (folder / "tickets.csv").write_text(f"ticket_id,account_id,opened_at\nt,A,{local}\n")
    else:
        kind = "VARCHAR" if local.endswith(("Z", "+02:00")) else "TIMESTAMP"
        duckdb.connect().execute(
            f"COPY (SELECT 't' AS ticket_id, 'A' AS account_id, '{local}'::{kind} AS opened_at) "
            f"TO '{folder / 'tickets.parquet'}'"
        )
    history = History.open(folder, settings(folder, BERLIN))
    assert [str(r[0]) for r in rows(history, "tickets", "opened_at")] == [utc]


def test_a_day_belongs_to_no_zone_and_a_time_of_day_does(folder: Path) -> None:
    """In a column of days, 00:30 in Berlin is the day before in UTC; midnight stands for the day itself."""
    (folder / "usage.csv").write_text(
        "account_id,day,feature,events\nA,2024-02-20,f,1\nA,2024-02-20 00:00:00,f,2\nA,2024-02-20 00:30:00,f,3\n"
    )
    history = History.open(folder, settings(folder, '[tables.usage]\ntimezone = "Europe/Berlin"\n'))
    assert [str(r[0]) for r in rows(history, "usage", "day")] == ["2024-02-20", "2024-02-20", "2024-02-19"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_every_hour_of_a_year_is_the_later_reading(zone: str) -> None:
    """Against the standard library, which has both readings of an hour that exists twice or never."""

    def clocks() -> Iterator[dt.datetime]:
        yield from (dt.datetime(2018, 1, 1) + dt.timedelta(minutes=15 * n) for n in range(4 * 24 * 365))

    def later(clock: dt.datetime) -> dt.datetime:
        readings = (clock.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1))
        return max(readings).replace(tzinfo=None)

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    local = list(clocks())
    sql = Dialect(timezone=zone).utc("clock")
    found = con.execute(f"SELECT {sql} FROM (SELECT unnest(?::TIMESTAMP[]) AS clock)", [local]).fetchall()
    assert [f for (f,) in found] == [later(clock) for clock in local]
    moves = sum(b - a != dt.timedelta(minutes=15) for a, b in itertools.pairwise(f for (f,) in found))
    assert moves >= 2
