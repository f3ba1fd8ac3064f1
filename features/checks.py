"""Checks: a value that a team has chosen in; one plain sentence when it cannot be right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.errors import TenureError

__all__ = ["STAGES", "between", "check_limits", "one_line"]

STAGES = ("onboarding", "adoption", "renewal", "expansion")
"""An account's lifecycle; `features.stages` says which one it is in."""


def between(section: str, name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its bounds, which are allowed themselves.

    Raises
    ------
    TenureError : it lies outside, or is no number.
    """
    if not low <= value <= high:
        raise TenureError(f"[{section}] {name} = {value} must be between {low:.10g} and {high:.10g}.")


def check_limits(where: str, segments: Sequence[str], stages: Sequence[str]) -> None:
    """Refuse a segment without a name, and a stage that there is not.

    Raises
    ------
    TenureError : with `where` as the beginning of its sentence.
    """
    if not all(map(one_line, segments)):
        raise TenureError(f"{where} is about a segment without a name; write it, or leave segments out.")
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise TenureError(f'{where} is about the stage "{unknown[0]}"; there are {", ".join(STAGES)}.')


def one_line(text: str, most: int = 100) -> bool:
    """Whether there is something in a text, on one line of at most so many letters."""
    return bool(text.strip()) and len(text) <= most and not re.search(r"[\x00-\x1f\x7f]", text)
