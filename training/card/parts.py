"""The card's building blocks: paragraphs, lists, tables and a picture, and how numbers read in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.card.schema import Card

__all__ = [
    "OFF",
    "Bullets",
    "Event",
    "Part",
    "Picture",
    "Table",
    "Text",
    "days_of",
    "event_of",
    "interval",
    "percent",
]

OFF = " off"
"""How a cell ends that a reader should not miss."""


@dataclass(frozen=True)
class Text:
    """One paragraph."""

    said: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Parameters
    ----------
    marked : numbers of the rows that a reader should not miss.
    numeric : the other columns are numbers, and stand to the right.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: Sequence[int] = ()
    numeric: bool = True


@dataclass(frozen=True)
class Picture:
    """Where the reliability plot stands."""


Part = Text | Bullets | Table | Picture


@dataclass(frozen=True)
class Event:
    """The words for an outcome's event."""

    did: str
    accounts: str
    most: str


def event_of(card: Card) -> Event:
    """Words for churn or expansion."""
    if card["outcome"] == "expansion":
        return Event("grew", "Accounts that grew", "likeliest")
    return Event("churned", "Churned accounts", "riskiest")


def days_of(horizons: Sequence[int]) -> str:
    """Horizons as a person lists them.

    >>> days_of([30]), days_of([30, 90, 180])
    ('30 days', '30, 90 or 180 days')
    """
    words = [str(days) for days in horizons]
    return (", ".join(words[:-1]) + " or " if words[1:] else "") + f"{words[-1]} days"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.0451), percent(None)
    ('4.5 %', '-')
    """
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def interval(figure: Mapping[str, Any] | None, digits: int, *, sign: str = "", share: bool = False) -> str:
    """A figure with its interval, "-" where it is not defined.

    >>> interval({"value": 0.5, "low": 0.41, "high": 0.62}, 2)
    '0.50 (0.41 to 0.62)'
    >>> interval({"value": 0.5, "low": 0.41, "high": 0.62}, 0, share=True)
    '50 % (41 to 62)'
    """
    if figure is None or figure["value"] is None:
        return "-"
    scale = 100 if share else 1
    value, *ends = (
        None if figure[key] is None else f"{scale * figure[key]:{sign}.{digits}f}" for key in ("value", "low", "high")
    )
    said = f"{value} %" if share else str(value)
    return said if None in ends else f"{said} ({ends[0]} to {ends[1]})"
