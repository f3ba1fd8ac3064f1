"""Validation: finds the rows that cannot be right, each with its rule, its reason and the time this became visible.

A violation has a `since`: the first moment at which somebody who knew only the rows known then could see it. A row is
set aside for as_of days after that moment and kept for earlier ones, so that nothing later changes an earlier day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb

from features.casting import quoted
from features.contract import CONTRACT, SURVEY_SCALES, Table
from features.loading import ALWAYS, FOREVER, late_stamp, latest, uncast_bit

__all__ = ["VIOLATIONS_DDL", "find_violations", "judge_table"]

VIOLATIONS_DDL = """
CREATE TABLE violations (
    "table" VARCHAR, _row BIGINT, rule VARCHAR, reason VARCHAR, since TIMESTAMP, until TIMESTAMP, line VARCHAR,
    _known TIMESTAMP
)
"""
"""One row a broken rule. `_known` is when the row became known; NULL where its time cannot be read, as if it came last.
A violation that ends (`until`) sets nothing aside; it says that a row could not yet be placed."""


def find_violations(con: duckdb.DuckDBPyConnection, present: list[str], today: dt.date | None) -> None:
    """Fill `violations`, from the row alone to the row among others; a row bad from the outset is judged once.

    Parameters
    ----------
    present : the tables that there are.
    today : facts dated after the next midnight are set aside, in no matter which zone it is counted; None takes all.
    """
    for name in ("accounts", *(n for n in present if n != "accounts")):
        judge_table(con, name, today)


def judge_table(con: duckdb.DuckDBPyConnection, name: str, today: dt.date | None) -> None:
    """Fill `violations` with those of one table; accounts must have been judged before."""
    table = CONTRACT[name]
    _add(con, name, list(_row_rules(table, _columns(con, name), today)))
    if name == "accounts":
        _add_duplicates(con, table)
        con.execute(_FIRST_KNOWN)
    elif "account_id" in table.by_name:
        _add_unknown_accounts(con, name)
    if name == "usage":
        _add_usage_before_account(con)
    if name != "accounts" and table.key:
        _add_duplicates(con, table)
    if table.periods:
        _add_overlaps(con, table)


_FIRST_KNOWN = """
CREATE OR REPLACE TEMP TABLE _first_known AS
SELECT account_id, min(_known) AS _known, arg_min(created_on, (_known, created_on)) AS created_on
FROM accounts GROUP BY account_id
"""
"""Since when each account is known, and when it was created by what was known first; versions come later."""


def _set_aside(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Mark each bad row with the time since when it is, and remove those that were bad whenever they were visible."""
    name = quoted(table)
    con.execute(
        f"""
        UPDATE {name} SET _bad_from = least(_bad_from, bad.since)
        FROM (
            SELECT _row, min(since) AS since FROM violations
            WHERE "table" = '{table}' AND until = {FOREVER} GROUP BY _row
        ) AS bad
        WHERE bad._row = {name}._row
        """
    )
    con.execute(f"DELETE FROM {name} WHERE _bad_from <= _known OR _known IS NULL AND _bad_from IS NOT NULL")


def _add(con: duckdb.DuckDBPyConnection, table: str, rules: list[tuple[str, str, str, str]]) -> None:
    """Judge every row by some rules, in one statement, and set aside what fails."""
    found = " UNION ALL ".join(
        f"SELECT _row, '{rule}' AS rule, {reason} AS reason, {since} AS since, _known "
        f"FROM {quoted(table)} WHERE {condition}"
        for rule, reason, condition, since in rules
    )
    added = con.execute(
        f"INSERT INTO violations SELECT '{table}', _row, rule, reason, since, {FOREVER}, NULL, _known FROM ({found})"
    ).fetchone()
    if added and added[0]:
        _set_aside(con, table)


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """The columns of a loaded table, among them its `recorded_at` stamps."""
    return {row[0] for row in con.execute(f"DESCRIBE {quoted(table)}").fetchall()}


def _row_rules(table: Table, stamped: set[str], today: dt.date | None) -> Iterator[tuple[str, str, str, str]]:
    """(rule, SQL of the reason, SQL of the condition, SQL of since) for each rule that looks at one row alone."""
    for column in table.columns:
        name = column.name
        if column.kind != "text":
            # A late value that is none of its type has no time of its own but its stamp's.
            since = f"coalesce({late_stamp(column, stamped)}, {latest(table.name)})" if column.late else ALWAYS
            yield "wrong type", f"'{name} is not of its type'", _uncast(table, name), since
    for stamp in sorted(c for c in stamped if c.endswith("recorded_at")):
        yield "wrong type", f"'{stamp} is not of its type'", _uncast(table, stamp), ALWAYS
    if today and table.event and not table.planned:
        limit = f"TIMESTAMP '{today + dt.timedelta(days=1)}'"
        yield "in the future", "'it is dated ' || strftime(_event, '%Y-%m-%d')", f"_event > {limit}", ALWAYS
    yield from _ahead_rules(table, stamped)
    required = [c.name for c in table.columns if c.required]
    empty = {c: f"({quoted(c)} IS NULL AND NOT {_uncast(table, c)})" for c in required}
    first_empty = " ".join(f"WHEN {condition} THEN '{c}'" for c, condition in empty.items())
    yield (
        "missing value",
        f"CASE {first_empty} END || ' is empty'",
        " OR ".join(empty.values()),
        ALWAYS,
    )
    for column in table.columns:
        name = quoted(column.name)
        since = quoted(f"_{column.name}_known") if column.late else ALWAYS
        # A late value without a time is never seen, so it cannot be wrong.
        seen = f"{since} IS NOT NULL"
        if column.low is not None or column.high is not None:
            low, high = column.low, column.high
            wrong = [f"{name} < {low}"] * (low is not None) + [f"{name} > {high}"] * (high is not None)
            yield "out of range", f"'{column.name} is ' || {name}", f"({' OR '.join(wrong)}) AND {seen}", since
        if column.choices:
            listed = ", ".join(f"'{c}'" for c in column.choices)
            words = f"{', '.join(column.choices[:-1])} or {column.choices[-1]}"
            reason = f"'{column.name} is ' || {name} || ', which is not {words}'"
            yield "out of range", reason, f"{name} NOT IN ({listed}) AND {seen}", since
    if table.name == "surveys":
        wrong = [f"kind = '{k}' AND NOT score BETWEEN {lo} AND {hi}" for k, (lo, hi) in SURVEY_SCALES.items()]
        yield (
            "out of range",
            "'a score of ' || score || ' is outside the scale of ' || kind",
            " OR ".join(wrong),
            ALWAYS,
        )
    for earlier, later in table.ordered:
        known = [quoted(f"_{c}_known") for c in (earlier, later) if table.by_name[c].late]
        seen = "".join(f" AND {k} IS NOT NULL" for k in known)
        yield (
            "end before start",
            f"'{later} ' || {quoted(later)} || ' is before {earlier} ' || {quoted(earlier)}",
            f"{quoted(later)} < {quoted(earlier)}{seen}",
            f"greatest({', '.join(known)})" if known else ALWAYS,
        )


def _uncast(table: Table, column: str) -> str:
    """SQL that is true where a column's value is none of its type."""
    return f"(_uncast & {uncast_bit(table, column)}) > 0"


def _ahead_rules(table: Table, stamped: set[str]) -> Iterator[tuple[str, str, str, str]]:
    """What was written down before it happened; a day's grace forgives clocks and zones."""
    if table.planned:
        return
    pairs = [("_event", "recorded_at")] * bool(table.event)
    pairs += [(c.name, f"{c.name}_recorded_at") for c in table.columns if c.late == c.name and c.kind == "time"]
    for event, stamp in pairs:
        if stamp in stamped:
            what = "it" if event == "_event" else event
            yield (
                "recorded before it happened",
                f"'{what} is dated ' || strftime({quoted(event)}, '%Y-%m-%d') || "
                f"' but {stamp} is ' || strftime({quoted(stamp)}, '%Y-%m-%d')",
                f"{quoted(event)} > {quoted(stamp)} + INTERVAL 1 DAY",
                ALWAYS if event == "_event" else quoted(f"_{event}_known"),
            )


def _add_unknown_accounts(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Rows of an account that never comes, and, for as long as it has not, rows of one that comes after them."""
    name = quoted(table)
    # Each account is looked up once: usage keeps its ids as codes, and 20 million of them are slow to spell out.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _met AS
        SELECT met.account_id, a._known, a.created_on
        FROM (SELECT DISTINCT account_id FROM {name}) AS met
        LEFT JOIN _first_known AS a ON a.account_id = CAST(met.account_id AS VARCHAR)
        """
    )
    reason = "'account_id ' || account_id || ' is not in table accounts'"
    never = "account_id IN (SELECT account_id FROM _met WHERE _known IS NULL AND account_id IS NOT NULL)"
    _add(con, table, [("unknown account", reason, never, ALWAYS)])
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{table}', t._row, 'unknown account', 'account_id ' || t.account_id || ' is not known yet',
               {ALWAYS}, met._known, NULL, t._known
        FROM {name} AS t JOIN _met AS met USING (account_id) WHERE met._known > t._known
        """
    )
    # What is of an account that nobody knew says nothing on that day, not even how far the history reaches.
    con.execute(
        f"UPDATE {name} SET _known = met._known FROM _met AS met "
        f"WHERE met.account_id = {name}.account_id AND met._known > {name}._known"
    )


def _add_usage_before_account(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""
        INSERT INTO violations
        SELECT 'usage', usage._row, 'usage before the account',
               'used on ' || usage.day || ' but the account was created on ' || met.created_on,
               {ALWAYS}, {FOREVER}, NULL, usage._known
        FROM usage JOIN _met AS met USING (account_id)
        WHERE usage.day < met.created_on
        """
    )
    _set_aside(con, "usage")


def _add_overlaps(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Of two periods of one thing that overlap the one known later is set aside, once both and the end are known.

    A period without a visible end is not judged: its end may be on its way.
    """
    name = quoted(table.name)
    *whose, start, end = table.periods
    shown = " || ' ' || ".join(f"later.{quoted(c)}" for c in whose)
    begins, ends, known = quoted(start), quoted(end), quoted(f"_{end}_known")
    # Of equal starts the one whose end was known first stands, so that an end recorded later changes no earlier day.
    told_by = [f"coalesce(CAST({{0}}.{quoted(c.name)} AS VARCHAR), '')" for c in table.columns if not c.late]
    order = ", ".join([*(f"{{0}}.{c}" for c in ("_known", f"{known} IS NULL", known, ends)), *told_by, "{0}._row"])
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{table.name}', _row, 'overlapping periods', arg_min(reason, (since, reason)), min(since), {FOREVER},
               NULL, any_value(_known)
        FROM (
            SELECT CASE WHEN earlier._known > later._known THEN earlier._row ELSE later._row END AS _row,
                   greatest(earlier._known, later._known) AS _known,
                   greatest(earlier._known, later._known, earlier.{known}) AS since,
                   'of ' || {shown} || ' one period ends on ' || earlier.{ends} || ' and another starts on ' ||
                   later.{begins} AS reason
            FROM {name} AS earlier JOIN {name} AS later ON {
            " AND ".join(f"earlier.{quoted(c)} = later.{quoted(c)}" for c in whose)
        }
            WHERE (earlier.{begins} < later.{begins}
                   OR earlier.{begins} = later.{begins}
                   AND row({order.format("earlier")}) < row({order.format("later")}))
              AND earlier.{known} IS NOT NULL AND earlier.{ends} > later.{begins}
        ) GROUP BY _row
        """
    )
    _set_aside(con, table.name)


def _add_duplicates(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Of rows with one key the first known stays; rows known at the same time are told apart by their content.

    Content, not place in the file, decides ties, so that the order of rows changes nothing; and what is filled in
    later decides only where all else is equal, the earlier known first, so that it changes no earlier day.
    """
    name = quoted(table.name)
    names = (*table.key, "valid_from") if table.versioned else table.key
    key = ", ".join(quoted(c) for c in names)
    shown = " || ' ' || ".join(quoted(c) for c in table.key)
    late = [c.name for c in table.columns if c.late]
    order = [quoted(c.name) for c in table.columns if not c.late]
    if late:
        order.append(f"least({', '.join(quoted(f'_{c}_known') for c in late)})")
        order += [quoted(f"_{c}_known") for c in late] + [quoted(c) for c in late]
    con.execute(
        f"""
        INSERT INTO violations
        SELECT '{table.name}', _row, 'duplicate key', '{" ".join(table.key)} ' || {shown} || ' is there already',
               _known, {FOREVER}, NULL, _known
        FROM {name}
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _known, {", ".join(order)}, _row) > 1
        """
    )
    _set_aside(con, table.name)
