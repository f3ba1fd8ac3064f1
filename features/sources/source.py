"""Source: what the rest of Tenure may ask of one table, wherever its rows come from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Protocol

import duckdb

from features.errors import TenureError

__all__ = ["Source", "closest", "first_line", "literal"]


class Source(Protocol):
    """One table of the company, read row by row in a fixed order.

    Attributes
    ----------
    table : the table's name in the contract.
    label : how messages name the source; never holds a password.
    is_csv : whether lines of text may be broken, so that `recall_rejects` has something to tell.
    """

    @property
    def table(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def is_csv(self) -> bool: ...

    def columns(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Column names, lower-cased as DuckDB compares them, with their DuckDB types; what `sql` has and may lack."""
        ...

    def sql(self) -> str:
        """A relation with the columns that the contract knows; its n-th row is row n of the source."""
        ...

    def original(self) -> str:
        """A relation of the same rows in the same order, as the source holds them."""
        ...

    def recall_rejects(self, con: duckdb.DuckDBPyConnection) -> None:
        """See to it that broken lines stand in `reject_errors`, where DuckDB's own reader leaves them."""
        ...

    def refusal(self, error: Exception) -> TenureError:
        """What a failed read means for the person who owns the source."""
        ...

    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal."""
        ...


def literal(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def closest(name: str, known: Iterable[str], most: int = 3) -> str:
    """The names most like one that is not there, or the first few when none is.

    >>> closest("acount_id", ["account_id", "plan"])
    'account_id'
    """
    names = sorted(known)
    alike = difflib.get_close_matches(name.lower(), names, n=most, cutoff=0.6)
    return ", ".join(alike or names[:8]) or "none"


def first_line(error: Exception) -> str:
    """The first line of an error of DuckDB, without the name of its kind."""
    text = str(error).strip().splitlines()[0]
    head, colon, rest = text.partition("Error: ")
    return (rest if colon and len(head) < 30 else text).strip().rstrip(".!")[:200]
