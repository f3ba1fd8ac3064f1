"""People: who champions the product and decides, who of them left, who ever came, and how far the start has come."""

from __future__ import annotations

import datetime as dt
from typing import Any

from features.history import History
from success.facts.asking import Told, asked, has, on_record, recent, told_without

__all__ = ["milestones", "sponsors", "users"]

_NAMED = 3  # user ids of each role
_OPEN, _RECENT = 6, 4
_SPONSORS = ("champion", "decision_maker")


def sponsors(history: History, as_of: dt.date) -> Told | None:
    """Champions and decision makers who are there, and those who left within a year; roles as of the day."""
    if not has(history, "users", "role"):
        return None
    roles = ", ".join(f"'{role}'" for role in _SPONSORS)

    def those(role: str) -> str:
        here = f"role = '{role}' AND deactivated_on IS NULL"
        ids = f"list(user_id ORDER BY created_on, user_id) FILTER (WHERE {here})"
        return f"{{'count': count(*) FILTER (WHERE {here}), 'ids': coalesce({ids}, [])[1:{_NAMED}]}}"

    gone = recent("deactivated_on", as_of, 365)
    found = asked(
        history,
        f"""
        SELECT account_id, {those("champion")} AS champions, {those("decision_maker")} AS decision_makers,
               coalesce(list({{'id': user_id, 'role': role, 'on': {on_record("deactivated_on")}}}
                             ORDER BY deactivated_on DESC, user_id) FILTER (WHERE {gone}), [])[1:{_NAMED}] AS "left"
        FROM {history.visible("users", as_of)} WHERE role IN ({roles}) GROUP BY account_id
        """,
    )
    nobody: dict[str, Any] = {"count": 0, "ids": []}
    lacking = [] if has(history, "users", "deactivated_on") else ["left"]
    return told_without(found, {"champions": nobody, "decision_makers": nobody, "left": []}, lacking)


def users(history: History, as_of: dt.date) -> Told | None:
    """How many users were ever registered, are so still, and, of all of them, ever used the product."""
    if "users" not in history.tables:
        return None
    used = "(SELECT DISTINCT CAST(account_id AS VARCHAR) AS account_id, CAST(user_id AS VARCHAR) AS user_id "
    used += f"FROM {history.visible('usage_persons', as_of)})"
    found = asked(
        history,
        f"""
        SELECT account_id, count(*) AS registered, count(*) FILTER (WHERE deactivated_on IS NULL) AS staying,
               count(u.user_id) AS ever_used
        FROM {history.visible("users", as_of)} LEFT JOIN {used} AS u USING (account_id, user_id) GROUP BY account_id
        """,
    )
    lacking = [] if has(history, "users", "deactivated_on") else ["staying"]
    lacking += [] if has(history, "usage", "user_id") else ["ever_used"]
    return told_without(found, dict.fromkeys(("registered", "staying", "ever_used"), 0), lacking)


def milestones(history: History, as_of: dt.date) -> Told | None:
    """Milestones that are not reached, those reached lately, and the day of the first that means value.

    Going live and reaching a goal mean value, as for the feature days_to_first_value.
    """
    if not has(history, "milestones", "reached_on"):
        return None
    told = f"{{'name': milestone, 'kind': kind, 'due_on': {on_record('due_on')}"
    found = asked(
        history,
        f"""
        SELECT account_id, count(*) AS count, count(reached_on) AS reached,
               coalesce(list({told}}} ORDER BY due_on DESC NULLS LAST, milestone)
                        FILTER (WHERE reached_on IS NULL), [])[1:{_OPEN}] AS open,
               coalesce(list({told}, 'reached_on': {on_record("reached_on")}}} ORDER BY reached_on DESC, milestone)
                        FILTER (WHERE {recent("reached_on", as_of, 90)}), [])[1:{_RECENT}] AS recent,
               {on_record("min(reached_on) FILTER (WHERE kind IN ('live', 'goal'))")} AS first_value_on
        FROM {history.visible("milestones", as_of)} GROUP BY account_id
        """,
    )
    lacking = [] if has(history, "milestones", "kind") else ["first_value_on"]
    return told_without(found, {"count": 0, "reached": 0, "open": [], "recent": []}, lacking)
