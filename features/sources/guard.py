"""Guard: lets SQL from settings through only if it is one query over the company's own tables.

The text is parsed by DuckDB itself and every node of the tree is looked at: what is not known to be harmless is
refused. Functions may be those that give the same answer for the same row at any time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

from features.sources.source import closest

__all__ = ["GuardError", "check_expression", "check_query"]

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_RELATIONS = {"BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "TABLE_FUNCTION"}
_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}
_CLOCKS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "user",
           "session_user", "current_role", "current_catalog", "current_schema"}  # fmt: skip
_NEVER = {"getenv", "version", "json_execute_serialized_sql", "query", "query_table", "which_secret", "ago",
          "current_database", "current_query", "user", "session_user", "current_user", "current_role"}  # fmt: skip

_MACROS = {"nullif", "split_part", "date_add", "if", "days_in_month", "fdiv", "fmod"}
_WINDOWS = {"row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value", "nth_value", "ntile"}


class GuardError(Exception):
    """Why a piece of SQL is not run; reads as the rest of a sentence that begins with the setting's name."""


def check_query(con: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> set[str]:
    """The tables, in lower case, that one SELECT reads.

    Parameters
    ----------
    tables : the names that it may read, in any case.

    Raises
    ------
    GuardError : it is not one SELECT, or reads or calls something else.
    """
    statement = _parse(con, sql)
    known = {t.lower() for t in tables}
    used: set[str] = set()
    own = {str(entry["key"]).lower() for node in _nodes(statement) for entry in _ctes(node)}
    for node in _nodes(statement):
        kind = node.get("type")
        if "select_list" in node or "cte_map" in node:
            if kind not in _QUERIES:
                raise GuardError("must only read, with SELECT")
        elif kind == "SHOW_REF" or ("alias" in node and "sample" in node and kind not in _RELATIONS):
            raise GuardError("must read tables with plain FROM and JOIN")
        if node.get("sample"):
            raise GuardError("must read whole tables, because a sample is another one each time")
        if kind == "BASE_TABLE":
            name, schema = str(node["table_name"]).lower(), str(node["schema_name"]).lower()
            if not schema and name in own:
                continue
            if node.get("catalog_name") or schema not in ("", "src") or name not in known:
                raise GuardError(
                    f"reads {name}, which is none of the company's tables; the closest are {closest(name, known)}"
                )
            used.add(name)
        if kind == "TABLE_FUNCTION" and str(node["function"].get("function_name")).lower() not in _TABLE_FUNCTIONS:
            raise GuardError(f"must not call {node['function'].get('function_name')}, which is no table of the company")
    _check_calls(con, statement, None)
    return used


def check_expression(con: duckdb.DuckDBPyConnection, sql: str, columns: Collection[str]) -> set[str]:
    """The columns, in lower case, that one value is computed from, row by row.

    Raises
    ------
    GuardError : it is not one value of one row, names an unknown column, or calls what it must not.
    """
    if not sql.strip():
        raise GuardError("must not be empty")
    statement = _parse(con, f"SELECT (\n{sql}\n)")
    node = statement["node"]
    single = node.get("type") == "SELECT_NODE" and len(node["select_list"]) == 1
    if not single or node["from_table"]["type"] != "EMPTY" or node["modifiers"] or node["where_clause"]:
        raise GuardError("must be one value computed from the row's own columns")
    aggregates = _names(con, "aggregate")
    for part in _nodes(node["select_list"]):
        if part.get("class") in ("SUBQUERY", "WINDOW", "STAR") or part.get("function_name", "").lower() in aggregates:
            raise GuardError("must be computed from one row; use [tables.X] sql for what needs several")
    return _check_calls(con, statement, {c.lower() for c in columns})


def _parse(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    row = con.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed.get("error"):
        if "Only SELECT" in parsed.get("error_message", ""):
            raise GuardError("must only read, with SELECT")
        raise GuardError(f"is not SQL that can be read ({str(parsed.get('error_message')).splitlines()[0][:120]})")
    statements = parsed.get("statements") or []
    if len(statements) != 1:
        raise GuardError("must be exactly one SELECT")
    statement: dict[str, Any] = statements[0]
    return statement


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch)


def _ctes(node: dict[str, Any]) -> list[dict[str, Any]]:
    found = node.get("cte_map")
    entries: list[dict[str, Any]] = found.get("map", []) if isinstance(found, dict) else []
    return entries


def _check_calls(con: duckdb.DuckDBPyConnection, tree: Any, columns: set[str] | None) -> set[str]:
    """Refuse unknown and unsteady functions; the columns referred to, checked where they are known."""
    allowed = _steady(con)
    used: set[str] = set()
    parameters = {n for node in _nodes(tree) if node.get("class") == "LAMBDA" for n in _lambda_names(node)}
    for node in _nodes(tree):
        name = str(node.get("function_name", "")).lower()
        if name and not node.get("is_operator") and name not in allowed | _TABLE_FUNCTIONS:
            raise GuardError(f"must not call {name}: it is unknown, or its answer does not come from the row alone")
        if node.get("class") == "PARAMETER":
            raise GuardError("must not have parameters")
        if node.get("class") == "COLUMN_REF":
            column = str(node["column_names"][0]).lower()
            if column in parameters:
                continue
            if columns is None:
                if column in _CLOCKS:
                    raise GuardError(f"must not use {column}: its answer does not come from the row alone")
            elif column not in columns:
                raise GuardError(
                    f"reads column {column}, which is not there; the closest are {closest(column, columns)}"
                )
            else:
                used.add(column)
    return used


def _lambda_names(node: dict[str, Any]) -> Iterator[str]:
    for part in _nodes({k: v for k, v in node.items() if k not in ("expr", "rhs")}):
        if part.get("class") == "COLUMN_REF":
            yield str(part["column_names"][0]).lower()
    for key in ("parameters", "named_parameters", "lambda_parameters"):
        for value in node.get(key) or []:
            yield str(value).lower()


def _names(con: duckdb.DuckDBPyConnection, kind: str) -> set[str]:
    rows = con.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = ?", [kind])
    return {row[0] for row in rows.fetchall()}


def _steady(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Functions whose answer depends on their arguments alone."""
    found = con.execute(
        "SELECT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate') "
        "GROUP BY 1 HAVING bool_and(stability = 'CONSISTENT')"
    ).fetchall()
    lists = {m for m in _names(con, "macro") if m.startswith(("list_", "array_"))}
    return ({row[0] for row in found} | lists | _MACROS | _WINDOWS) - _NEVER
