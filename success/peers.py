"""Peers: a row's drivers in; the same with their points of health, beside what renewed accounts like it have, out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from training.anchors import Cell
from training.kernel.sentences import Wording, shown
from training.own import CALENDAR

__all__ = ["with_health"]

_COMPARED = ("count", "percent", "days", "hours", "age", "number", "money", "change", "difference")
"""Ways of writing a value that read as a value by themselves."""


def with_health(
    drivers: Sequence[Mapping[str, Any]],
    points: Mapping[str, float],
    no_data: Collection[str],
    cell: Cell,
    words: Mapping[str, Wording],
) -> list[dict[str, Any]]:
    """Each driver with `health_points` and `peer`.

    Parameters
    ----------
    points : of health, by feature.
    no_data : features whose tables are not there.

    Returns
    -------
    Of those that are about the customer, health_points sum to health - 50. A driver that only says when the renewal
    falls, or of which nothing is known, has None. peer is None where the value cannot be set beside others, else
    {"value", "text", "of"}: the median of accounts of the same segment and stage that renewed.
    """
    return [
        {**driver, "health_points": _points(driver, points, no_data), "peer": _peer(driver, cell, words)}
        for driver in drivers
    ]


def _points(driver: Mapping[str, Any], points: Mapping[str, float], no_data: Collection[str]) -> float | None:
    names = [name for name in driver["features"] if name not in CALENDAR and name not in no_data]
    return float(sum(points.get(name, 0.0) for name in names)) if names else None


def _peer(driver: Mapping[str, Any], cell: Cell, words: Mapping[str, Wording]) -> dict[str, Any] | None:
    name = driver["feature"]
    median, wording = cell.peers.get(name), words.get(name)
    if median is None or wording is None or name in CALENDAR or wording.show.split("|")[0] not in _COMPARED:
        return None
    whose = "renewed accounts" if cell.name == "everyone" else f"renewed accounts of {cell.name}"
    text = shown(wording.show, median)
    return {"value": median, "text": "none" if text.startswith("no ") else text, "of": whose}
