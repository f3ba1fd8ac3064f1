"""Foreign columns onto the contract: each way of mapping, its refusals, and rows that are shown as they came."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import TenureError
from features.history import History
from features.settings import load_settings

FILES = {
    "accounts": "account_id,created_on\nA,2023-01-01\nB,2023-01-01\n",
    "contracts": "sub,account_id,tier,from,cents,billing\n"
    "s1,A,Pro,2023-01-01,1000,monthly\ns2,B,Basic,2023-01-05,250,yearly\n",
    "feature_usage": "Sub,Usage Date,what,n,secs,beta\n"
    "s1,2024-02-20,x,3,90,1\ns2,2024-02-21,y,4,oops,0\ns9,2024-02-21,y,5,60,0\ns1,2024-02-22,x,1,,0\n",
}
TOML = """
[tables.subscriptions]
source = "contracts"
[tables.subscriptions.columns]
subscription_id = "sub"
plan = { column = "tier", values = { Pro = "professional" } }
started_on = "from"
mrr = { column = "cents", factor = 0.01 }
term_months = { column = "billing", values = { monthly = "1", yearly = 12 } }
currency = { value = "EUR" }

[tables.usage]
source = "Feature_Usage"
[tables.usage.columns]
account_id = { lookup = "contracts", on = "SUB", value = "account_id" }
day = "usage date"
feature = "what"
events = { expression = "n * 2" }
minutes = { expression = "secs / 60.0" }
"""


@pytest.fixture
def open_mapped(tmp_path: Path) -> Callable[..., History]:
    """Open the files above, changed, under the settings above, changed."""

    def make(old: str = "", new: str = "", **files: str | None) -> History:
        folder = tmp_path / "company"
        folder.mkdir(exist_ok=True)
        for name, text in (FILES | files).items():
            if text is not None and (name in files or not (folder / f"{name}.csv").exists()):
                (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        assert old in TOML
        (tmp_path / "tenure.toml").write_text(TOML.replace(old, new) if old else TOML + new, encoding="utf-8")
        return History.open(folder, load_settings(tmp_path / "tenure.toml"))

    return make


def rows(history: History, sql: str) -> list[tuple[object, ...]]:
    return history.con.execute(sql).fetchall()


def test_columns_units_constants_recodings_and_look_ups(open_mapped: Callable[..., History]) -> None:
    history = open_mapped()
    subscriptions = (
        "SELECT subscription_id, plan, CAST(mrr AS DOUBLE), term_months, currency FROM subscriptions ORDER BY 1"
    )
    assert rows(history, subscriptions) == [
        ("s1", "professional", 10.0, 1, "EUR"),
        ("s2", "Basic", 2.5, 12, "EUR"),
    ]
    usage = (
        "SELECT CAST(account_id AS VARCHAR), CAST(day AS VARCHAR), events, CAST(minutes AS DOUBLE), _row "
        "FROM usage ORDER BY _row"
    )
    assert rows(history, usage) == [("A", "2024-02-20", 6, 1.5, 1), ("A", "2024-02-22", 2, None, 4)]
    assert {t.table: t.unknown_columns for t in history.report.tables}["usage"] == ["beta"]


def test_rows_set_aside_are_shown_as_the_source_has_them(open_mapped: Callable[..., History]) -> None:
    found = [(q["row"], q["rule"], json.loads(q["content"])) for q in open_mapped().quarantine()]
    assert found == [
        (
            2,
            "wrong type",
            {"Sub": "s2", "Usage Date": "2024-02-21", "what": "y", "n": "4", "secs": "oops", "beta": "0"},
        ),
        (
            3,
            "missing value",
            {"Sub": "s9", "Usage Date": "2024-02-21", "what": "y", "n": "5", "secs": "60", "beta": "0"},
        ),
    ]


def test_a_broken_line_of_a_mapped_file_is_reported_once(open_mapped: Callable[..., History]) -> None:
    history = open_mapped(feature_usage=FILES["feature_usage"] + "s1,2024-02-23\n",
                          contracts=FILES["contracts"] + "s3,A\n")  # fmt: skip
    broken = [(q["table"], q["rule"], q["content"]) for q in history.quarantine() if q["rule"] == "broken line"]
    assert broken == [("subscriptions", "broken line", "s3,A"), ("usage", "broken line", "s1,2024-02-23")]


def test_a_look_up_that_has_two_answers_has_none(open_mapped: Callable[..., History]) -> None:
    history = open_mapped(contracts=FILES["contracts"] + "s1,B,Pro,2023-02-01,1,monthly\n")
    assert [(q["row"], q["rule"]) for q in history.quarantine() if q["table"] == "usage" and q["row"] in (1, 4)] == [
        (1, "missing value"), (4, "missing value")]  # fmt: skip


def test_ids_that_are_numbers_here_and_text_there_meet_in_a_look_up(open_mapped: Callable[..., History]) -> None:
    import duckdb

    folder = open_mapped().sources["accounts"].files[0].parent  # type: ignore[attr-defined]  # a mapped source has files
    (folder / "contracts.csv").unlink()
    duckdb.connect().execute(
        "COPY (SELECT i::DOUBLE AS sub, 'A' AS account_id, 'Pro' AS tier, DATE '2023-01-01' AS \"from\", 5 AS cents, "
        f"'monthly' AS billing FROM range(1, 3) t(i)) TO '{folder / 'contracts.parquet'}'"
    )
    (folder / "feature_usage.csv").write_text(
        "Sub,Usage Date,what,n,secs\n1,2024-02-20,x,3,90\n0001,2024-02-20,x,3,90\n"
    )
    history = open_mapped(contracts=None, feature_usage=None)
    assert rows(history, "SELECT _row FROM usage") == [(1,)]  # "0001" is not 1: zeros in front are part of an id
    assert [(q["row"], q["rule"]) for q in history.quarantine()] == [(2, "missing value")]


@pytest.mark.parametrize("rows_of_it", ["", "s1,2024-02-20,x,3,,1\n"])
def test_an_expression_over_nothing_is_nothing(rows_of_it: str, open_mapped: Callable[..., History]) -> None:
    history = open_mapped(feature_usage=FILES["feature_usage"].splitlines()[0] + "\n" + rows_of_it)
    assert rows(history, "SELECT minutes FROM usage") == [(None,)] * bool(rows_of_it)
    assert history.report.failing == {}


def test_a_sql_view_gives_a_whole_table(open_mapped: Callable[..., History]) -> None:
    view = """
[tables.churns]
sql = '''
SELECT account_id, max("from") + INTERVAL 1 YEAR AS churned_on, 'price' AS reason
FROM src.contracts JOIN (SELECT sub FROM feature_usage WHERE n > 3) USING (sub)
GROUP BY account_id ORDER BY account_id
'''
"""
    history = open_mapped(new=view)
    assert rows(history, "SELECT account_id, CAST(churned_on AS VARCHAR), reason, _row FROM churns") == [
        ("B", "2024-01-05", "price", 1)]  # fmt: skip
    assert history.sources["churns"].label == "the view of contracts.csv, feature_usage.csv"


def test_a_table_can_be_left_unread(open_mapped: Callable[..., History]) -> None:
    history = open_mapped(new="\n[tables.costs]\nsource = false\n", costs="anything\n1\n")
    assert "costs" not in history.tables


def test_a_column_can_be_left_unread(open_mapped: Callable[..., History]) -> None:
    named = "account_id,created_on,name\nA,2023-01-01,x\nB,2023-01-01,y\n"
    assert "name" in open_mapped(accounts=named).columns["accounts"]
    assert "name" not in open_mapped(new="\n[tables.accounts.columns]\nname = false\n").columns["accounts"]


def test_another_mapping_is_another_fingerprint(open_mapped: Callable[..., History]) -> None:
    first = open_mapped().fingerprint
    assert open_mapped().fingerprint == first
    assert open_mapped("n * 2", "n * 3").fingerprint != first


REFUSED = {
    "unknown source": ('"Feature_Usage"', '"feature_usge"',
        '[tables.usage] source = "feature_usge" is not in {folder}; the closest are feature_usage.'),
    "unknown column": ('"usage date"', '"usage_day"',
        "[tables.usage.columns] day reads column usage_day, which feature_usage.csv does not have; "
        "the closest are usage date."),
    "unknown look-up table": ('lookup = "contracts"', 'lookup = "contract"',
        '[tables.usage] columns.account_id lookup = "contract" is not in {folder}; the closest are contracts.'),
    "unknown column there": ('value = "account_id"', 'value = "account"',
        "[tables.usage.columns] account_id reads column account, which contracts.csv does not have; "
        "the closest are account_id."),
    "unknown key here": ('on = "SUB"', 'on = "subs"',
        "[tables.usage.columns] account_id reads column subs, which feature_usage.csv does not have; "
        "the closest are sub."),
    "unknown column in an expression": ("secs / 60.0", "seconds / 60.0",
        "[tables.usage.columns] minutes: the expression reads column seconds, which is not there; "
        "the closest are secs."),
    "an expression that reads files": ("secs / 60.0", "(SELECT count(*) FROM read_text('/etc/passwd'))",
        "[tables.usage.columns] minutes: the expression must be computed from one row; "
        "use [tables.X] sql for what needs several."),
    "an expression of texts": ("secs / 60.0", "what / 60.0", r"[tables.usage.columns] cannot be computed ("),
    "a table that the contract has not": ("[tables.usage]", "[tables.usages]",
        "{file} has a section [tables.usages], but Tenure has no table usages; the closest are usage, users."),
    "a column that the contract has not": ("day = ", "days = ",
        "{file} maps a column days in [tables.usage.columns] that table usage does not have; the closest are day."),
    "an unknown key": ('source = "contracts"', 'sourse = "contracts"',
        "{file} has a key sourse in [tables.subscriptions] that Tenure does not know; the closest are source."),
    "an unknown key of a column": ("factor = 0.01", "faktor = 0.01",
        "{file} has a key faktor in [tables.subscriptions.columns.mrr] that Tenure does not know; "
        "the closest are factor."),
    "no factor": ("factor = 0.01", "factor = 0",
        "{file}: factor in [tables.subscriptions.columns.mrr] must be a number other than 0."),
    "two origins": ("factor = 0.01", 'expression = "cents"',
        "{file}: mrr in [tables.subscriptions.columns] must be exactly one of column, expression, lookup and value."),
    "half a look-up": (', value = "account_id" }', " }",
        '{file}: account_id in [tables.usage.columns] must be given with on and value, as in '
        '{ lookup = "subscriptions", on = "id", value = "x" }.'),
    "a zone": ('source = "contracts"', 'source = "contracts"\ntimezone = "Berlin"',
        '{file}: timezone in [tables.subscriptions] must be the name of a time zone, as in "Europe/Berlin".'),
    "an encoding": ('source = "contracts"', 'source = "contracts"\nencoding = "ansi"',
        '{file}: encoding in [tables.subscriptions] must be one of "utf-8", "utf-16", "latin-1", "iso-8859-15", '
        '"cp1250", "cp1252".'),
    "one mark for two": ('source = "contracts"', 'source = "contracts"\ndecimal = ","\nthousands = ","',
        "{file}: thousands in [tables.subscriptions] must be another mark than decimal."),
    "a view beside columns": ('source = "contracts"', 'sql = "SELECT 1"',
        "{file}: [tables.subscriptions] has both sql and columns; sql gives the whole table."),
    "a view that writes": ("", '\n[tables.churns]\nsql = "COPY contracts TO \'x\'"\n',
        "[tables.churns] sql must only read, with SELECT."),
    "a view of a file": ("", '\n[tables.churns]\nsql = "SELECT * FROM read_csv(\'/etc/passwd\')"\n',
        "[tables.churns] sql must not call read_csv, which is no table of the company."),
    "a view of an unknown table": ("", '\n[tables.churns]\nsql = "SELECT * FROM contract"\n',
        "[tables.churns] sql reads contract, which is none of the company's tables; the closest are contracts."),
    "a view of an unknown column": ("", '\n[tables.churns]\nsql = "SELECT tiers FROM contracts"\n',
        '[tables.churns] sql cannot be run (Referenced column "tiers" not found in FROM clause); mend it.'),
    "a view without what is needed": ("", '\n[tables.churns]\nsql = "SELECT account_id FROM contracts"\n',
        "the view of contracts.csv of table churns has no column churned_on; its columns are account_id."),
    "not a section": ("", "\n[tables.churns]\ncolumns = 3\n",
        "{file}: columns in [tables.churns] must be a section, as in [tables.churns.columns]."),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_mapping_that_does_not_fit_is_one_plain_sentence(
    what: str, open_mapped: Callable[..., History], tmp_path: Path
) -> None:
    old, new, says = REFUSED[what]
    with pytest.raises(TenureError) as refusal:
        open_mapped(old, new)
    text = str(refusal.value)
    expected = says.replace("{folder}", str(tmp_path / "company")).replace("{file}", str(tmp_path / "tenure.toml"))
    assert text.startswith(expected) if says.endswith("(") else text == expected, text
    assert text.endswith(".")
    assert "\n" not in text
    assert refusal.value.__cause__ is None


def test_two_tables_must_agree_on_how_a_file_is_written(open_mapped: Callable[..., History]) -> None:
    with pytest.raises(TenureError) as refusal:
        open_mapped(new='\n[tables.churns]\nsource = "contracts"\ndelimiter = ";"\n')
    assert str(refusal.value) == (
        "[tables.subscriptions] and [tables.churns] say different things of how contracts is written; "
        "say the same in both."
    )
