"""Listing: rows in their order, what was left out and what to know of them, in; JSON out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from success.book import records

__all__ = ["Listing"]


@dataclass(frozen=True)
class Listing:
    """A list that a person works through.

    Parameters
    ----------
    rows : the first one first; an account stands in them once at most.
    left_out : how many accounts are not in it, by reason.
    notes : what to know when reading it, each a sentence.
    extra : what else belongs beside the rows, as JSON can say it.
    total : rows in all, where `rows` holds only the first of them.
    """

    rows: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    total: int | None = None

    def to_json(self, count: int | None = None, offset: int = 0) -> dict[str, Any]:
        """The rows from `offset` on, `count` at most, beside how many there are in all.

        >>> Listing(pd.DataFrame({"account_id": ["a", "b", "c"]}), {"snoozed": 1}).to_json(count=1, offset=1)
        {'rows': [{'account_id': 'b'}], 'total': 3, 'left_out': {'snoozed': 1}, 'notes': []}
        """
        shown = self.rows.iloc[offset : None if count is None else offset + count]
        total = len(self.rows) if self.total is None else self.total
        head = {"rows": records(shown), "total": total, "left_out": dict(self.left_out)}
        return {**head, "notes": list(self.notes), **self.extra}
