"""Revision 0002: facts of accounts, the book of a run, alerts and what is to be sent of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add what is new; no row that is there is touched."""
    op.add_column(
        "tenure_scores",
        sa.Column("facts", sa.LargeBinary, comment="JSON object, likewise: what was known of the account that day"),
    )
    op.create_table(
        "tenure_books",
        sa.Column("run_id", _NUMBER, sa.ForeignKey("tenure_runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False, comment="Parquet: every row of the run as typed columns"),
        sa.Column("checksum", sa.BigInteger, nullable=False, comment="CRC-32 of the content"),
    )
    op.create_table(
        "tenure_alerts",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
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
    )
    op.create_index("tenure_alerts_account", "tenure_alerts", ["account_id"])
    op.create_index("tenure_alerts_closed", "tenure_alerts", ["closed_on"])
    op.create_index("tenure_alerts_opened", "tenure_alerts", ["opened_on"])
    op.create_table(
        "tenure_alert_state",
        sa.Column("rule_hash", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False, comment="JSON: where the account stands with the rule"),
    )
    op.create_table(
        "tenure_alert_days",
        sa.Column("rule_hash", sa.String(64), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("run_key", sa.String(32), nullable=False, comment="of the run that was evaluated"),
    )
    op.create_table(
        "tenure_outbox",
        sa.Column("id", sa.String(64), primary_key=True, comment="stable id of the message"),
        sa.Column("alert_key", sa.String(64), nullable=False),
        sa.Column("kind", sa.Text, nullable=False, comment="opened or cleared"),
        sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
        sa.Column("created_on", sa.Date, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_at", _MOMENT, comment="not tried before; null for at once, and once it is delivered or dead"),
        sa.Column("delivered_at", _MOMENT),
        sa.Column("dead_at", _MOMENT, comment="when it was given up"),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("tenure_outbox_next", "tenure_outbox", ["next_at"])
