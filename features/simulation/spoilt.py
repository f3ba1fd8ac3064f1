"""The plans of bad rows: for every rule of validation which rows are copied, and how the copies are spoilt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["PLANS", "Plan"]

Tables = dict[str, pd.DataFrame]
Fit = Callable[[pd.DataFrame, Tables, int], Any]
Spoil = Callable[[pd.Series, Tables, pd.Timestamp], dict[str, Any]]

NOBODY = "A000001"  # real accounts have higher numbers


def _any(rows: pd.DataFrame, tables: Tables, days: int) -> Any:
    return np.ones(len(rows), bool)


def _nothing(row: pd.Series, tables: Tables, until: pd.Timestamp) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Plan:
    """One way to break one rule.

    Parameters
    ----------
    table, rule : what is broken.
    fit : rows of the table that may be copied.
    spoil : new values for some columns of the copy.
    renames : the column that gets a name of its own, so that the copy does not repeat a key.
    text : values that are none of their column's type, by column.
    """

    table: str
    rule: str
    fit: Fit = _any
    spoil: Spoil = _nothing
    renames: str | None = None
    text: dict[str, str] = field(default_factory=dict)


def _set(**values: Any) -> Spoil:
    return lambda row, tables, until: values


def _days(n: float) -> pd.Timedelta:
    return pd.Timedelta(days=n)


def _has(*columns: str) -> Fit:
    return lambda rows, tables, days: rows[list(columns)].notna().all(axis=1)


def _quiet(**values: Any) -> dict[str, Any]:
    """A ticket on which nothing has happened yet."""
    late = ("first_response_at", "resolved_at", "reopened_at", "escalated_at", "csat_at")
    stamps = ("resolved_at_recorded_at", "csat_at_recorded_at")
    return {"csat": np.nan, **dict.fromkeys((*late, *stamps), pd.NaT), **values}


def _later_period(row: pd.Series, tables: Tables, until: pd.Timestamp) -> dict[str, Any]:
    """The same subscription once more, from the middle of the period on, known when both are over."""
    return {
        "started_on": (row.started_on + (row.ended_on - row.started_on) / 2).normalize(),
        "recorded_at": row.ended_on_recorded_at + _days(0.5),
        "ended_on": pd.NaT,
        "ended_on_recorded_at": pd.NaT,
        "end_reason": None,
        "renews_on": pd.NaT,
        "notice_on": pd.NaT,
        "notice_on_recorded_at": pd.NaT,
        "notice_withdrawn_on": pd.NaT,
        "notice_withdrawn_on_recorded_at": pd.NaT,
    }


def _ended(rows: pd.DataFrame, tables: Tables, days: int) -> Any:
    return rows.ended_on.notna() & ((rows.ended_on - rows.started_on).dt.days > 20) & rows.notice_on.isna()


def _created_inside(rows: pd.DataFrame, tables: Tables, days: int) -> Any:
    """Uses of accounts that came well after the history began."""
    accounts = tables["accounts"]
    young = accounts[accounts.created_on > tables["usage"].day.min() + _days(10)].account_id
    return rows.account_id.isin(set(young))


def _before_created(row: pd.Series, tables: Tables, until: pd.Timestamp) -> dict[str, Any]:
    accounts = tables["accounts"]
    return {"day": accounts.created_on[accounts.account_id == row.account_id].min() - _days(3)}


def _someone_else(row: pd.Series, tables: Tables, until: pd.Timestamp) -> dict[str, Any]:
    """Another account, one that was there before the payment."""
    accounts = tables["accounts"]
    others = accounts[(accounts.account_id != row.account_id) & (accounts.created_on <= accounts.created_on.median())]
    return {"account_id": others.sort_values("created_on").account_id.iloc[0]}


def _due(rows: pd.DataFrame, tables: Tables, days: int) -> Any:
    return rows.due_on < tables["usage"].day.max()


def _ended_assignment(rows: pd.DataFrame, tables: Tables, days: int) -> Any:
    return rows.to_on.notna() & ((rows.to_on - rows.from_on).dt.days > 20)


PLANS: tuple[Plan, ...] = (
    Plan("tickets", "wrong type", renames="ticket_id", spoil=lambda r, t, u: _quiet(), text={"opened_at": "yesterday"}),
    Plan("invoices", "wrong type", renames="invoice_id", text={"amount": "about 300"}),
    Plan("payments", "wrong type", text={"succeeded": "perhaps"}),
    Plan("subscriptions", "wrong type", renames="subscription_id", text={"seats": "a dozen"}),
    Plan("tickets", "missing value", renames="ticket_id", spoil=_set(account_id=None)),
    Plan("subscriptions", "missing value", renames="subscription_id", spoil=_set(plan=None)),
    Plan("surveys", "missing value", spoil=_set(score=np.nan)),
    Plan("exits", "missing value", spoil=_set(reason=None)),
    Plan(
        "tickets",
        "in the future",
        renames="ticket_id",
        spoil=lambda r, t, until: _quiet(opened_at=(until + pd.DateOffset(years=70)).tz_localize("UTC")),
    ),
    Plan(
        "advocacy",
        "in the future",
        spoil=lambda r, t, until: {
            "occurred_on": until + pd.DateOffset(years=70),
            "recorded_at": (until + pd.DateOffset(years=70)).tz_localize("UTC"),
        },
    ),
    Plan("usage", "out of range", spoil=_set(events=-3)),
    Plan("touches", "out of range", spoil=_set(minutes=-5.0)),
    Plan("tickets", "out of range", renames="ticket_id", fit=_has("csat"), spoil=_set(csat=9.0)),
    Plan("subscriptions", "out of range", renames="subscription_id", spoil=_set(term_months=0)),
    Plan("surveys", "out of range", fit=lambda rows, t, d: rows.kind == "nps", spoil=_set(score=11.0)),
    Plan("surveys", "out of range", fit=lambda rows, t, d: rows.kind == "csm_pulse", spoil=_set(score=0.0)),
    Plan(
        "subscriptions",
        "end before start",
        renames="subscription_id",
        fit=_ended,
        spoil=lambda r, t, u: {"ended_on": r.started_on - _days(4)},
    ),
    Plan(
        "tickets",
        "end before start",
        renames="ticket_id",
        fit=_has("resolved_at"),
        spoil=lambda r, t, u: _quiet(
            resolved_at=r.opened_at - _days(2), resolved_at_recorded_at=r.resolved_at_recorded_at
        ),
    ),
    Plan(
        "invoices",
        "end before start",
        renames="invoice_id",
        spoil=lambda r, t, u: {"due_on": r.issued_on - _days(1)},
    ),
    Plan("cards", "end before start", spoil=lambda r, t, u: {"expires_on": r.added_on - _days(30)}),
    Plan(
        "users",
        "end before start",
        renames="user_id",
        spoil=lambda r, t, u: {"deactivated_on": r.created_on - _days(9)},
    ),
    Plan("usage", "unknown account", spoil=_set(account_id=NOBODY)),
    Plan("subscriptions", "unknown account", renames="subscription_id", spoil=_set(account_id=NOBODY)),
    Plan("touches", "unknown account", spoil=_set(account_id=NOBODY)),
    Plan("usage", "usage before the account", fit=_created_inside, spoil=_before_created),
    # The copy is recorded later than the row whose key it repeats.
    Plan(
        "subscriptions",
        "duplicate key",
        fit=lambda rows, t, d: rows.ended_on.isna(),
        spoil=lambda r, t, u: {"recorded_at": r.recorded_at + _days(2), "mrr": r.mrr + 1},
    ),
    Plan("tickets", "duplicate key", spoil=lambda r, t, u: _quiet(opened_at=r.opened_at + pd.Timedelta(hours=1))),
    Plan("invoices", "duplicate key", spoil=lambda r, t, u: {"recorded_at": r.recorded_at + _days(1)}),
    Plan(
        "milestones",
        "duplicate key",
        fit=_due,
        spoil=lambda r, t, u: {
            "recorded_at": r.due_on.tz_localize("UTC") + _days(0.5),
            "reached_on": pd.NaT,
            "reached_on_recorded_at": pd.NaT,
        },
    ),
    Plan(
        "touches",
        "recorded before it happened",
        spoil=lambda r, t, u: {"recorded_at": r.occurred_at - _days(5)},
    ),
    Plan(
        "surveys",
        "recorded before it happened",
        spoil=lambda r, t, u: {"recorded_at": r.responded_at - _days(8)},
    ),
    Plan(
        "tickets",
        "recorded before it happened",
        renames="ticket_id",
        fit=_has("resolved_at"),
        spoil=lambda r, t, u: {"resolved_at_recorded_at": r.resolved_at - _days(3)},
    ),
    Plan("subscriptions", "overlapping periods", fit=_ended, spoil=_later_period),
    Plan(
        "assignments",
        "overlapping periods",
        fit=_ended_assignment,
        spoil=lambda r, t, u: {
            "from_on": (r.from_on + (r.to_on - r.from_on) / 2).normalize(),
            "to_on": pd.NaT,
            "recorded_at": r.to_on_recorded_at + _days(0.5),
            "to_on_recorded_at": pd.NaT,
        },
    ),
    Plan(
        "payments",
        "contradicts its invoice",
        fit=lambda rows, t, d: ~rows.succeeded & (t["accounts"].account_id.nunique() > 20),
        spoil=_someone_else,
    ),
)
