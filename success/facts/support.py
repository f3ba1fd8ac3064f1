"""Support: the tickets of an account that are open, and what came in lately."""

from __future__ import annotations

import datetime as dt

from features.history import History
from success.facts.asking import Told, asked, has, on_record, recent, told_without

__all__ = ["tickets"]

_WORST = ("urgent", "high", "normal", "low")


def tickets(history: History, as_of: dt.date) -> Told | None:
    """Open tickets, the day of the oldest, the worst priority among them, how many of them were escalated; 90 days'."""
    if "tickets" not in history.tables:
        return None
    still = "resolved_at IS NULL"
    rank = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(_WORST))
    worst = f"arg_min(priority, CASE priority {rank} ELSE {len(_WORST)} END) FILTER (WHERE {still})"
    came = recent("opened_at", as_of, 90)
    found = asked(
        history,
        f"""
        SELECT account_id, count(*) FILTER (WHERE {still}) AS open,
               {on_record(f"min(opened_at) FILTER (WHERE {still})")} AS oldest_open_on, {worst} AS worst,
               count(escalated_at) FILTER (WHERE {still}) AS escalated,
               count(*) FILTER (WHERE {came}) AS opened_90d,
               count(*) FILTER (WHERE {came} AND priority IN ('urgent', 'high')) AS urgent_90d
        FROM {history.visible("tickets", as_of)} GROUP BY account_id
        """,
    )
    needs = {
        "open": ("resolved_at",),
        "oldest_open_on": ("resolved_at",),
        "worst": ("resolved_at", "priority"),
        "escalated": ("resolved_at", "escalated_at"),
        "urgent_90d": ("priority",),
    }
    lacking = [name for name, columns in needs.items() if not has(history, "tickets", *columns)]
    return told_without(found, {"open": 0, "escalated": 0, "opened_90d": 0, "urgent_90d": 0}, lacking)
