"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

__all__ = [
    "METADATA",
    "Utc",
    "alert_days",
    "alert_state",
    "alerts",
    "baselines",
    "books",
    "feedback",
    "outbox",
    "reports",
    "runs",
    "scores",
    "tokens",
]


class Utc(sa.types.TypeDecorator[dt.datetime]):
    """A moment with its zone in Python, UTC in the database, on both databases."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


METADATA = sa.MetaData()


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True)


runs = sa.Table(
    "tenure_runs",
    METADATA,
    _id(),
    sa.Column("key", sa.String(32), nullable=False, unique=True, comment="random: runs of two stores differ in it too"),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("computed_at", Utc, nullable=False),
    sa.Column("model_version", sa.Text, comment="of churn; null where no model scored"),
    sa.Column("expansion_version", sa.Text),
    sa.Column("catalogue_hash", sa.Text, nullable=False),
    sa.Column("accounts", sa.Integer, nullable=False),
    sa.Column("statuses", sa.Text, nullable=False, comment="JSON: accounts by status"),
    sa.Column("header", sa.Text, nullable=False, comment="JSON: what is said once of all rows"),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of all that it says, but when it was computed"),
    sa.Index("tenure_runs_as_of", "as_of", "id"),
)
"""One scoring of one day. The last run of a day is what holds for it; earlier ones stay, since they were told."""

scores = sa.Table(
    "tenure_scores",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("tenure_runs.id"), primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("as_of", sa.Date, nullable=False, comment="that of the run"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("csm_id", sa.Text, comment="who looked after it on that day"),
    sa.Column("segment", sa.Text),
    sa.Column("mrr", sa.Double),
    sa.Column("mrr_at_risk", sa.Double),
    sa.Column("figures", sa.Text, nullable=False, comment="JSON: the row of the score file without drivers"),
    sa.Column("drivers", sa.LargeBinary, comment="JSON list, packed by serving/store/packing.py"),
    sa.Column("expansion_drivers", sa.LargeBinary, comment="likewise"),
    sa.Column("features", sa.LargeBinary, comment="JSON object, likewise: what the models were given"),
    sa.Column("frozen", sa.LargeBinary, comment="JSON object, likewise: the last score before the account churned"),
    sa.Column("facts", sa.LargeBinary, comment="JSON object, likewise: what was known of the account that day"),
    sa.Index("tenure_scores_account", "account_id", "as_of"),
)

books = sa.Table(
    "tenure_books",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("tenure_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="Parquet: every row of the run as typed columns"),
    sa.Column("checksum", sa.BigInteger, nullable=False, comment="CRC-32 of the content"),
)
"""A run once more, by columns, for what is made of all accounts at once; a run without one is read row by row."""

baselines = sa.Table(
    "tenure_baselines",
    METADATA,
    _id(),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="period or assignment"),
    sa.Column("period", sa.Text, nullable=False, comment="2025-07: the month; or the day of the assignment"),
    sa.Column(
        "csm_id",
        sa.Text,
        nullable=False,
        server_default=sa.text("''"),
        comment="whose book; empty: everybody's",
    ),
    sa.Column("as_of", sa.Date, nullable=False, comment="what was known then"),
    sa.Column("model_version", sa.Text, comment="null where a rate of the segment stands in"),
    sa.Column("expected_mrr", sa.Double, nullable=False),
    sa.Column("expected_churn", sa.Double, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, comment="JSON: whatever else the report will need"),
    sa.Column("computed_at", Utc, nullable=False),
    sa.UniqueConstraint("account_id", "kind", "period", "csm_id", name="tenure_baselines_once"),
)
"""Append-only: the migration adds triggers that refuse to change or delete a row."""

tokens = sa.Table(
    "tenure_tokens",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True, comment="public: part of the token, told in audit lines"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the secret part"),
    sa.Column("scopes", sa.Text, nullable=False, comment="space-separated: score, read, admin"),
    sa.Column("csm_id", sa.Text, comment="the only book that it sees; null for all"),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("expires_at", Utc),
    sa.Column("revoked_at", Utc),
)

feedback = sa.Table(
    "tenure_feedback",
    METADATA,
    _id(),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False, comment="handled, disagree or not_savable"),
    sa.Column("until", sa.Date, comment="snoozed before this day"),
    sa.Column("as_of", sa.Date, nullable=False, comment="the scored day that it speaks of"),
    sa.Column("token_id", sa.String(16), nullable=False),
    sa.Column("csm_id", sa.Text, comment="the book that the token is bound to"),
    sa.Column("given_at", Utc, nullable=False),
    sa.Index("tenure_feedback_account", "account_id", "given_at"),
)

alerts = sa.Table(
    "tenure_alerts",
    METADATA,
    _id(),
    sa.Column("key", sa.String(64), nullable=False, unique=True, comment="stable id of the episode"),
    sa.Column("rule", sa.Text, nullable=False, comment="its name"),
    sa.Column("rule_hash", sa.String(64), nullable=False, comment="of what the rule means, whatever its name"),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("csm_id", sa.Text, comment="who looked after it on the day it opened"),
    sa.Column("opened_on", sa.Date, nullable=False, comment="the scored day"),
    sa.Column("closed_on", sa.Date, comment="likewise; null while it is open"),
    sa.Column("value", sa.Double, comment="that opened it"),
    sa.Column("detail", sa.Text, nullable=False, comment="JSON: sentence, drivers, play"),
    sa.Column("withheld", sa.Text, comment="why nobody was told: the control arm; null for told"),
    sa.Index("tenure_alerts_account", "account_id"),
    sa.Index("tenure_alerts_closed", "closed_on"),
    sa.Index("tenure_alerts_opened", "opened_on"),
)
"""Episodes: from the day that a rule's condition was met until the day that it no longer was."""

alert_state = sa.Table(
    "tenure_alert_state",
    METADATA,
    sa.Column("rule_hash", sa.String(64), primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="JSON: where the account stands with the rule"),
)

alert_days = sa.Table(
    "tenure_alert_days",
    METADATA,
    sa.Column("rule_hash", sa.String(64), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("run_key", sa.String(32), nullable=False, comment="of the run that was evaluated"),
)
"""The days that a rule was evaluated on, so that evaluating one again changes nothing."""

outbox = sa.Table(
    "tenure_outbox",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True, comment="stable id of the message"),
    sa.Column("alert_key", sa.String(64), nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="opened or cleared"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
    sa.Column("created_on", sa.Date, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("next_at", Utc, comment="not tried before; null for at once, and once it is delivered or dead"),
    sa.Column("delivered_at", Utc),
    sa.Column("dead_at", Utc, comment="when it was given up"),
    sa.Column("last_error", sa.Text),
    sa.Index("tenure_outbox_next", "next_at"),
)
"""What is to be sent, written with the alert that it tells of; it stays when it was sent."""

reports = sa.Table(
    "tenure_reports",
    METADATA,
    _id(),
    sa.Column("kind", sa.Text, nullable=False, comment="roi or revenue"),
    sa.Column("period", sa.Text, nullable=False, comment="2025Q3, 2025-07 or 2025"),
    sa.Column(
        "by_group",
        sa.Text,
        nullable=False,
        server_default=sa.text("''"),
        comment="what revenue is told by; empty: by nothing",
    ),
    sa.Column("as_of", sa.Date, nullable=False, comment="what was known then"),
    sa.Column("computed_at", Utc, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="JSON object, packed by serving/store/reports.py"),
    sa.Index("tenure_reports_period", "kind", "period", "by_group"),
)
"""Reports on periods. Of one period the one that knew the most holds; the others stay, since they were told."""
