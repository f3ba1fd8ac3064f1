"""Footnotes: figures as they are told in; their numbers, and at the end how each is made, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.quarter.words import safe
from success.metric import Definition

__all__ = ["Footnotes"]


@dataclass
class Footnotes:
    """Numbers formulas in the order in which they are first told; the same formula keeps its number.

    Parameters
    ----------
    definitions : by name, how figures are made that do not say so themselves, and what numerators and denominators are.
    """

    definitions: Mapping[str, Definition]
    _told: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def mark(self, name: str, metric: Mapping[str, Any] | None = None) -> str:
        """The number of a figure's footnote, as a link to it; nothing where nobody says how the figure is made.

        Parameters
        ----------
        metric : the figure as it came, whose own title, formula and unit go before the definition's.
        """
        said = self._said(name, metric or {})
        if not said["formula"]:
            return ""
        key = (said["title"], said["formula"])
        self._told.setdefault(key, said)
        number = list(self._told).index(key) + 1
        return f'<sup><a href="#note-{number}">{number}</a></sup>'

    def title(self, name: str) -> str:
        """What a figure is called."""
        known = self.definitions.get(name)
        return known.title if known else name.replace("_", " ").capitalize()

    def _said(self, name: str, metric: Mapping[str, Any]) -> dict[str, str]:
        known = self.definitions.get(name)
        words = {part: str(getattr(known, part, "") or "") for part in ("numerator", "denominator")}
        own = {part: str(metric.get(part) or getattr(known, part, "") or "") for part in ("title", "formula", "unit")}
        return {**own, **words, "title": own["title"] or self.title(name)}

    def listed(self) -> str:
        """All of them, in their order."""
        items = []
        for number, said in enumerate(self._told.values(), start=1):
            parts = [f"<strong>{safe(said['title'])}</strong> = {safe(said['formula'], 600)}"]
            if said["numerator"] and said["denominator"]:
                parts.append(f"Numerator: {safe(said['numerator'])}; denominator: {safe(said['denominator'])}")
            elif said["numerator"] and said["numerator"] != said["formula"]:
                parts.append(f"Counts: {safe(said['numerator'])}")
            if said["unit"]:
                parts.append(f"Unit: {safe(said['unit'])}")
            body = ". ".join(part.rstrip(".") for part in parts) + "."
            items.append(f'<li id="note-{number}"><span class="no">{number}</span> {body}</li>')
        return f'<ol class="notes">{"".join(items)}</ol>'
