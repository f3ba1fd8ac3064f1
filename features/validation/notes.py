"""Notes: what is right in a history but worth knowing before anyone relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.casting import quoted
from features.contract import CONTRACT
from features.sources.lookups import early_rows
from features.validation.vocabulary import foreign_words

if TYPE_CHECKING:
    import duckdb

    from features.history import History

__all__ = ["early_usage", "notes", "warnings"]

QUIET_DAYS = 30
"""A table whose feed stops this many days before usage does is worth a word, if it has not paused as long before."""

_ATTRIBUTES = {"accounts": ("segment", "industry", "region", "employees"), "users": ("role", "department")}


def notes(history: History) -> list[str]:
    """One sentence for each thing worth knowing, in the order of the tables."""
    said = [*_missing_tables(history), *_early_usage(history), *early_rows(history.con, history.sources)]
    said += [*_undated(history), *_quiet_feeds(history), *_few_churns(history), *_converted(history)]
    for table in history.report.tables:
        if table.unknown_columns:
            said.append(f"{table.table}: columns that Tenure does not use: {', '.join(table.unknown_columns)}.")
    return said


def warnings(history: History) -> list[str]:
    """One sentence for each thing that is likely wrong and would spoil what is learned."""
    return [*_lonely_end(history), *_currencies(history), *foreign_words(history)]


def _currencies(history: History) -> list[str]:
    """Without rates nothing converts currencies, so that nothing that adds or compares MRR means anything."""
    if history.settings.revenue.rates or not (listed := _in_currencies(history)):
        return []
    return [
        f"Subscriptions are in several currencies ({listed}), which are never added or converted: turn mrr into one "
        "currency in the mapping, or whatever compares MRR across accounts means nothing."
    ]


def _converted(history: History) -> list[str]:
    """With rates, what they convert and what not."""
    if not history.settings.revenue.rates or not (listed := _in_currencies(history)):
        return []
    return [
        f"Subscriptions are in several currencies ({listed}): what is told of revenue is converted at [revenue.rates], "
        "and scores and lists take mrr as it stands; turn it into one currency in the mapping to compare it there."
    ]


def _in_currencies(history: History) -> str:
    """How many subscriptions are in which currency; empty where there are not several."""
    rows = history.con.execute(
        "SELECT currency, count(*) FROM subscriptions WHERE currency IS NOT NULL AND NOT coalesce(trial, false) "
        "AND _bad_from IS NULL GROUP BY currency ORDER BY count(*) DESC, currency"
    ).fetchall()
    return ", ".join(f"{currency} in {count:,}" for currency, count in rows[:5]) if len(rows) > 1 else ""


def _lonely_end(history: History) -> list[str]:
    """A few usage rows long after all others stretch the observed period over months that nobody observed."""
    row = history.con.execute(
        """
        WITH days AS (SELECT day, count(*) AS rows FROM usage GROUP BY day),
        gaps AS (
            SELECT day, day - lag(day) OVER (ORDER BY day) AS gap, lag(day) OVER (ORDER BY day) AS before,
                   sum(rows) OVER (ORDER BY day DESC) AS after, sum(rows) OVER () AS rows
            FROM days
        )
        SELECT before, day, after FROM gaps WHERE gap >= 14 AND after <= 0.001 * rows ORDER BY day LIMIT 1
        """
    ).fetchone()
    if row is None or history.settings.history.observed_until is not None:
        return []
    before, day, after = row
    return [
        f"Usage stops on {before}, but for {after:,} rows from {day} on, which stretch the observed period: if their "
        "dates are wrong, mend them or set [history] observed_until."
    ]


def _missing_tables(history: History) -> list[str]:
    optional = ("users", "tickets", "invoices", "payments", "cards", "surveys")
    absent = [t for t in optional if t not in history.tables]
    said = [f"There is no table {', '.join(absent)}: what they would tell is missing, not zero."] if absent else []
    if "user_id" not in history.columns["usage"]:
        said.append("usage: there is no user_id, so that nothing is known of how many people use the product.")
    return said


def early_usage(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Rows of usage before their account's first subscription, and all rows of usage."""
    row = con.execute(
        """
        WITH met AS (SELECT DISTINCT account_id FROM usage),
        firsts AS (
            SELECT met.account_id, min(started_on) AS first
            FROM met JOIN subscriptions AS s ON s.account_id = CAST(met.account_id AS VARCHAR) GROUP BY met.account_id
        )
        SELECT count(*) FILTER (WHERE day < first), count(*) FROM usage LEFT JOIN firsts USING (account_id)
        """
    ).fetchone()
    return row or (0, 0)


def _early_usage(history: History) -> list[str]:
    early, total = history.early_usage or early_usage(history.con)
    if not early:
        return []
    kept = (
        "they are kept as use before the sale" if history.early_usage is None else "those after its creation are kept"
    )
    return [
        f"usage: {early:,} of {total:,} rows ({100 * early / total:.1f} %) come before the account's first "
        f"subscription; {kept}."
    ]


def _few_churns(history: History) -> list[str]:
    """Who never left can be told nothing about leaving; training counts again, block by block."""
    row = history.con.execute(
        """
        SELECT count(DISTINCT account_id) FROM subscriptions
        WHERE NOT coalesce(trial, false) AND ended_on IS NOT NULL
          AND coalesce(end_reason, 'voluntary') IN ('voluntary', 'involuntary')
        """
    ).fetchone()
    ended, needed = (row[0] if row else 0), history.settings.training.min_churned
    if ended >= 1.5 * sum(needed):
        return []
    train, calibration, holdout = needed
    return [
        f"subscriptions: {ended:,} accounts have a paid subscription that ended as a churn; training needs {train}, "
        f"{calibration} and {holdout} that churned in three blocks one after the other ([training] min_churned)."
    ]


def _undated(history: History) -> list[str]:
    said = []
    for table, attributes in _ATTRIBUTES.items():
        given = [a for a in attributes if a in history.columns.get(table, ())]
        if given and "valid_from" not in history.columns[table]:
            said.append(
                f"{table}: {', '.join(given)} carry no dates and count as never changed; where they are overwritten "
                "in the source, they can leak the future."
            )
    return said


def _quiet_feeds(history: History) -> list[str]:
    until = history.con.execute("SELECT max(day) FROM usage").fetchone()
    last_use = until[0] if until else None
    said = []
    for name in history.tables:
        if name in ("usage", "accounts", "subscriptions", "costs") or not CONTRACT[name].event or last_use is None:
            continue
        # Where rows are rare, a pause is no news; what is longer than any before it is.
        row = history.con.execute(
            f"""
            SELECT max(day), max(pause)
            FROM (SELECT day, day - lag(day) OVER (ORDER BY day) AS pause
                  FROM (SELECT DISTINCT CAST(_event AS DATE) AS day FROM {quoted(name)} WHERE isfinite(_event)))
            """
        ).fetchone()
        last, pause = row or (None, None)
        if last is not None and (last_use - last).days > max(QUIET_DAYS, pause or 0):
            said.append(f"{name}: its last row is of {last}, but usage goes on to {last_use}; is its feed dead?")
    return sorted(said)
