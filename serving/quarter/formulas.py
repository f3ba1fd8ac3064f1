"""Formulas: what the reports are made of in; by name, how each figure is made out."""

from __future__ import annotations

from collections.abc import Mapping

from success.economics import DEFINITIONS as ECONOMICS
from success.metric import Definition
from success.revenue.movements import DEFINITIONS as MOVEMENTS
from success.revenue.report import DEFINITIONS as REVENUE
from success.worth import DEFINITIONS as WORTH

__all__ = ["MOVEMENT", "formulas"]

MOVEMENT = "movement_"
"""Before the name of what MRR moves by; "expansion" alone is what a book grew by over what was expected."""
_PARTS = ("title", "formula", "unit", "numerator", "denominator")


def formulas(told: Mapping[str, Mapping[str, str]]) -> dict[str, Definition]:
    """Every figure's definition by its name.

    Parameters
    ----------
    told : definitions that a report brought along, which go before those of today.
    """
    known = {one.name: one for one in (*REVENUE, *ECONOMICS, *WORTH)}
    known |= {MOVEMENT + one.name: one for one in MOVEMENTS}
    brought = {name: {part: str(said.get(part, "")) for part in _PARTS} for name, said in told.items()}
    return known | {name: Definition(name, **parts) for name, parts in brought.items()}
