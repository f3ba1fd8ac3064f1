"""Revision 0001: runs and their scores, baselines that nobody can rewrite, tokens, feedback."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_SAYS = "baselines are never rewritten"


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "tenure_runs",
        _id(),
        sa.Column(
            "key", sa.String(32), nullable=False, unique=True, comment="random: runs of two stores differ in it too"
        ),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("computed_at", _MOMENT, nullable=False),
        sa.Column("model_version", sa.Text, comment="of churn; null where no model scored"),
        sa.Column("expansion_version", sa.Text),
        sa.Column("catalogue_hash", sa.Text, nullable=False),
        sa.Column("accounts", sa.Integer, nullable=False),
        sa.Column("statuses", sa.Text, nullable=False, comment="JSON: accounts by status"),
        sa.Column("header", sa.Text, nullable=False, comment="JSON: what is said once of all rows"),
        sa.Column(
            "digest",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of all that it says, but when it was computed",
        ),
    )
    op.create_index("tenure_runs_as_of", "tenure_runs", ["as_of", "id"])
    op.create_table(
        "tenure_scores",
        sa.Column("run_id", _NUMBER, sa.ForeignKey("tenure_runs.id"), primary_key=True),
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
    )
    op.create_index("tenure_scores_account", "tenure_scores", ["account_id", "as_of"])
    op.create_table(
        "tenure_baselines",
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
        sa.Column("computed_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("account_id", "kind", "period", "csm_id", name="tenure_baselines_once"),
    )
    op.create_table(
        "tenure_tokens",
        sa.Column("id", sa.String(16), primary_key=True, comment="public: part of the token, told in audit lines"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the secret part"),
        sa.Column("scopes", sa.Text, nullable=False, comment="space-separated: score, read, admin"),
        sa.Column("csm_id", sa.Text, comment="the only book that it sees; null for all"),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
    )
    op.create_table(
        "tenure_feedback",
        _id(),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False, comment="handled, disagree or not_savable"),
        sa.Column("until", sa.Date, comment="snoozed before this day"),
        sa.Column("as_of", sa.Date, nullable=False, comment="the scored day that it speaks of"),
        sa.Column("token_id", sa.String(16), nullable=False),
        sa.Column("csm_id", sa.Text, comment="the book that the token is bound to"),
        sa.Column("given_at", _MOMENT, nullable=False),
    )
    op.create_index("tenure_feedback_account", "tenure_feedback", ["account_id", "given_at"])
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def _id() -> sa.Column[Any]:
    return sa.Column("id", _NUMBER, primary_key=True, autoincrement=True)


# INSERT OR REPLACE deletes the row that stands without asking the trigger on DELETE, hence the one on INSERT.
_SQLITE = (
    "CREATE TRIGGER tenure_baselines_no_update BEFORE UPDATE ON tenure_baselines "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    "CREATE TRIGGER tenure_baselines_no_delete BEFORE DELETE ON tenure_baselines "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    "CREATE TRIGGER tenure_baselines_no_replace BEFORE INSERT ON tenure_baselines WHEN EXISTS (SELECT 1 FROM "
    "tenure_baselines WHERE id = NEW.id OR (account_id = NEW.account_id AND kind = NEW.kind AND period = NEW.period "
    f"AND csm_id = NEW.csm_id)) BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
)
_POSTGRESQL = (
    "CREATE FUNCTION tenure_baselines_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_SAYS}'; END $$",
    "CREATE TRIGGER tenure_baselines_no_change BEFORE UPDATE OR DELETE ON tenure_baselines "
    "FOR EACH ROW EXECUTE FUNCTION tenure_baselines_refuse()",
    "CREATE TRIGGER tenure_baselines_no_truncate BEFORE TRUNCATE ON tenure_baselines "
    "FOR EACH STATEMENT EXECUTE FUNCTION tenure_baselines_refuse()",
)
