"""Groups: who an account belongs to in; what it pays on each day, cut where it changes hands, out."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from features.errors import TenureError
from features.history import History
from features.ledger import Ledger

__all__ = ["GROUPINGS", "check_grouping", "grouped_steps", "months_held"]

GROUPINGS = ("segment", "plan", "csm", "seller", "cohort")
"""What figures can be told by. cohort: the quarter in which an account first had a paid subscription."""

_EVER = "DATE '1000-01-01'"
"""Before every subscription."""


def check_grouping(by: str | None) -> None:
    """Refuse a grouping that there is not.

    Raises
    ------
    TenureError : naming those that there are.
    """
    if by is not None and by not in GROUPINGS:
        raise TenureError(f'Figures cannot be told by "{by}"; there are {", ".join(GROUPINGS)}.')


def grouped_steps(history: History, ledger: Ledger, by: str | None, as_of: dt.date) -> pd.DataFrame:
    """The steps of a ledger, cut where an account's group changes, as known on a day.

    segment is that of the account's version that is valid on the day, from its first known version backwards; plan that
    of its dearest subscription; csm who holds it on the day, the one assigned last where there are several; seller who
    sold it; cohort the quarter in which its first paid subscription started.

    Parameters
    ----------
    by : one of GROUPINGS; None: all accounts are one group.

    Returns
    -------
    The columns of `Ledger.steps`, and group (str; empty where there is none). Sorted by account_id and from_on.

    Raises
    ------
    TenureError : there is no such grouping.
    """
    check_grouping(by)
    steps = ledger.steps
    if by is None:
        return steps.assign(group="")
    if by == "plan":
        return steps.assign(group=steps["plan"].fillna(""))
    if by == "cohort":
        first = ledger.periods.groupby("account_id")["began_on"].min()
        quarter = first.dt.year.astype(str) + "Q" + first.dt.quarter.astype(str)
        return steps.assign(group=steps["account_id"].map(quarter).fillna(""))
    sql = {"segment": _segments, "csm": _holders, "seller": _sellers}[by](history, as_of)
    return _cut(steps, _spans(history, sql) if sql else None)


def months_held(history: History, as_of: dt.date) -> frozenset[tuple[str, dt.date]]:
    """Every CSM and first day of a month in which an account with a paid subscription was theirs, before as_of."""
    if "assignments" not in history.tables:
        return frozenset()
    day = f"DATE '{as_of.isoformat()}'"
    rows = history.con.execute(
        f"""
        WITH days AS (
            SELECT "group" AS csm_id, greatest(from_on, started_on) AS begins,
                   least(coalesce(until_on, {day}), coalesce(ended_on, {day}), {day}) AS ends
            FROM ({_holders(history, as_of)}) AS held
            JOIN (
                SELECT CAST(account_id AS VARCHAR) AS account_id, started_on, ended_on
                FROM {history.visible("subscriptions", as_of)} WHERE NOT coalesce(trial, false)
            ) AS paid USING (account_id)
            WHERE "group" <> ''
        )
        SELECT DISTINCT csm_id, CAST(unnest(generate_series(date_trunc('month', begins), ends - INTERVAL 1 DAY,
                                                            INTERVAL 1 MONTH)) AS DATE) AS month
        FROM days WHERE begins < ends
        """
    ).fetchall()
    return frozenset((str(csm), month) for csm, month in rows)


def _cut(steps: pd.DataFrame, spans: pd.DataFrame | None) -> pd.DataFrame:
    """Steps cut by spans that cover all days of an account; an account without any is in no group."""
    if spans is None:
        return steps.assign(group="")
    both = steps.merge(spans, on="account_id", how="left", suffixes=("", "_span"))
    forever = pd.Timestamp("9999-01-01")
    begins = both["from_on"].where(~(both["from_on_span"] > both["from_on"]), both["from_on_span"])
    ends = both["until_on"].fillna(forever)
    ends = ends.where(~(both["until_on_span"] < ends), both["until_on_span"])
    both = both.assign(from_on=begins, until_on=ends.mask(ends == forever), group=both["group"].fillna(""))
    both = both[begins < ends].sort_values(["account_id", "from_on"])
    return both[[*steps.columns, "group"]].reset_index(drop=True)


def _spans(history: History, sql: str) -> pd.DataFrame:
    frame = history.con.execute(sql).df()
    for column in ("from_on", "until_on"):
        frame[column] = frame[column].astype("datetime64[us]")
    return frame


def _constant(history: History, as_of: dt.date, column: str) -> str:
    """SQL: account_id, from_on, until_on (NULL: for ever), group, by a column of accounts that has one value."""
    return f"""
    SELECT CAST(account_id AS VARCHAR) AS account_id, {_EVER} AS from_on, CAST(NULL AS DATE) AS until_on,
           coalesce({column}, '') AS "group" FROM {history.visible("accounts", as_of)}
    """


def _sellers(history: History, as_of: dt.date) -> str:
    """SQL: the same, by who sold an account."""
    return _constant(history, as_of, "sold_by")


def _segments(history: History, as_of: dt.date) -> str:
    """SQL: the same, by the versions of each account."""
    if "valid_from" not in history.columns["accounts"]:
        return _constant(history, as_of, "segment")
    return f"""
    WITH versions AS (
        SELECT CAST(account_id AS VARCHAR) AS account_id, valid_from, coalesce(max(segment), '') AS "group"
        FROM {history.versions("accounts", as_of)} GROUP BY account_id, valid_from
    ),
    known AS (
        -- A version that is to come has no date, and only counts where there is no other.
        SELECT * FROM versions
        QUALIFY valid_from IS NOT NULL OR "group" <> '' OR count(*) OVER (PARTITION BY account_id) = 1
    )
    SELECT account_id, CASE WHEN row_number() OVER mine = 1 THEN {_EVER} ELSE valid_from END AS from_on,
           lead(valid_from) OVER mine AS until_on, "group"
    FROM known WINDOW mine AS (PARTITION BY account_id ORDER BY valid_from NULLS FIRST)
    """


def _holders(history: History, as_of: dt.date) -> str:
    """SQL: the same, by assignments; empty without such a table."""
    if "assignments" not in history.tables:
        return ""
    return f"""
    WITH held AS (
        SELECT CAST(account_id AS VARCHAR) AS account_id, csm_id, from_on, to_on
        FROM {history.visible("assignments", as_of)}
    ),
    days AS (
        SELECT account_id, {_EVER} AS from_on FROM held UNION SELECT account_id, from_on FROM held
        UNION SELECT account_id, to_on FROM held WHERE to_on IS NOT NULL
    ),
    spans AS (
        SELECT *, lead(from_on) OVER (PARTITION BY account_id ORDER BY from_on) AS until_on FROM days
    )
    SELECT spans.account_id, spans.from_on, spans.until_on,
           coalesce(first(csm_id ORDER BY held.from_on DESC, csm_id), '') AS "group"
    FROM spans LEFT JOIN held ON held.account_id = spans.account_id
        AND held.from_on <= spans.from_on AND (to_on IS NULL OR to_on > spans.from_on)
    GROUP BY ALL ORDER BY ALL
    """
