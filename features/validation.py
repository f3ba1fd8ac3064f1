"""Validation: finds the rows that cannot be right, each with its rule, its reason and the time this became visible.

A violation has a `since`: the first moment at which somebody who knew only the rows known then could see it. A row is
set aside for as_of days after that moment and kept for earlier ones, so that nothing later changes an earlier day.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from features.casting import quoted
from features.contract import CONTRACT, SURVEY_SCALES, Table
from features.loading import ALWAYS

__all__ = ["VIOLATIONS_DDL", "find_violations", "set_aside"]

VIOLATIONS_DDL = """
CREATE TABLE violations ("table" VARCHAR, _row BIGINT, rule VARCHAR, reason VARCHAR, since TIMESTAMP, line VARCHAR)
"""


def find_violations(con: duckdb.DuckDBPyConnection, present: list[str]) -> None:
    """Fill `violations`; rules run from the row alone to the row among others, a bad row being judged once."""
    for name in present:
        table = CONTRACT[name]
        for rule, reason, condition, since in _row_rules(table):
            _add(con, name, rule, reason, condition, since)
        set_aside(con, name)
    for name in present:
        if name != "accounts" and "account_id" in CONTRACT[name].by_name:
            _add(
                con,
                name,
                "unknown account",
                "'account_id ' || account_id || ' is not in table accounts'",
                "account_id NOT IN (SELECT account_id FROM accounts)",
                ALWAYS,
            )
            set_aside(con, name)
    _add_usage_before_account(con)
    set_aside(con, "usage")
    for name in present:
        if CONTRACT[name].key:
            _add_duplicates(con, CONTRACT[name])
            set_aside(con, name)


def set_aside(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Mark each bad row with the time since when it is, and remove those that were bad whenever they were visible."""
    name = quoted(table)
    con.execute(
        f"""
        UPDATE {name} SET _bad_from = least(_bad_from, bad.since)
        FROM (SELECT _row, min(since) AS since FROM violations WHERE "table" = '{table}' GROUP BY _row) AS bad
        WHERE bad._row = {name}._row
        """
    )
    con.execute(f"DELETE FROM {name} WHERE _bad_from <= _known OR _known IS NULL AND _bad_from IS NOT NULL")


def _add(con: duckdb.DuckDBPyConnection, table: str, rule: str, reason: str, condition: str, since: str) -> None:
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{table}', _row, '{rule}', {reason}, {since}, NULL FROM {quoted(table)} WHERE {condition}
        """
    )


def _row_rules(table: Table) -> Iterator[tuple[str, str, str, str]]:
    """(rule, SQL of the reason, SQL of the condition, SQL of since) for each rule that looks at one row alone."""
    yield "wrong type", "_uncast || ' is not of its type'", "_uncast IS NOT NULL", ALWAYS
    required = [c.name for c in table.columns if c.required]
    first_empty = " ".join(f"WHEN {quoted(c)} IS NULL THEN '{c}'" for c in required)
    yield (
        "missing value",
        f"CASE {first_empty} END || ' is empty'",
        " OR ".join(f"{quoted(c)} IS NULL" for c in required),
        ALWAYS,
    )
    for column in table.columns:
        name = quoted(column.name)
        since = quoted(f"_{column.name}_known") if column.late else ALWAYS
        if column.low is not None or column.high is not None:
            low, high = column.low, column.high
            wrong = [f"{name} < {low}"] * (low is not None) + [f"{name} > {high}"] * (high is not None)
            yield "out of range", f"'{column.name} is ' || {name}", " OR ".join(wrong), since
        if column.choices:
            listed = ", ".join(f"'{c}'" for c in column.choices)
            yield "out of range", f"'{column.name} is ' || {name}", f"{name} NOT IN ({listed})", since
    if table.name == "surveys":
        wrong = [f"kind = '{k}' AND NOT score BETWEEN {lo} AND {hi}" for k, (lo, hi) in SURVEY_SCALES.items()]
        yield (
            "out of range",
            "'a score of ' || score || ' is outside the scale of ' || kind",
            " OR ".join(wrong),
            ALWAYS,
        )
    for earlier, later in table.ordered:
        since = quoted(f"_{later}_known") if table.by_name[later].late else ALWAYS
        yield (
            "end before start",
            f"'{later} ' || {quoted(later)} || ' is before {earlier} ' || {quoted(earlier)}",
            f"{quoted(later)} < {quoted(earlier)}",
            since,
        )


def _add_usage_before_account(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""
        INSERT INTO violations
        SELECT 'usage', usage._row, 'usage before the account',
               'used on ' || usage.day || ' but the account was created on ' || accounts.created_on, {ALWAYS}, NULL
        FROM usage JOIN accounts USING (account_id)
        WHERE usage.day < accounts.created_on
        """
    )


def _add_duplicates(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Of rows with one key the first known stays; rows known at the same time are told apart by their content.

    Content, not place in the file, decides ties, so that the order of rows changes nothing.
    """
    name = quoted(table.name)
    key = ", ".join(quoted(c) for c in table.key)
    shown = " || ' ' || ".join(quoted(c) for c in table.key)
    content = ", ".join(quoted(c.name) for c in table.columns)
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{table.name}', _row, 'duplicate key', '{" ".join(table.key)} ' || {shown} || ' is there already',
               _known, NULL
        FROM {name}
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _known, {content}, _row) > 1
        """
    )
