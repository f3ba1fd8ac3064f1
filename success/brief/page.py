"""Page: the parts of a brief in; one page of Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from success.brief.markup import escaped

__all__ = ["markdown"]


def markdown(parts: Mapping[str, Any]) -> str:
    """The parts of a brief (`success.brief.brief_parts`) as Markdown; what comes from data is shown letter by letter.

    >>> print(markdown({"title": "A *b*", "about": "On 1 May.", "sections": [{"heading": "Why", "lines": ["<i>"]}]}))
    # A \\*b\\*
    On 1 May.
    <BLANKLINE>
    ## Why
    - \\<i\\>
    <BLANKLINE>
    """
    lines = [f"# {escaped(parts['title'])}", escaped(parts["about"])]
    for section in parts["sections"]:
        lines += ["", f"## {escaped(section['heading'])}", *(f"- {escaped(line)}" for line in section["lines"])]
    return "\n".join(lines) + "\n"
