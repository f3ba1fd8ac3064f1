"""Algebra: the small language in which a feature says what it measures, over a window and up to as_of.

An expression is plain frozen data and says nothing of any engine; `engine.py` turns it into SQL. Windows are
half-open and end `until` days before as_of: `Window("usage", days=28, until=28)` covers `[as_of - 56, as_of - 28)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Active",
    "Aggregate",
    "Change",
    "Condition",
    "Count",
    "DaysSince",
    "DaysUntil",
    "Distinct",
    "Earliest",
    "Expression",
    "Included",
    "Latest",
    "Least",
    "LimitShare",
    "Mean",
    "MedianHours",
    "Minus",
    "Ratio",
    "Regulars",
    "State",
    "Sum",
    "Window",
]


class Expression:
    """Anything that comes to one value per account and as_of."""


@dataclass(frozen=True)
class Condition:
    """A condition on one column of a row.

    Parameters
    ----------
    test : `in` (the value is one of values), `at least` and `at most` (a number), `empty`, `filled` (visible at
        as_of), `due` (a date before as_of), `after` (later than the column named in values), `role` (a user_id whose
        role at as_of is one of values; any registered user when there are none), `entitled` and `core` (a usage
        feature that the account's plans at as_of include, or include as a core one).
    needed : whether the feature is missing where the source lacks the column; else its values count as empty.
    """

    column: str
    test: Literal["in", "at least", "at most", "empty", "filled", "due", "after", "role", "entitled", "core"]
    values: tuple[str | int, ...] = ()
    needed: bool = True


@dataclass(frozen=True)
class Window:
    """The rows of a table whose time lies in `[as_of - until - days, as_of - until)` and that meet all conditions.

    Parameters
    ----------
    days : length in days; None reaches back to the first record.
    until : days by which the window ends before as_of.
    at : the column that places a row in time; its event time when not given.
    where : conditions, all of which hold.
    whole : whether the feature is missing where the table's records, or the account's first paid subscription, begin
        only inside the window; for comparisons with a time that must have been observed in full.
    """

    table: str
    days: int | None = None
    until: int = 0
    at: str | None = None
    where: tuple[Condition, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Aggregate(Expression):
    """A number drawn from the rows of a window."""

    window: Window


@dataclass(frozen=True)
class Count(Aggregate):
    """Rows; 0 where there are none."""


@dataclass(frozen=True)
class Sum(Aggregate):
    """Sum of a column; 0 where there are no rows, missing where no row has a value."""

    column: str


@dataclass(frozen=True)
class Distinct(Aggregate):
    """Distinct values of a column; 0 where there are no rows."""

    column: str


@dataclass(frozen=True)
class Regulars(Aggregate):
    """Distinct values of a column with rows on at least `days` days of a window of at most 60; 0 without rows."""

    column: str
    at_least: int


@dataclass(frozen=True)
class LimitShare(Aggregate):
    """The largest share of a plan's monthly limit that one feature's events in a window come to.

    Missing where no feature of the account's plans has a limit above 0.
    """


@dataclass(frozen=True)
class Active(Aggregate):
    """Days with at least one row; 0 where there are none."""


@dataclass(frozen=True)
class Mean(Aggregate):
    """Mean of a column: exact sum over count, missing where there are no values."""

    column: str


@dataclass(frozen=True)
class MedianHours(Aggregate):
    """Median hours from one time column to another, missing where no row has both."""

    start: str
    end: str


@dataclass(frozen=True)
class Latest(Aggregate):
    """A column's value in the latest row, the largest value where several rows are the latest; missing without rows."""

    column: str


@dataclass(frozen=True)
class Earliest(Aggregate):
    """Days from the earliest row to as_of, missing without rows."""


@dataclass(frozen=True)
class DaysSince(Aggregate):
    """Whole days from the latest row to as_of, at least 1; missing without rows."""


@dataclass(frozen=True)
class DaysUntil(Expression):
    """Days from as_of to a date; negative once it has passed."""

    date: Expression


@dataclass(frozen=True)
class State(Expression):
    """A column of the account's state at as_of: its active subscriptions and its attributes."""

    column: str


@dataclass(frozen=True)
class Included(Expression):
    """Features that the account's plans at as_of include; missing where a plan is in no entitlement."""

    core: bool = False


@dataclass(frozen=True)
class Ratio(Expression):
    """Top over bottom, missing where the bottom is 0."""

    top: Expression
    bottom: Expression


@dataclass(frozen=True)
class Change(Expression):
    """Growth from before to now as a share of before, `now / before - 1`; missing where before is 0."""

    now: Expression
    before: Expression


@dataclass(frozen=True)
class Minus(Expression):
    """Left less right."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Least(Expression):
    """The smaller of two; where one is missing, the other."""

    left: Expression
    right: Expression
