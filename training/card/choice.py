"""The card's choice of a calibration: the methods compared on each interval in; one table out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.card.parts import Part, Table
from training.card.schema import Card

__all__ = ["calibration_choice"]

_SMOOTH = ("logistic", "beta", "spline")
_STEPPED = {"isotonic": "isotonic", "venn_abers": "Venn-Abers"}


def calibration_choice(card: Card) -> list[Part]:
    """Which map was chosen on each interval, and what the others would have lost; nothing where it is not told."""
    told = card.get("calibrations") or {}
    if not told:
        return []
    names = {**{name: name for name in _SMOOTH}, **_STEPPED}
    rows, before = [], 0
    for days in sorted(map(int, told)):
        found = {row["method"]: row for row in told[str(days)]["compared"]}
        cells = [_loss(found[name]) if name in found else "-" for name in names]
        rows.append([f"{before} to {days} days", _word(told[str(days)]["method"]), *cells])
        before = days
    caption = (
        "The map from margins to probabilities in the registered model, by interval. Chosen is the simplest of "
        "logistic, beta and spline whose log loss, on accounts of the calibration block that it was not fitted on, "
        "is within one standard error of the best of them; isotonic and Venn-Abers have steps and are for comparison "
        "only. In brackets by how much it is worse than that best one, and the standard error of the difference. "
        "A dash: too few events to compare, and so logistic."
    )
    return [Table(caption, ["Interval", "Chosen", *(_word(name) for name in names)], rows)]


def _word(method: str) -> str:
    return _STEPPED.get(method, method)


def _loss(row: Mapping[str, Any]) -> str:
    if row["worse_by"] == 0 and row["standard_error"] == 0:
        return f"{row['log_loss']:.4f} (best)"
    return f"{row['log_loss']:.4f} ({row['worse_by']:+.4f} ± {row['standard_error']:.4f})"
