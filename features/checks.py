"""Checks: a value that a team has chosen in; one plain sentence when it cannot be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from features.errors import TenureError

__all__ = ["STAGES", "check_bounds", "check_limits", "folded", "one_line"]

STAGES = ("onboarding", "adoption", "renewal", "expansion")
"""An account's lifecycle; `features.stages` says which one it is in."""


def check_bounds(section: str, settings: object, **bounds: tuple[float, float]) -> None:
    """Refuse a number outside its bounds, which are allowed themselves; one that is None is not set.

    Parameters
    ----------
    bounds : by field of the settings, the least and the most.

    Raises
    ------
    TenureError : one lies outside, or is no number.
    """
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
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


def folded(names: Iterable[object]) -> list[str]:
    """Names of segments in one letter case, "" where there is none.

    >>> folded(["SMB ", "mid", None])
    ['smb', 'mid', '']
    """
    return [name.strip().casefold() if isinstance(name, str) else "" for name in names]


def one_line(text: str, most: int = 100) -> bool:
    """Whether there is something in a text, on one line of at most so many letters."""
    return bool(text.strip()) and len(text) <= most and not re.search(r"[\x00-\x1f\x7f]", text)
