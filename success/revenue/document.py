"""Document: the figures of a period by group in; plain values for JSON and rows for a table out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from success.metric import Metric
from success.periods import Period
from success.revenue import movements

__all__ = ["ALL", "NONE", "ONE", "TOTAL", "Group", "RevenueReport"]

TOTAL = "total"
"""What the group of all accounts is called."""


ALL, NONE, ONE = "everybody", "nobody", "one"
"""Kinds of groups in rows: all accounts, those that are in no group, and one group; the first two are called so too."""


@dataclass(frozen=True)
class Group:
    """The figures of one group of accounts.

    Parameters
    ----------
    name : of the group; empty for the accounts that are in none.
    movement : by name, from opening to closing, money.
    metrics : by name.
    flags : sentences on what is far apart.
    """

    name: str
    movement: dict[str, float]
    metrics: dict[str, Metric]
    flags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "group": self.name,
            "movement": self.movement,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "flags": list(self.flags),
        }


@dataclass(frozen=True)
class RevenueReport:
    """The figures of one period.

    Parameters
    ----------
    until : the end of the days that figures run over, exclusive: the period's, or as_of inside it.
    by : what the groups are; None for none.
    notes : sentences on what to know of all of it.
    """

    period: Period
    as_of: dt.date
    until: dt.date
    currency: str | None
    by: str | None
    total: Group
    groups: tuple[Group, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "period": self.period.name,
            "from": str(self.period.start),
            "until": str(self.period.until),
            "as_of": str(self.as_of),
            "partial_until": None if self.until == self.period.until else str(self.until),
            "currency": self.currency,
            "by": self.by,
            "total": self.total.to_json(),
            "groups": [group.to_json() for group in self.groups],
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row a group and figure, the total first, for a table: movements, then metrics."""
        moves = {d.name: d for d in movements.DEFINITIONS}
        rows = []
        for by, group in ((None, self.total), *((self.by, group) for group in self.groups)):
            kind = ALL if group is self.total else ONE if group.name else NONE
            moved = [Metric(moves[name], value, value) for name, value in group.movement.items()]
            for metric in (*moved, *group.metrics.values()):
                rows.append(
                    {
                        "period": self.period.name,
                        "by": by or "",
                        "group": group.name if kind == ONE else kind,
                        "group_kind": kind,
                        "metric": metric.definition.name,
                        "value": metric.value,
                        "unit": metric.definition.unit,
                        "numerator": metric.numerator,
                        "denominator": metric.denominator,
                        "note": metric.note,
                        "formula": metric.definition.formula,
                    }
                )
        return rows
