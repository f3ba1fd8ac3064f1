"""Failures: an error of the database or its driver in; one plain sentence, without secrets or accounts, out."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator

import sqlalchemy as sa

from serving.store.address import Address
from serving.store.errors import StoreError, StoreUnreachableError

__all__ = ["in_plain_words"]

_LATER = "try again in a moment"
_ROOM = ("has no room left on its disk", "free some and try again")
_BUSY = ("is being written to by somebody else for too long", _LATER)
_GONE = ("does not answer", _LATER)
_RIGHTS = ("may not be used by this user", "grant it the rights")

# What a server says, by SQLSTATE or its first two characters. Only our words are told: a driver's may quote anything.
_PASSING = {
    "53100": _ROOM,
    "53": ("has no room for another connection or statement", _LATER),
    "57014": ("took too long for an answer", _LATER),
    "55P03": _BUSY,
    "40": _BUSY,
    "57": ("is starting, stopping or was restarted", _LATER),
    "08": _GONE,
    "25006": ("may only be read, as a standby may", "give the one that may be written, or " + _LATER),
}
_LASTING = {
    "28": ("refuses the user or the password", "correct --store or TENURE_STORE"),
    "3D000": ("is not there", "make the database first (createdb)"),
    "42501": _RIGHTS,
    "3F000": _RIGHTS,  # of all schemas there is none that the user may use
}
# A connection that fails has no SQLSTATE, only the server's or the system's words.
_WORDS = (
    (r"is starting up|is shutting down|too many (clients|connections)|remaining connection slots", _PASSING["57"]),
    (r"password|authentication|pg_hba|role .* does not exist|permission denied for database", _LASTING["28"]),
    (r"database .* does not exist", _LASTING["3D000"]),
    (r"invalid (connection option|.*value|sslmode)", ("has an address with an option that PostgreSQL does not know",
                                                      "correct --store or TENURE_STORE")),
)  # fmt: skip
# Of SQLite, by the primary code.
_FILE_PASSING = {
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_IOERR: ("cannot be read or written by its disk", "see to the disk and try again"),
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "see whether its folder is there and may be used"),
}
_FILE_LASTING = {
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", "move it away, or restore it from a backup"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a backup"),
    sqlite3.SQLITE_READONLY: ("may not be written", "correct who may write the file and its folder"),
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_AUTH: _RIGHTS,
}


@contextlib.contextmanager
def in_plain_words(address: Address, *, writes: bool = False) -> Iterator[None]:
    """Let no error of the database or of its driver through.

    Parameters
    ----------
    writes : whether to say that nothing was changed, where that is certain.

    Raises
    ------
    StoreUnreachableError : asking again may help.
    StoreError : it will not.
    """
    try:
        yield
    except sa.exc.TimeoutError:
        raise StoreUnreachableError(f"The score store {address} has all its connections in use; {_LATER}.") from None
    except sa.exc.DBAPIError as error:
        raise _told(address, error.orig, writes) from None
    except sa.exc.SQLAlchemyError as error:  # a mistake of ours, which the traceback tells
        raise StoreError(f"The score store {address} cannot do that ({type(error).__name__}).") from error
    except sqlite3.Error as error:
        raise _told(address, error, writes) from None
    except Exception as error:  # of any driver; each leaves in plain words, or as it came
        # A driver's own class, met where it is used without SQLAlchemy; psycopg may not be installed.
        if type(error).__module__.partition(".")[0] == "psycopg":
            raise _told(address, error, writes) from None
        raise


def _told(address: Address, error: BaseException | None, writes: bool) -> StoreError:
    kind, (fault, advice) = _judged(error)
    # Whether a commit came through cannot be known once the connection is gone.
    unchanged = ", so nothing was changed" if writes and (fault, advice) != _GONE else ""
    return kind(f"The score store {address} {fault}{unchanged}; {advice}.")


def _judged(error: BaseException | None) -> tuple[type[StoreError], tuple[str, str]]:
    """Whether an error may pass, what it says, and what to do."""
    if isinstance(error, sqlite3.Error):
        primary = getattr(error, "sqlite_errorcode", -1) & 0xFF
        if primary in _FILE_PASSING:
            return StoreUnreachableError, _FILE_PASSING[primary]
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return StoreError, _FILE_LASTING.get(primary, _refused(name))
    state = getattr(error, "sqlstate", None)
    if state:
        for part in (state, state[:2]):
            if part in _PASSING:
                return StoreUnreachableError, _PASSING[part]
            if part in _LASTING:
                return StoreError, _LASTING[part]
        return StoreError, _refused(state)
    for pattern, says in _WORDS:
        if re.search(pattern, str(error), re.IGNORECASE):
            return (StoreUnreachableError if says in _PASSING.values() else StoreError), says
    if type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout", "InternalError"):
        return StoreUnreachableError, _GONE
    return StoreError, _refused(type(error).__name__)


def _refused(name: str) -> tuple[str, str]:
    return f"refuses that ({name})", "see what was done to it since it last worked"
