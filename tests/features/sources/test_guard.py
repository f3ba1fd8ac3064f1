"""SQL from settings may compute on the company's tables and do nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from features.sources.guard import GuardError, check_expression, check_query
from features.sources.sandbox import Sandbox
from features.sources.scratch import Scratch

EXPRESSIONS = [
    "a / 60.0",
    "CASE WHEN a > 1 THEN 'x' END",
    "coalesce(nullif(a, 0), 1)",
    "strptime(a, '%d.%m.%Y')",
    "list_filter([a], lambda x: x > 1)[1]",
    "a AT TIME ZONE 'UTC'",
    "CAST(a AS DATE) + INTERVAL 1 DAY",
]
BAD_EXPRESSIONS = [
    "1), (2",
    "a) AS x FROM secrets --",
    "a FROM t",
    "(SELECT 1)",
    "(SELECT content FROM read_text('/etc/passwd'))",
    "count(*)",
    "sum(a)",
    "row_number() OVER ()",
    "now()",
    "current_date",
    "random()",
    "getenv('HOME')",
    "current_setting('temp_directory')",
    "read_csv('x')",
    "nextval('s')",
    "a; DROP TABLE t",
    "$1",
    "*",
    "b",
    "",
]
QUERIES = [
    "SELECT * FROM t",
    "SELECT * FROM src.T AS x JOIN t USING (a)",
    "WITH q AS (SELECT a FROM t) SELECT * FROM q UNION ALL SELECT a FROM t",
    "SELECT a, lag(a) OVER (ORDER BY b), row_number() OVER () FROM t QUALIFY true",
    "SELECT a, sum(b) FROM t GROUP BY ALL HAVING count(*) > 1 ORDER BY 1 LIMIT 3",
    "SELECT unnest(generate_series(1, 3)) AS n FROM t",
]
BAD_QUERIES = [
    "SELECT * FROM 'other.csv'",
    "SELECT * FROM read_csv('other.csv')",
    "SELECT * FROM read_parquet('other.parquet')",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "SELECT (SELECT content FROM read_text('/etc/passwd')) FROM t",
    "SELECT * FROM t WHERE a IN (SELECT file FROM glob('/*'))",
    "WITH t AS (SELECT * FROM read_blob('x')) SELECT * FROM t",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('t')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM db.main.t",
    "SELECT * FROM elsewhere",
    "SELECT now() FROM t",
    "SELECT current_timestamp FROM t",
    "SELECT uuid() FROM t",
    "SELECT * FROM t TABLESAMPLE 10 %",
    "SELECT ? FROM t",
    "SELECT 1; SELECT 2",
    "SELECT * FROM t; DROP TABLE t",
    "COPY t TO 'out.csv'",
    "COPY t FROM 'in.csv'",
    "INSERT INTO t VALUES (1)",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "UPDATE t SET a = 1",
    "CREATE TABLE x AS SELECT 1",
    "DROP TABLE t",
    "ATTACH 'x.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "EXPORT DATABASE 'x'",
    "SHOW TABLES",
    "DESCRIBE t",
    "EXPLAIN SELECT 1",
    "SELECT write_log('x')",
    "SELECT * FROM (SHOW TABLES)",
    "",
]


@pytest.mark.parametrize("sql", EXPRESSIONS)
def test_an_expression_names_its_columns(sql: str) -> None:
    assert check_expression(duckdb.connect(), sql, ["A", "c"]) == {"a"}


@pytest.mark.parametrize("sql", BAD_EXPRESSIONS)
def test_what_is_no_value_of_one_row_is_refused(sql: str) -> None:
    with pytest.raises(GuardError) as refusal:
        check_expression(duckdb.connect(), sql, ["a"])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_names_its_tables(sql: str) -> None:
    assert check_query(duckdb.connect(), sql, ["t", "u"]) == {"t"}


@pytest.mark.parametrize("sql", BAD_QUERIES)
def test_what_is_no_query_of_the_companys_tables_is_refused(sql: str) -> None:
    with pytest.raises(GuardError) as refusal:
        check_query(duckdb.connect(), sql, ["t"])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{other}')",
        "SELECT * FROM read_csv('{folder}/../{name}')",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_paths = ['{other}']",
        "RESET lock_configuration",
        "SELECT * FROM company",
    ],
)
def test_what_the_guard_would_miss_the_sandbox_stops(sql: str, tmp_path: Path) -> None:
    company = [1]  # DuckDB would read a Python variable of this name
    other, own, scratch = tmp_path / "other.csv", tmp_path / "own.csv", Scratch()
    for file in (other, own):
        file.write_text("a\n1\n")
    names = {"other": other, "folder": scratch.folder, "name": other.name, "out": tmp_path / "out.csv"}
    with Sandbox(scratch, [own]) as sandbox:
        assert sandbox.con.execute(f"SELECT * FROM read_csv('{own}')").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error):
            sandbox.con.execute(sql.format(**names))
    assert not (tmp_path / "out.csv").exists()
    assert company == [1]


def test_a_scratch_folder_goes_with_what_holds_it() -> None:
    scratch = Scratch()
    folder = scratch.folder
    scratch.file(".csv").write_text("secret")
    assert folder.stat().st_mode & 0o077 == 0
    del scratch
    assert not folder.exists()
