"""Revision 0003: reports on periods, so that a service without the history can tell them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; no row that is there is touched."""
    op.create_table(
        "tenure_reports",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
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
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="JSON object, packed by serving/store/reports.py"),
    )
    op.create_index("tenure_reports_period", "tenure_reports", ["kind", "period", "by_group"])
