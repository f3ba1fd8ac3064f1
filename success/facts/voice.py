"""Voice: what an account's people last answered, what its CSM noted, whom they recommended us to, why they leave."""

from __future__ import annotations

import datetime as dt

from features.history import History
from success.facts.asking import Told, asked, has, on_record, recent

__all__ = ["advocacy", "exits", "surveys"]

_KINDS = ("nps", "csat", "ces")
_REASONS = 3


def surveys(history: History, as_of: dt.date) -> Told | None:
    """The last answer of each kind, the highest where several came at once, and the role of who gave it."""
    if "surveys" not in history.tables:
        return None
    rows = f"(SELECT *, NULL AS role FROM {history.visible('surveys', as_of)})"
    if has(history, "users", "role") and has(history, "surveys", "user_id"):
        roles = f"(SELECT user_id, account_id, role FROM {history.visible('users', as_of)})"
        rows = f"(SELECT * FROM {history.visible('surveys', as_of)} LEFT JOIN {roles} USING (account_id, user_id))"

    def last(kind: str, role: str = ", 'role': role") -> str:
        told = f"{{'score': CAST(score AS DOUBLE), 'on': {on_record('responded_at')}{role}}}"
        return f"first({told} ORDER BY responded_at DESC, score DESC, user_id) FILTER (WHERE kind = '{kind}')"

    told = ", ".join(f"{last(kind)} AS {kind}" for kind in _KINDS)
    found = asked(
        history, f"SELECT account_id, {told}, {last('csm_pulse', '')} AS pulse FROM {rows} GROUP BY account_id"
    )
    return Told(found, {})


def advocacy(history: History, as_of: dt.date) -> Told | None:
    """The last act of advocacy, and how many there were within a year."""
    if "advocacy" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, {on_record("max(occurred_on)")} AS last_on,
               first(kind ORDER BY occurred_on DESC, kind) AS kind,
               count(*) FILTER (WHERE {recent("occurred_on", as_of, 365)}) AS count_365d
        FROM {history.visible("advocacy", as_of)} GROUP BY account_id
        """,
    )
    return Told(found, {"count_365d": 0})


def exits(history: History, as_of: dt.date) -> Told | None:
    """The reasons that were stated for leaving, newest first."""
    if "exits" not in history.tables:
        return None
    found = asked(
        history,
        f"""
        SELECT account_id, list({{'reason': reason, 'on': {on_record("asked_on")}}}
                                ORDER BY asked_on DESC, reason)[1:{_REASONS}] AS reasons
        FROM {history.visible("exits", as_of)} GROUP BY account_id
        """,
    )
    return Told({account: row["reasons"] for account, row in found.items()}, [])
