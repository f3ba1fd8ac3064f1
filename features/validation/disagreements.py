"""Disagreements: where two tables say different things about one fact, counted and with examples.

Of two tables that disagree, one is wrong, and mostly nobody can say from the tables alone which one. So almost all of
this is *reported* and nothing is set aside: taking rows away would replace a known doubt by a silent choice.

**Set aside** (`set_aside_contradictions`, rule `contradicts its invoice`): a payment made by another account than the
one its invoice was issued to. The payment names its account twice, by itself and through its invoice, so the row
cannot be right as it stands. It is bad since both were known, and a record that comes later never changes that.

**Reported** (`find_disagreements`):

- A payment of an invoice that is not there names an account that is, and the invoice may still come. To set it aside
  until then would let a record of tomorrow change what was counted yesterday.
- A user of one account seen in another's usage, tickets or surveys may work for both, which `users` cannot express.
- `churns` is only ever checked against `subscriptions`; the label follows the subscriptions. A churn flag of
  `accounts` has no date and is used for nothing.
- An end without a reason counts as voluntary; a `superseded` end without a successor is no churn. Both may be wrong,
  and both change labels.
- Invoices paid although all their payments failed may have been paid by a transfer that `payments` does not hold.
- Use before the first or after the last subscription is kept; a large share means that dates or ids are wrong.
- Plans that `entitlements` does not know, and amounts of another order of magnitude than the MRR, are a matter of names
  and units in the mapping. Currencies are never added; rows are not right or wrong for being in one of them.

`usage` is read once, down to one row an account and user, and once more only where some use lies outside of all
subscriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import duckdb

from features.casting import quoted
from features.contract import CONTRACT
from features.loading import FOREVER
from features.validation.questions import ENDS, PAID, QUESTIONS, count_with_examples
from features.validation.report import Disagreement, percent

if TYPE_CHECKING:
    from features.history import History

__all__ = [
    "CHURN_WORDS",
    "find_disagreements",
    "foreign_columns",
    "set_aside_contradictions",
    "summarise_usage",
]

MUCH_EARLY_USE = 0.25
"""The share of usage before the first subscription from which on dates are more likely wrong than trials unrecorded."""
MAGNITUDE = 6
"""Invoices this many times the MRR, or this many times below it, are of another order of magnitude."""
CHURN_WORDS = r"churn|cancel|closed|terminat|attrit|inactive|\blost\b|\bleft\b|former"
"""What columns and values are called that say an account has gone."""


def set_aside_contradictions(con: duckdb.DuckDBPyConnection, present: list[str]) -> None:
    """Add to `violations` the rows that contradict the row they refer to, since both were known."""
    if not {"payments", "invoices"} <= set(present):
        return
    added = con.execute(
        f"""
        INSERT INTO violations ("table", _row, rule, reason, since, until, _known)
        SELECT 'payments', p._row, 'contradicts its invoice',
               'account_id ' || p.account_id || ' pays invoice ' || i.invoice_id || ' of account ' || i.account_id,
               greatest(p._known, i._known), {FOREVER}, p._known
        FROM payments AS p JOIN invoices AS i USING (invoice_id)
        WHERE p.account_id <> i.account_id
          AND (i._bad_from IS NULL OR i._bad_from > greatest(p._known, i._known))
          AND (p._bad_from IS NULL OR p._bad_from > greatest(p._known, i._known))
        """
    ).fetchone()
    if added and added[0]:
        con.execute(
            """
            UPDATE payments SET _bad_from = least(_bad_from, bad.since)
            FROM (SELECT _row, min(since) AS since FROM violations
                  WHERE "table" = 'payments' AND rule = 'contradicts its invoice' GROUP BY _row) AS bad
            WHERE bad._row = payments._row
            """
        )
        con.execute("DELETE FROM payments WHERE _bad_from <= _known")


def summarise_usage(con: duckdb.DuckDBPyConnection) -> None:
    """Read usage once: a temporary table `_usage_people` of account_id, user_id (text), rows, first and last day."""
    con.execute(
        """
        CREATE TEMP TABLE IF NOT EXISTS _usage_people AS
        SELECT CAST(account_id AS VARCHAR) AS account_id, CAST(user_id AS VARCHAR) AS user_id, rows, first, last
        FROM (SELECT account_id, user_id, count(*) AS rows, min(day) AS first, max(day) AS last
              FROM usage GROUP BY account_id, user_id)
        """
    )


def find_disagreements(history: History) -> list[Disagreement]:
    """Everything on which the tables disagree, what spoils labels first.

    Parameters
    ----------
    history : opened and validated; rows set aside are not looked at again.
    """
    con, grace = history.con, max(history.settings.churn.grace_days, 1)
    summarise_usage(con)
    con.execute(f"CREATE OR REPLACE TEMP VIEW _paid AS {PAID}")
    known = "SELECT max(last) AS day FROM _usage_people"
    if "churns" in history.tables:
        known += " UNION ALL SELECT max(churned_on) FROM churns"
    con.execute(f"CREATE OR REPLACE TEMP TABLE _reach AS SELECT max(day) AS day FROM ({known})")
    con.execute(f"CREATE OR REPLACE TEMP TABLE _ends AS {ENDS.format(grace=grace)}")
    found: list[Disagreement] = []
    for question in QUESTIONS:
        if set(question.tables) <= history.tables:
            found += question.answer(con, grace)
        if question.rule == "churned, but subscriptions know no such end":
            found += _flags(history)
    if "invoices" in history.tables:
        found += _magnitudes(con)
    found += _use_outside(con, grace)
    return found


def foreign_columns(history: History, table: str) -> list[str]:
    """Columns of a table, as its source holds it, that are not called as one of the contract's."""
    described = history.con.execute(f"DESCRIBE SELECT * FROM {history.sources[table].original()}").fetchall()
    known = {c.name for c in CONTRACT[table].columns}
    return [name for name, *_ in described if name.lower() not in known and not name.lower().endswith("recorded_at")]


def _flags(history: History) -> Iterator[Disagreement]:
    """A column of accounts, unknown to the contract, that says by its name that an account has gone."""
    for column in foreign_columns(history, "accounts"):
        if not re.search(CHURN_WORDS, column.replace("_", " "), re.IGNORECASE):
            continue
        raw = f"SELECT row_number() OVER () AS _row, lower(CAST(source.{quoted(column)} AS VARCHAR)) AS said"
        second = ("churns", "churns") if "churns" in history.tables else ("_ends", "subscriptions")
        con = history.con
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE _flagged AS
            SELECT account_id, said IN ('true', 't', 'yes', 'y', '1', '1.0') AS flag, said,
                   account_id IN (SELECT account_id FROM {second[0]}) AS other,
                   account_id IN (SELECT account_id FROM _ends) AS ended
            FROM ({raw} FROM {history.sources["accounts"].original()} AS source) JOIN accounts USING (_row)
            """
        )
        row = con.execute(
            "SELECT count(*), count(*) FILTER (WHERE flag), count(*) FILTER (WHERE other), "
            "count(*) FILTER (WHERE flag AND other), count(*) FILTER (WHERE ended), "
            "bool_and(said IS NULL OR said IN ('true', 'false', 't', 'f', 'yes', 'no', 'y', 'n', '1', '0', '1.0', "
            "'0.0')) FROM _flagged"
        ).fetchone()
        if row is None or not row[5] or not row[1]:
            continue
        total, flagged, other, both, ended, _ = row
        if flagged == other == both:
            continue
        count, examples = count_with_examples(
            con,
            f"SELECT account_id || ': {column.replace(chr(39), '')} is ' || coalesce(flag, false) || ', and ' || "
            f"CASE WHEN other THEN 'it has' ELSE 'it has no' END || ' churn in {second[1]}' AS example "
            "FROM _flagged WHERE coalesce(flag, false) <> other",
        )
        told = [f"{column} is true for {_share(flagged, total)}", f"{second[1]} has churns of {_share(other, total)}"]
        if "churns" in history.tables:
            told.append(f"subscriptions end as a churn for {_share(ended, total)}")
        meaning = (
            f"{'; '.join(told)}; flag and {second[1]} name {both:,} in common. The flag has no date and is used for "
            "nothing; find out which one the company means by churn."
        )
        tables = ("accounts", second[1])
        yield Disagreement(tables, f"{column} against {second[1]}", count, total, "accounts", meaning, examples)


def _share(count: int, total: int) -> str:
    return f"{count:,} accounts ({percent(count, total)})"


def _magnitudes(con: duckdb.DuckDBPyConnection) -> Iterator[Disagreement]:
    """What was invoiced from an account's first invoice to its last, against its MRR over the same days."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _billed AS
        WITH issued AS (
            SELECT account_id, issued_on, sum(amount) AS amount FROM invoices
            WHERE voided_on IS NULL AND _bad_from IS NULL GROUP BY account_id, issued_on
        ),
        spans AS (
            SELECT account_id, min(issued_on) AS first, max(issued_on) AS last,
                   CAST(sum(amount) - arg_max(amount, issued_on) AS DOUBLE) AS billed
            FROM issued GROUP BY account_id HAVING max(issued_on) - min(issued_on) >= 25
        ),
        owed AS (
            SELECT account_id, billed, sum(CAST(mrr AS DOUBLE) * greatest(
                0, least(coalesce(ended_on, last), last) - greatest(started_on, first))) * 12 / 365.25 AS owed
            FROM spans JOIN _paid USING (account_id) GROUP BY account_id, billed
        )
        SELECT account_id, billed, owed, billed / owed AS ratio FROM owed WHERE billed > 0 AND owed > 0
        """
    )
    off = f"NOT ratio BETWEEN {1 / MAGNITUDE} AND {MAGNITUDE}"
    count, examples = count_with_examples(
        con,
        "SELECT account_id || ': ' || printf('%.2f', billed) || ' were invoiced over days for which the MRR comes to ' "
        f"|| printf('%.2f', owed) AS example FROM _billed WHERE {off}",
    )
    row = con.execute(f"SELECT count(*), median(ratio) FILTER (WHERE {off}) FROM _billed").fetchone()
    # A few accounts with a large single bill are no matter of units.
    if row is None or count < max(2, 0.01 * row[0]):
        return
    hints = {
        1 / 12: "mrr looks like a yearly amount",
        12: "mrr looks like a twelfth of a monthly amount",
        1 / 100: "mrr looks like cents, or amount like hundreds",
        100: "amount looks like cents, mrr does not",
    }
    near = [hint for factor, hint in hints.items() if 0.6 <= row[1] / factor <= 1.6]
    meaning = f"In the middle these invoice {row[1]:.2g} times their MRR" + (f": {near[0]}" if near else "")
    meaning += ". Mend the unit of mrr or amount in the mapping."
    tables, rule = ("invoices", "subscriptions"), "invoices of another order of magnitude than the MRR"
    yield Disagreement(tables, rule, count, row[0], "accounts with invoices", meaning, examples)


def _use_outside(con: duckdb.DuckDBPyConnection, grace: int) -> Iterator[Disagreement]:
    """Use long after the last subscription, by accounts that never had one, and much use before the first."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _bounds AS
        SELECT account_id, began, ended + {grace + 30} AS ended, sum(rows) AS rows, min(first) AS first,
               max(last) AS last, ended AS left_on
        FROM _usage_people LEFT JOIN (
            SELECT account_id, min(started_on) AS began, max(coalesce(ended_on, DATE '9999-01-01')) AS ended
            FROM subscriptions WHERE _bad_from IS NULL GROUP BY account_id
        ) USING (account_id) GROUP BY account_id, began, ended
        """
    )
    row = con.execute(
        """
        WITH odd AS (SELECT account_id, began, ended FROM _bounds WHERE first < began OR last > ended)
        SELECT (SELECT sum(rows) FROM _bounds), count(*) FILTER (WHERE day < began),
               count(*) FILTER (WHERE day > ended)
        FROM usage JOIN odd ON odd.account_id = CAST(usage.account_id AS VARCHAR)
        """
    ).fetchone()
    total, early, late = (row[0] or 0, row[1], row[2]) if row else (0, 0, 0)
    tables = ("usage", "subscriptions")
    if early >= MUCH_EARLY_USE * total and early:
        _, examples = count_with_examples(
            con,
            "SELECT account_id || ': used from ' || first || ', subscribed from ' || began AS example "
            "FROM _bounds WHERE first < began",
        )
        meaning = "That is more than use before the sale explains: usage or started_on has wrong dates or wrong ids."
        yield Disagreement(tables, "use before the first subscription", early, total, "usage rows", meaning, examples)
    if late:
        _, examples = count_with_examples(
            con,
            "SELECT account_id || ': used until ' || last || ', but its last subscription ended on ' || left_on "
            "AS example FROM _bounds WHERE last > ended",
        )
        meaning = "The account counts as gone. Look whether ended_on is right, or a later subscription is missing."
        rule = f"use more than {grace + 30} days after the last subscription"
        yield Disagreement(tables, rule, late, total, "usage rows", meaning, examples)
    never, examples = count_with_examples(
        con, "SELECT account_id || ': ' || rows || ' rows' AS example FROM _bounds WHERE began IS NULL"
    )
    if never:
        meaning = "They are never scored. Look whether their subscriptions are missing or under another account_id."
        yield Disagreement(
            tables, "use without any subscription", never, _rows(con, "_bounds"), "accounts with use", meaning, examples
        )


def _rows(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
