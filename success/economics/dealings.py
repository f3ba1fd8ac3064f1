"""Dealings: a history and the days of a period in; users, answers, touches and first uses that happened in them, out.

Everything as known strictly before as_of, and nothing that happened on or after the end of the period. Each frame has
an account_id; None stands for what the history has no table or column for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from features.errors import TenureError
from features.history import History
from success.periods import Period

__all__ = ["QUARTER", "WEEK", "YEAR", "Dealings", "answers_of", "dealings_of", "lives_of", "touches_of", "users_of"]

YEAR, QUARTER, WEEK = 365, 90, 7
"""Days that answers, touches and use are looked for before the end."""


@dataclass(frozen=True)
class Dealings:
    """What happened between a company's people and its customers in a period.

    Parameters
    ----------
    users, answers, touches, lives : as from the functions of these names.
    used_until : the end of the days on which usage is on record; None where there is none to rely on.
    """

    users: pd.DataFrame | None
    answers: pd.DataFrame | None
    touches: pd.DataFrame | None
    lives: pd.DataFrame | None
    used_until: dt.date | None


def dealings_of(history: History, period: Period, as_of: dt.date) -> Dealings:
    """Everything that happened in a period, until as_of where that lies inside it."""
    until = period.known_until(as_of)
    return Dealings(
        users_of(history, until, as_of),
        answers_of(history, until, as_of),
        touches_of(history, max(period.start, until - dt.timedelta(days=QUARTER)), until, as_of),
        lives_of(history, period.start, until, as_of),
        _used_until(history, as_of),
    )


def _used_until(history: History, as_of: dt.date) -> dt.date | None:
    try:
        return history.observed_period(as_of)[1]
    except TenureError:
        return None


def users_of(history: History, until: dt.date, as_of: dt.date) -> pd.DataFrame | None:
    """How many users accounts had on the day before `until`, and how many of them used the product.

    Returns
    -------
    A row an account with users: registered (ever), ever_used (of those), staying (those who had not left), active_week
    (of those, who used it in the last 7 days).
    """
    if not _has(history, "usage", "user_id") or "users" not in history.tables:
        return None
    persons = f"(SELECT * FROM {history.visible('usage_persons', as_of)} WHERE day < {_day(until)})"
    recent = f"(SELECT * FROM {history.visible('usage_people', as_of)} WHERE day < {_day(until)} "
    recent += f"AND day >= {_day(until - dt.timedelta(days=WEEK))})"
    return _framed(
        history,
        f"""
        WITH known AS (
            SELECT {_text("account_id")}, {_text("user_id")},
                   deactivated_on IS NULL OR deactivated_on >= {_day(until)} AS stays
            FROM {history.visible("users", as_of)} WHERE created_on < {_day(until)}
        ),
        used AS (SELECT DISTINCT {_text("account_id")}, {_text("user_id")}, true AS used FROM {persons}),
        came AS (SELECT DISTINCT {_text("account_id")}, {_text("user_id")}, true AS came FROM {recent})
        SELECT account_id, count(*) AS registered, count(used) AS ever_used, count(*) FILTER (WHERE stays) AS staying,
               count(came) FILTER (WHERE stays) AS active_week
        FROM known LEFT JOIN used USING (account_id, user_id) LEFT JOIN came USING (account_id, user_id)
        GROUP BY account_id ORDER BY account_id
        """,
    )


def answers_of(history: History, until: dt.date, as_of: dt.date) -> pd.DataFrame | None:
    """The latest NPS answer of each user within 365 days: on, score, role ("" where it is not known).

    Answers without a user cannot be told apart, so each counts. Of answers at the same moment the lowest counts.
    """
    if "surveys" not in history.tables:
        return None
    roles = f"(SELECT {_text('user_id')}, role FROM {history.visible('users', as_of)})"
    if not _has(history, "users", "role"):
        roles = "(SELECT CAST(NULL AS VARCHAR) AS user_id, CAST(NULL AS VARCHAR) AS role WHERE false)"
    since = _day(until - dt.timedelta(days=YEAR))
    return _framed(
        history,
        f"""
        WITH given AS (
            SELECT {_text("account_id")}, {_text("user_id")}, responded_at, CAST(score AS DOUBLE) AS score
            FROM {history.visible("surveys", as_of)}
            WHERE kind = 'nps' AND responded_at >= {since} AND responded_at < {_day(until)}
            QUALIFY user_id IS NULL OR row_number() OVER (
                PARTITION BY account_id, user_id ORDER BY responded_at DESC, score) = 1
        )
        SELECT account_id, CAST(date_trunc('day', responded_at) AS TIMESTAMP) AS "on", score,
               coalesce(lower(trim(role)), '') AS role
        FROM given LEFT JOIN {roles} USING (user_id) ORDER BY account_id, responded_at, score, role
        """,
    )


def touches_of(history: History, since: dt.date, until: dt.date, as_of: dt.date) -> pd.DataFrame | None:
    """Touches on the days `[since, until)` that somebody rated: on, csm_id (who was in touch), satisfaction."""
    if not _has(history, "touches", "satisfaction"):
        return None
    return _framed(
        history,
        f"""
        SELECT {_text("account_id")}, {_text("csm_id")}, CAST(date_trunc('day', occurred_at) AS TIMESTAMP) AS "on",
               CAST(satisfaction AS DOUBLE) AS satisfaction
        FROM {history.visible("touches", as_of)}
        WHERE satisfaction IS NOT NULL AND occurred_at >= {_day(since)} AND occurred_at < {_day(until)}
        ORDER BY account_id, occurred_at, csm_id, satisfaction
        """,
    )


def lives_of(history: History, start: dt.date, until: dt.date, as_of: dt.date) -> pd.DataFrame | None:
    """Accounts sold on the days `[start, until)`, and how long each took to go live, as far as known at as_of.

    Returns
    -------
    A row an account: sold_on, live_on (datetime64; the first milestone of kind live that was reached; NaT: none yet),
    days (from the one to the other, 0 for one that was live before it was sold; NaN: not yet).
    """
    if not _has(history, "accounts", "sold_on") or not _has(history, "milestones", "kind", "reached_on"):
        return None
    return _framed(
        history,
        f"""
        WITH live AS (
            SELECT {_text("account_id")}, min(reached_on) AS reached_on
            FROM {history.visible("milestones", as_of)} WHERE kind = 'live' GROUP BY ALL
        ),
        sold AS (
            SELECT {_text("account_id")}, sold_on FROM {history.visible("accounts", as_of)}
            WHERE sold_on >= {_day(start)} AND sold_on < {_day(until)}
        )
        SELECT account_id, CAST(sold_on AS TIMESTAMP) AS sold_on, CAST(reached_on AS TIMESTAMP) AS live_on,
               CASE WHEN reached_on < sold_on THEN 0.0
                    ELSE CAST(datediff('day', sold_on, reached_on) AS DOUBLE) END AS days
        FROM sold LEFT JOIN live USING (account_id) ORDER BY account_id
        """,
    )


def _has(history: History, table: str, *columns: str) -> bool:
    return table in history.tables and set(columns) <= history.columns[table]


def _day(day: dt.date) -> str:
    return f"DATE '{day.isoformat()}'"


def _text(column: str) -> str:
    """SQL: ids are kept as codes, which do not compare across tables."""
    return f"CAST({column} AS VARCHAR) AS {column}"


def _framed(history: History, sql: str) -> pd.DataFrame:
    return history.con.execute(sql).df()
