"""Care: who looks after an account, what they last had to do with each other, and which arm it is in."""

from __future__ import annotations

import datetime as dt

from features.history import History
from success.facts.asking import Told, asked, has, on_record, recent, told_without

__all__ = ["arms", "contact", "csms"]

_TOUCHES = 5


def csms(history: History, as_of: dt.date) -> Told | None:
    """The CSM of a day, the one assigned last where there are several, and since when; as `account_statuses` has it."""
    if "assignments" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, csm_id AS id, {on_record("from_on")} AS since FROM {_holding(history, "assignments", as_of)}
        QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY from_on DESC, csm_id) = 1
        """,
    )
    return Told(found, {})


def arms(history: History, as_of: dt.date) -> Told | None:
    """The arm of a day, as text."""
    if "arms" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, arm FROM {_holding(history, "arms", as_of)}
        QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY from_on DESC, arm) = 1
        """,
    )
    return Told({account: row["arm"] for account, row in found.items()}, None)


def contact(history: History, as_of: dt.date) -> Told | None:
    """The last contacts with an account, newest first; the last one that went both ways; how many there were lately.

    Both ways is a contact that the account began, or one that it answered.
    """
    if "touches" not in history.tables:
        return None
    order = "occurred_at DESC, kind, csm_id, direction, answered, minutes, satisfaction"
    found = asked(
        history,
        f"""
        WITH told AS (
            SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY {order}) AS place,
                   CASE WHEN direction = 'in' THEN 'in' WHEN direction = 'out' AND answered THEN 'answered'
                        WHEN direction = 'out' AND NOT answered THEN 'unanswered' WHEN direction = 'out' THEN 'out' END
                       AS way
            FROM {history.visible("touches", as_of)}
        )
        SELECT account_id,
               list({{'on': {on_record("occurred_at")}, 'kind': kind, 'way': way, 'csm': csm_id,
                     'minutes': CAST(minutes AS DOUBLE), 'satisfaction': CAST(satisfaction AS DOUBLE)}}
                    ORDER BY place) FILTER (WHERE place <= {_TOUCHES}) AS touches,
               count(*) FILTER (WHERE {recent("occurred_at", as_of, 90)}) AS count_90d,
               arg_min({{'on': {on_record("occurred_at")}, 'kind': kind, 'csm': csm_id}}, place)
                   FILTER (WHERE way IN ('in', 'answered')) AS two_way
        FROM told GROUP BY account_id
        """,
    )
    lacking = [] if has(history, "touches", "direction", "answered") else ["two_way"]
    return told_without(found, {"touches": [], "count_90d": 0}, lacking)


def _holding(history: History, table: str, as_of: dt.date) -> str:
    """SQL: the periods that hold on a day."""
    day = f"DATE '{as_of}'"
    held = f"from_on < {day} AND (to_on IS NULL OR to_on >= {day})"
    return f"(SELECT * FROM {history.visible(table, as_of)} WHERE {held})"
