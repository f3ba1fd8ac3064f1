"""Finding and reading files: each way of being broken is one plain sentence, each harmless difference none."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.build import build_features
from features.errors import TenureError
from features.history import History

DAY = dt.date(2024, 3, 1)
ACCOUNTS = "account_id,created_on,name\nA,2023-01-01,Süd & Co\n"
SUBSCRIPTIONS = "subscription_id,account_id,plan,started_on,mrr\ns,A,pro,2023-01-01,10\n"
USAGE = "account_id,day,feature,events\nA,2024-02-20,report,3\nA,2024-02-21,report,4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    (tmp_path / "subscriptions.csv").write_text(SUBSCRIPTIONS, encoding="utf-8")
    (tmp_path / "usage.csv").write_text(USAGE, encoding="utf-8")
    return tmp_path


def events(folder: Path) -> float:
    return float(build_features(History.open(folder), [DAY])["events_28d"].iloc[0])


def as_parquet(folder: Path, table: str) -> Path:
    file = folder / f"{table}.parquet"
    pd.read_csv(folder / f"{table}.csv").to_parquet(file)
    (folder / f"{table}.csv").unlink()
    return file


def _half_parquet(folder: Path) -> None:
    file = as_parquet(folder, "usage")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _torn_parquet(folder: Path) -> None:
    """Both ends are right and the directory between them is not."""
    file = as_parquet(folder, "usage")
    content = bytearray(file.read_bytes())
    content[-200:-10] = b"\xff" * 190
    file.write_bytes(bytes(content))


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def _twice(folder: Path) -> None:
    pd.read_csv(folder / "usage.csv").to_parquet(folder / "usage.parquet")


def _folder_and_file(folder: Path) -> None:
    (folder / "usage").mkdir()
    (folder / "usage" / "part.csv").write_text(USAGE)


def _no_usage(folder: Path) -> None:
    (folder / "usage.csv").unlink()


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "half-written Parquet": (_half_parquet, r"usage\.parquet is only half-written"),
    "torn Parquet": (_torn_parquet, r"usage\.parquet .*cannot be read"),
    "CSV named Parquet": (lambda f: (f / "usage.csv").rename(f / "usage.parquet") and None, "is not a Parquet file"),
    "empty file": (_write("usage.csv", b""), r"usage\.csv .*is empty"),
    "Latin-1": (_write("accounts.csv", ACCOUNTS.encode("latin-1")), r"accounts\.csv is not UTF-8 .*line 2.*0xfc"),
    "UTF-16": (_write("accounts.csv", ACCOUNTS.encode("utf-16")), r"accounts\.csv is not UTF-8"),
    "no required column": (_write("usage.csv", b"account_id,day,events\nA,2024-02-20,3\n"), "no column feature"),
    "no day of use": (_write("usage.csv", b"account_id,feature,events\nA,f,3\n"), "no column day"),
    "colons": (_write("usage.csv", USAGE.replace(",", ":").encode()), r"usage\.csv .*has no column account_id"),
    "two columns of one name": (
        _write("usage.csv", USAGE.replace("feature", "Day").encode()),
        "two columns named day;",
    ),
    "twice": (_twice, "Table usage is in .* twice"),
    "twice, as file and folder": (_folder_and_file, "Table usage is in .* twice"),
    "no required table": (_no_usage, r"has no usage\.parquet or usage\.csv"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_source_is_one_plain_sentence(what: str, folder: Path) -> None:
    change, says = BROKEN[what]
    change(folder)
    with pytest.raises(TenureError, match=says) as refusal:
        History.open(folder)
    text = str(refusal.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert not re.search(r"Traceback|duckdb|site-packages|Error:|LINE \d", text)
    assert not re.search(r"(?<![\w.])/\w", text.replace(str(folder), ""))  # no path but the one that was given
    assert refusal.value.__cause__ is None
    assert len(text) < 400


@pytest.mark.parametrize("name", ["nowhere", "usage.csv"])
def test_a_folder_that_is_not_one(name: str, folder: Path) -> None:
    with pytest.raises(TenureError, match=r"is not there|is not a folder"):
        History.open(folder / name)


def test_unknown_columns_are_named_and_left_alone(folder: Path) -> None:
    (folder / "usage.csv").write_text(USAGE.replace("events\n", "events,weather,_row\n").replace("3\n", "3,sun,1\n")
                                      .replace("4\n", "4,rain,-5\n"))  # fmt: skip
    history = History.open(folder)
    assert {t.table: t.unknown_columns for t in history.report.tables}["usage"] == ["weather", "_row"]
    assert any("weather" in note for note in history.report.notes)
    assert events(folder) == 7
    assert history.quarantine() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("account_id,day", "\ufeffaccount_id,day"), ("\n", "\r\n"), ("report", '"report"'),
     ("2024-02-20", "2024-02-20 23:59"), ("2024-02-20", "2024-02-19T23:00:00-05:00"), (",3", ", 3 "),
     ("day", "occurred_at"), (",", ";"), (",", "\t")],
    ids=["byte-order mark", "Windows lines", "quotation marks", "a time of day", "another zone", "blanks",
         "occurred_at", "semicolons", "tabs"],
)  # fmt: skip
def test_harmless_differences_change_nothing(old: str, new: str, folder: Path) -> None:
    plain = build_features(History.open(folder), [DAY])
    (folder / "usage.csv").write_text(USAGE.replace(old, new), encoding="utf-8", newline="")
    history = History.open(folder)
    assert history.report.failing == {}
    pd.testing.assert_frame_equal(build_features(history, [DAY]), plain, check_exact=True)


def test_a_time_of_use_counts_by_its_day(folder: Path) -> None:
    """`usage.occurred_at` may stand for `day`; a use of the last evening is seen, one of midnight is not."""
    (folder / "usage.csv").write_text(
        "account_id,occurred_at,feature,events\nA,2024-02-29 23:59:59,f,1\nA,2024-03-01 00:00:00,f,5\n"
        "A,2024-02-02 00:00:00,f,10\nA,2024-02-01 23:59:59,f,100\n"
    )
    rows = build_features(History.open(folder), [DAY])
    assert rows["events_28d"].item() == 11
    assert rows["active_days_28d"].item() == 2
    assert rows["days_since_last_use"].item() == 1


@pytest.mark.parametrize("name", ["plain", "with blanks", "it's", "2024 [final]", "100%", "a*b", "month=3"])
def test_any_folder_name_will_do(name: str, folder: Path) -> None:
    (folder / name).mkdir()
    for file in folder.glob("*.csv"):
        file.rename(folder / name / file.name)
    assert events(folder / name) == 7


HEAD = "account_id,day,feature,events"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("first", "second", "people"),
    [
        (f"{HEAD}\nA,2024-02-20,f,3\n", "events,feature,day,account_id\n4,f,2024-02-21,A\n", None),
        (f"{HEAD}\nA,2024-02-20,f,3\n", f"{HEAD},user_id\nA,2024-02-21,f,4,u\n", 1),
        (f"{HEAD},user_id\nA,2024-02-20,f,3,u\n", f"{HEAD}\nA,2024-02-21,f,4\n", 1),
    ],
    ids=["columns in another order", "a column that came later", "a column that was dropped"],
)
def test_a_table_in_several_files_is_read_by_column_name(
    first: str, second: str, people: int | None, suffix: str, folder: Path
) -> None:
    (folder / "usage.csv").unlink()
    (folder / "usage").mkdir()
    for name, text in (("1", first), ("2", second)):
        file = folder / "usage" / f"{name}.csv"
        file.write_text(text)
        if suffix == "parquet":
            pd.read_csv(file).to_parquet(file.with_suffix(".parquet"))
            file.unlink()
    if suffix == "csv" and people is not None:
        # A clear no is an answer, a column that is dropped silently is none.
        with contextlib.suppress(TenureError):
            assert build_features(History.open(folder), [DAY])["active_users_28d"].item() == people
        return
    history = History.open(folder)
    rows = build_features(history, [DAY])
    assert (rows["events_28d"].item(), history.report.failing) == (7, {})
    assert pd.isna(rows["active_users_28d"].item()) if people is None else rows["active_users_28d"].item() == people


def test_a_table_without_rows_has_nothing_to_say_and_breaks_nothing(folder: Path) -> None:
    (folder / "tickets.csv").write_text("ticket_id,account_id,opened_at,resolved_at\n")
    row = build_features(History.open(folder), [DAY]).iloc[0]
    assert row["tickets_90d"] == 0
    assert pd.isna(row["resolution_hours_180d"])


MORNING = dt.datetime(2024, 2, 1, 8)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.timestamp("s"), [MORNING]),
        (pa.timestamp("ns"), [MORNING]),
        (pa.timestamp("us", "UTC"), [MORNING]),
        (pa.timestamp("ns", "America/New_York"), [MORNING]),
        (pa.string(), ["2024-02-01 09:00:00+01:00"]),
    ],
    ids=str,
)
def test_a_time_may_be_written_in_many_ways(kind: pa.DataType, values: list[object], folder: Path) -> None:
    columns = [pa.array(["t"]), pa.array(["A"]), pa.array([dt.datetime(2024, 2, 1, 6)]), pa.array(values, kind)]
    table = pa.table(columns, names=["ticket_id", "account_id", "opened_at", "resolved_at"])
    pq.write_table(table, folder / "tickets.parquet")
    assert build_features(History.open(folder), [DAY])["resolution_hours_180d"].item() == 2


def test_a_time_of_day_is_no_time(folder: Path) -> None:
    columns = [pa.array(["t"]), pa.array(["A"]), pa.array([MORNING]), pa.array([dt.time(9)])]
    table = pa.table(columns, names=["ticket_id", "account_id", "opened_at", "resolved_at"])
    pq.write_table(table, folder / "tickets.parquet")
    assert [(f.table, f.rule, f.rows) for f in History.open(folder).report.findings] == [("tickets", "wrong type", 1)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_bad_row_is_quoted_as_it_came(suffix: str, folder: Path) -> None:
    """Also where the source has columns named like those that a loaded table gets."""
    (folder / "usage.csv").write_text("account_id,day,feature,events,_row,_known\nA,2024-02-20,f,3,8,x\nA,,f,4,9,y\n")
    if suffix == "parquet":
        as_parquet(folder, "usage")
    [entry] = History.open(folder).quarantine()
    assert (entry["table"], entry["row"], entry["rule"]) == ("usage", 2, "missing value")
    content = json.loads(entry["content"])
    assert {k: None if v is None else str(v) for k, v in content.items()} == {
        "account_id": "A", "day": None, "feature": "f", "events": "4", "_row": "9", "_known": "y",
    }  # fmt: skip


def test_before_the_first_record(folder: Path) -> None:
    history = History.open(folder)
    with pytest.raises(TenureError, match=r"^Nothing is known before 2023-01-01: .* 2023-01-01; .*\.$"):
        build_features(history, [dt.date(2023, 1, 1)])
    assert len(build_features(history, [dt.date(2023, 1, 2)])) == 1


def test_no_usage_at_all(folder: Path) -> None:
    (folder / "usage.csv").write_text(HEAD + "\n")
    with pytest.raises(TenureError, match=r"^Table usage has no row"):
        History.open(folder).observed_period()


def test_the_fingerprint_is_of_the_content(folder: Path) -> None:
    first = History.open(folder).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert History.open(folder).fingerprint == first
    (folder / "usage.csv").write_text(USAGE.replace(",3", ",5"))
    assert History.open(folder).fingerprint != first


def test_ids_and_flags_that_passed_through_a_frame_with_gaps(folder: Path) -> None:
    """1.0 is the id 1, and 1.0 is true: what pandas makes of integers and flags beside a missing value."""
    pq.write_table(pa.table({"Account_ID": ["1", "2"], "created_on": ["2024-01-01"] * 2}), folder / "accounts.parquet")
    (folder / "accounts.csv").unlink()
    (folder / "subscriptions.csv").unlink()
    subscriptions = {
        "subscription_id": [1.0, 2.0],
        "account_id": [1.0, 2.0],
        "plan": ["p", "p"],
        "started_on": ["2024-01-02"] * 2,
        "mrr": [5.0, 6.0],
        "trial": [0.0, 1.0],
    }
    pq.write_table(pa.table(subscriptions), folder / "subscriptions.parquet")
    (folder / "usage.csv").write_text(USAGE.replace("\nA,", "\n1,"), encoding="utf-8")
    history = History.open(folder)
    assert history.report.findings == []
    assert build_features(history, [DAY])["account_id"].tolist() == ["1"]
