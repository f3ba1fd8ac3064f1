"""The data contract: every table of a company's history, its columns, and when each value may be seen.

A value is seen at an as_of day only if its time lies strictly before that day. A row's time is the later of its
event time and `recorded_at`; a column that is filled in after its row (`late`) has a time of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CONTRACT", "END_REASONS", "SURVEY_SCALES", "Column", "Table"]

END_REASONS = ("voluntary", "involuntary", "superseded", "completed", "merged")

Kind = Literal["text", "integer", "number", "money", "boolean", "date", "time"]


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : its name in the contract.
    kind : what its values are; money and other numbers are decimals, times are UTC.
    required : the table is refused without the column, a row is set aside without a value.
    late : the column whose time makes this one visible; itself for a date that is filled in later.
    low, high : inclusive bounds of a value that can be right.
    choices : the only values that can be right.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    late: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table.

    Parameters
    ----------
    event : the columns whose earliest value is the row's event time; none for a table without time.
    key : the columns that name a row; a second row with the same key is set aside.
    ordered : pairs (earlier, later) that a row must not have the wrong way round.
    periods : columns that name whose periods the rows are, then start and end; periods of one must not overlap.
    planned : whether a row may be dated ahead of the day on which it is read.
    versioned : whether one key may have several dated versions, each with `valid_from`; the latest one known holds.
    """

    name: str
    columns: tuple[Column, ...]
    event: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    periods: tuple[str, ...] = ()
    required: bool = False
    planned: bool = False
    versioned: bool = False

    @property
    def by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}


def _need(name: str, kind: Kind = "text", low: float | None = None) -> Column:
    return Column(name, kind, required=True, low=low)


def _late(name: str, kind: Kind) -> Column:
    """A date or time that is filled in when it comes."""
    return Column(name, kind, late=name)


_TABLES = (
    Table(
        "accounts",
        (
            _need("account_id"),
            _need("created_on", "date"),
            Column("name"),
            Column("segment"),
            Column("industry"),
            Column("region"),
            Column("employees", "integer", low=0),
            Column("touch_model"),
            Column("strategic", "boolean"),
            _late("sold_on", "date"),
            Column("sold_by", late="sold_on"),
            Column("valid_from", "date"),
        ),
        event=("created_on",),
        key=("account_id",),
        required=True,
        versioned=True,
    ),
    Table(
        "users",
        (
            _need("user_id"),
            _need("account_id"),
            _need("created_on", "date"),
            Column("role"),
            Column("department"),
            _late("deactivated_on", "date"),
            Column("valid_from", "date"),
        ),
        event=("created_on",),
        key=("user_id",),
        ordered=(("created_on", "deactivated_on"),),
        versioned=True,
    ),
    Table(
        "subscriptions",
        (
            _need("subscription_id"),
            _need("account_id"),
            _need("plan"),
            _need("started_on", "date"),
            _late("ended_on", "date"),
            Column("end_reason", late="ended_on", choices=END_REASONS),
            Column("renews_on", "date"),
            Column("term_months", "integer", low=1, high=600),
            Column("seats", "integer", low=0),
            _need("mrr", "money"),
            Column("currency"),
            _late("notice_on", "date"),
            _late("notice_withdrawn_on", "date"),
            Column("trial", "boolean"),
        ),
        event=("started_on",),
        key=("subscription_id", "started_on"),
        periods=("subscription_id", "started_on", "ended_on"),
        ordered=(("started_on", "ended_on"), ("started_on", "renews_on"), ("notice_on", "notice_withdrawn_on")),
        required=True,
        planned=True,
    ),
    Table(
        "usage",
        (
            _need("account_id"),
            _need("day", "date"),
            _need("feature"),
            Column("events", "integer", required=True, low=0, high=1_000_000_000),
            Column("user_id"),
            Column("minutes", "number", low=0),
        ),
        event=("day",),
        required=True,
    ),
    Table(
        "entitlements",
        (_need("plan"), _need("feature"), Column("core", "boolean"), Column("monthly_limit", "number", low=0)),
        key=("plan", "feature"),
    ),
    Table(
        "milestones",
        (
            _need("account_id"),
            _need("milestone"),
            Column("kind"),
            Column("due_on", "date"),
            _late("reached_on", "date"),
        ),
        # A plan has no time of its own: without recorded_at it is known once it is due or reached.
        event=("due_on", "reached_on"),
        key=("account_id", "milestone"),
        planned=True,
    ),
    Table(
        "tickets",
        (
            _need("ticket_id"),
            _need("account_id"),
            _need("opened_at", "time"),
            Column("priority"),
            Column("category"),
            Column("user_id"),
            _late("first_response_at", "time"),
            _late("resolved_at", "time"),
            _late("reopened_at", "time"),
            _late("escalated_at", "time"),
            Column("csat", "number", late="csat_at", low=1, high=5),
            _late("csat_at", "time"),
        ),
        event=("opened_at",),
        key=("ticket_id",),
        ordered=(("opened_at", "first_response_at"), ("opened_at", "resolved_at")),
    ),
    Table(
        "invoices",
        (
            _need("invoice_id"),
            _need("account_id"),
            _need("issued_on", "date"),
            _need("due_on", "date"),
            _need("amount", "money"),
            _late("paid_on", "date"),
            _late("voided_on", "date"),
        ),
        event=("issued_on",),
        key=("invoice_id",),
        ordered=(("issued_on", "due_on"),),
        planned=True,
    ),
    Table(
        "payments",
        (
            _need("invoice_id"),
            _need("account_id"),
            _need("attempted_at", "time"),
            _need("succeeded", "boolean"),
            Column("failure_reason"),
        ),
        event=("attempted_at",),
    ),
    Table(
        "cards",
        (_need("account_id"), _need("added_on", "date"), _need("expires_on", "date")),
        event=("added_on",),
        ordered=(("added_on", "expires_on"),),
    ),
    Table(
        "surveys",
        (
            _need("account_id"),
            Column("kind", required=True, choices=("nps", "csat", "ces", "csm_pulse")),
            _need("responded_at", "time"),
            _need("score", "number"),
            Column("user_id"),
            Column("sent_at", "time"),
        ),
        event=("responded_at",),
    ),
    Table(
        "touches",
        (
            _need("account_id"),
            _need("csm_id"),
            _need("occurred_at", "time"),
            Column("kind"),
            Column("direction"),
            Column("answered", "boolean"),
            Column("minutes", "number", low=0),
            Column("proactive", "boolean"),
            Column("satisfaction", "number"),
        ),
        event=("occurred_at",),
    ),
    Table(
        "assignments",
        (_need("account_id"), _need("csm_id"), _need("from_on", "date"), _late("to_on", "date")),
        event=("from_on",),
        ordered=(("from_on", "to_on"),),
        periods=("account_id", "csm_id", "from_on", "to_on"),
        planned=True,
    ),
    Table(
        "advocacy",
        (_need("account_id"), _need("occurred_on", "date"), Column("kind")),
        event=("occurred_on",),
    ),
    Table(
        "exits",
        (_need("account_id"), _need("asked_on", "date"), _need("reason")),
        event=("asked_on",),
    ),
    Table(
        "costs",
        (
            _need("month", "date"),
            _need("category"),
            _need("amount", "money"),
            Column("csm_id"),
            Column("segment"),
        ),
        event=("month",),
        planned=True,
    ),
    Table(
        "churns",
        (_need("account_id"), _need("churned_on", "date"), Column("reason")),
        event=("churned_on",),
    ),
    Table(
        "arms",
        (_need("account_id"), _need("arm"), _need("from_on", "date"), _late("to_on", "date")),
        event=("from_on",),
        ordered=(("from_on", "to_on"),),
        periods=("account_id", "from_on", "to_on"),
        planned=True,
    ),
)

CONTRACT: dict[str, Table] = {table.name: table for table in _TABLES}

SURVEY_SCALES: dict[str, tuple[float, float]] = {
    "nps": (0, 10),
    "csat": (1, 5),
    "ces": (1, 7),
    "csm_pulse": (1, 5),
}
"""The scale of each kind of survey, both ends included."""
