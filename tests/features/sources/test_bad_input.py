"""What companies' files really look like: nothing in them, nulls, ids of two kinds, copies, odd days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.build import build_features
from features.errors import TenureError
from features.history import History

DAY = dt.date(2024, 3, 1)
FILES = {
    "accounts": "account_id,created_on,segment\n1,2023-01-01,big\n",
    "subscriptions": "subscription_id,account_id,plan,started_on,mrr\ns,1,pro,2023-01-01,10\n",
    "usage": "account_id,day,feature,events\n1,2024-02-20,report,3\n1,2024-02-29,report,4\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(TenureError) as caught:
        build_features(History.open(folder), [DAY])
    return str(caught.value)


def parquet(folder: Path, table: str, **columns: object) -> None:
    (folder / f"{table}.csv").unlink(missing_ok=True)
    pq.write_table(pa.table(columns), folder / f"{table}.parquet")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_with_no_rows(suffix: str, folder: Path) -> None:
    if suffix == "csv":
        (folder / "accounts.csv").write_text("account_id,created_on\n")
    else:
        parquet(folder, "accounts", account_id=pa.array([], pa.string()), created_on=pa.array([], pa.date32()))
    assert refusal(folder) == (
        "Nothing is known before 2024-03-01: there is no subscription; choose a later as_of day."
    ) or "unknown account" in refusal(folder)


def test_optional_columns_of_all_nulls_are_missing(folder: Path) -> None:
    parquet(folder, "accounts", account_id=["1"], created_on=[dt.date(2023, 1, 1)], segment=pa.nulls(1),
            employees=pa.nulls(1, pa.int64()), recorded_at=pa.nulls(1, pa.timestamp("us")))  # fmt: skip
    history = History.open(folder)
    assert history.report.failing == {}
    assert len(build_features(history, [DAY])) == 1


def test_a_needed_column_of_all_nulls_stops_with_the_count(folder: Path) -> None:
    parquet(folder, "usage", account_id=["1", "1"], day=pa.nulls(2, pa.date32()), feature=["a", "b"], events=[1, 2])
    assert refusal(folder).startswith(
        "Table usage cannot be relied on: 2 of 2 rows (100.0 %) are set aside (missing value: 2), and 20 % or more "
    )


@pytest.mark.parametrize(
    ("kind", "value", "meets"),
    [
        (pa.int64(), 1, True),
        (pa.float64(), 1.0, True),
        (pa.string(), "1", True),
        (pa.string(), " 1 ", True),
        (pa.string(), "1.0", False),
        (pa.string(), "0001", False),
        (pa.float64(), 1.5, False),
    ],
    ids=str,
)
def test_ids_are_texts_and_whole_numbers_are_written_without_a_point(
    kind: pa.DataType, value: object, meets: bool, folder: Path
) -> None:
    """The number 1, 1.0 and the text "1" are one id; the texts "1.0" and "0001" are other ones."""
    parquet(folder, "usage", account_id=pa.array([value], kind), day=[dt.date(2024, 2, 20)], feature=["f"], events=[1])
    if meets:
        assert build_features(History.open(folder), [DAY])["events_28d"].tolist() == [1]
    else:
        assert refusal(folder).startswith(
            "Table usage cannot be relied on: 1 of 1 rows (100.0 %) are set aside (unknown account: 1)"
        )


def test_a_file_that_is_there_under_two_names(folder: Path) -> None:
    (folder / "usage.csv").unlink()
    (folder / "usage").mkdir()
    for name in ("2024-02", "2024-02 (copy)"):
        (folder / "usage" / f"{name}.csv").write_text(FILES["usage"])
    assert refusal(folder) == (
        "2024-02.csv of table usage is the same file as 2024-02 (copy).csv, so that every row would count twice; "
        "remove one of them."
    )


@pytest.mark.parametrize(("first", "second"), [("usage.csv", "USAGE.csv"), ("usage.csv", "usage.tsv")])
def test_a_table_that_is_there_twice(first: str, second: str, folder: Path) -> None:
    (folder / second).write_text(FILES["usage"])
    if len(list(folder.iterdir())) == len(FILES):
        pytest.skip("letter case does not count on this disk")
    both = " and ".join(sorted([first, second]))
    assert refusal(folder) == f"Table usage is in {folder} twice ({both}); keep one of them."


def test_29_february(folder: Path) -> None:
    """It is a day in a leap year and none in others."""
    rows = "1,2024-02-29,f,3\n1,2024-02-28,f,1\n" * 3 + "1,2023-02-29,f,5\n"
    (folder / "usage.csv").write_text("account_id,day,feature,events\n" + rows)
    history = History.open(folder)
    assert [(q["row"], q["rule"], q["reason"]) for q in history.quarantine()] == [
        (7, "wrong type", "day is not of its type")]  # fmt: skip
    assert build_features(history, [DAY])["events_28d"].tolist() == [12]


def test_a_folder_that_is_none(folder: Path) -> None:
    for name, what in (("nowhere", "is not there"), ("usage.csv", "is not a folder or DuckDB file")):
        assert refusal(folder / name) == (
            f"{folder / name} {what}; give the folder, DuckDB file or URL that holds the company's tables."
        )


def test_a_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    assert refusal(tmp_path) == (
        f"{tmp_path} has no accounts.parquet or accounts.csv; the tables accounts, subscriptions, usage are needed, "
        "and [tables.accounts] in a file given with --config may say where to find it (`tenure check --suggest` drafts "
        "that)."
    )
