"""Address: where the score store is, as a database URL that no message, log or repr shows a password of."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from serving.store.errors import StoreError

__all__ = ["FILE", "VARIABLE", "Address", "address_of"]

FILE = "scores.db"
VARIABLE = "TENURE_STORE"
_ACCEPTED = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class Address:
    """Where a store is.

    Parameters
    ----------
    url : as SQLAlchemy takes it, with the password.
    shown : for people and logs: without user, password and options.
    file : of an SQLite store; None on a server.
    """

    url: sa.URL = field(repr=False)
    shown: str
    file: Path | None = None

    def __str__(self) -> str:
        return self.shown


def address_of(home: Path, url: str | None = None) -> Address:
    """The store of a home.

    Parameters
    ----------
    url : postgresql://user:password@host:port/database; None or empty for what TENURE_STORE says, and for the file
        `scores.db` of the home where that says nothing. What the URL leaves out comes from PGUSER, PGPASSWORD,
        ~/.pgpass and the like, as with any client of the server.

    Raises
    ------
    StoreError : it is the URL of something else.

    >>> address_of(Path("home"), "postgres://me:secret@db.local:5433/tenure?sslmode=require")
    Address(shown='postgresql://db.local:5433/tenure', file=None)
    """
    said = url or os.environ.get(VARIABLE)
    if not said:
        file = Path(home) / FILE
        return Address(sa.URL.create("sqlite", database=str(file)), str(file), file)
    try:
        parsed = sa.make_url(said)
    except (sa.exc.ArgumentError, ValueError):  # neither is told, since either may quote the password
        raise _no_url() from None
    if parsed.drivername not in _ACCEPTED:
        raise StoreError(
            f'The score store cannot be kept in "{parsed.drivername}://"; give postgresql://user@host/database with '
            f"--store or {VARIABLE}, or neither for the file {FILE} of the home."
        )
    if set("/@") & set(parsed.database or ""):  # the rest of a password that was not escaped
        raise _no_url()
    place = parsed.host or "localhost"
    place += f":{parsed.port}" if parsed.port else ""
    return Address(parsed.set(drivername="postgresql+psycopg"), f"postgresql://{place}/{parsed.database or ''}")


def _no_url() -> StoreError:
    return StoreError(
        "The address of the score store is no URL; write it as postgresql://user:password@host:5432/database, with "
        "%-escapes for special characters in the password."
    )
