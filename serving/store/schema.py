"""Schema: brings the tables of a store to today's revision, one process at a time, all of it or nothing."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import sqlalchemy as sa

from serving.store.address import Address
from serving.store.errors import StoreVersionError

__all__ = ["REVISION", "VERSION_TABLE", "migrate", "revision_of"]

REVISION = "0003"
"""Today's; a test holds that the migrations end with it. Known here, so that opening a store needs no Alembic."""
VERSION_TABLE = "tenure_schema"

_ONE_AT_A_TIME = threading.Lock()  # of this process: Alembic's `op` is one for all threads
_LOCK = 0x54656E757265  # the advisory lock on PostgreSQL: "Tenure"

logger = logging.getLogger("tenure.store")


def revision_of(connection: sa.Connection) -> str | None:
    """The revision that a store is at; None where there is none yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))


def migrate(connection: sa.Connection, address: Address) -> None:
    """Bring a store to today's revision, in the transaction of the connection.

    Raises
    ------
    StoreVersionError : it is at a revision that this version does not know.
    """
    # Late: only a new or an old store needs them.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with _ONE_AT_A_TIME:
        if connection.dialect.name == "postgresql":  # SQLite's transaction holds the file already
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        before = revision_of(connection)
        if before == REVISION:  # somebody else was first
            return
        script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
        known = {step.revision for step in script.walk_revisions()}
        if before is not None and before not in known:
            raise newer(address, before)
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        with Operations.context(context):
            for step in reversed(list(script.iterate_revisions(REVISION, before or "base"))):
                step.module.upgrade()
                context.stamp(script, step.revision)
        logger.info("the score store %s is now at revision %s (was %s)", address, REVISION, before or "not there")


def newer(address: Address, revision: str) -> StoreVersionError:
    """What is said of a store that a later version made."""
    return StoreVersionError(
        f"The score store {address} was made by a later version of Tenure (its schema is {revision}, this version "
        f"knows {REVISION}); install that version, or give another store with --store or TENURE_STORE."
    )
