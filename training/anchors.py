"""Anchors: a fitted model and a reference cohort in; what is usual in each segment and stage, frozen with it, out.

An account is healthier or less healthy than others of its segment and lifecycle stage. What those others are like is
told once, when the model is fitted, so that a score moves because its account does and not because its neighbours do.
The stage is the one apart from the calendar: that a renewal comes near must not change what an account is compared
with, since health says nothing of when it falls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from features.practice import StageSettings
from features.stages import FeatureRows, stages_of
from training.kernel import Kernel
from training.kernel.rows import numbers
from training.own import own, reference_calendar

__all__ = [
    "ANCHORS_FILE",
    "ANCHORS_FORMAT",
    "LEAST",
    "Anchors",
    "Cell",
    "anchors_from_json",
    "compared_stages",
    "make_anchors",
]

ANCHORS_FILE = "anchors.json"
ANCHORS_FORMAT = "tenure-anchors-1"
LEAST = 200
"""Accounts below which a segment and stage is not told by itself."""
_LEAST_PEERS = 30
"""Renewed accounts below which their median is taken from a wider cell."""


@dataclass(frozen=True)
class Cell:
    """What is usual in one segment and stage; None stands for all of them.

    Parameters
    ----------
    accounts : distinct ones in the reference cohort.
    attributions : by feature, the mean over its rows, in log-odds; calendar : likewise, see `training.own.Own`.
    peers : by number feature, the median of those whose next renewal came and who renewed.
    """

    segment: str | None
    stage: str | None
    accounts: int
    attributions: Mapping[str, float]
    calendar: float
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As people read it.

        >>> Cell("smb", "adoption", 310, {}, 0.0).name, Cell(None, None, 40, {}, 0.0).name
        ('smb, adoption', 'everyone')
        """
        return ", ".join(part for part in (self.segment, self.stage) if part is not None) or "everyone"


@dataclass(frozen=True)
class Anchors:
    """The cells of a model, and the calendar at which it was asked.

    Parameters
    ----------
    horizon : of churn, in days.
    calendar : reference values of the calendar features.
    base : log-odds of the typical account.
    cells : the last one is of everyone.
    """

    horizon: int
    calendar: Mapping[str, float]
    base: float
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if not self.cells or (self.cells[-1].segment, self.cells[-1].stage) != (None, None):
            raise ValueError("Anchors need a last cell of everyone.")

    def place(self, segment: str | None, stage: str | None) -> int:
        """Which cell an account belongs to: its segment and stage, else its segment, else its stage, else everyone.

        Segments differ more than the stages of one segment do, and an account of a small segment must not change its
        company every time that it changes its stage.
        """
        places = {(cell.segment, cell.stage): place for place, cell in enumerate(self.cells)}
        for key in ((segment, stage), (segment, None), (None, stage), (None, None)):
            if key in places:
                return places[key]
        raise AssertionError("the last cell is of everyone")

    def to_json(self) -> dict[str, Any]:
        """Plain values, as anchors.json holds them."""
        return {
            "format": ANCHORS_FORMAT,
            "horizon": self.horizon,
            "calendar": dict(self.calendar),
            "base": self.base,
            "cells": [
                {
                    "segment": cell.segment,
                    "stage": cell.stage,
                    "accounts": cell.accounts,
                    "attributions": dict(cell.attributions),
                    "calendar": cell.calendar,
                    "peers": dict(cell.peers),
                }
                for cell in self.cells
            ],
        }


def anchors_from_json(document: Any) -> Anchors:
    """Read what `Anchors.to_json` gave.

    Raises
    ------
    ValueError : it is not that; the text is one plain sentence.
    """
    if not isinstance(document, dict) or document.get("format") != ANCHORS_FORMAT:
        raise ValueError(f"The anchors of this model are not of a kind that this version reads ({ANCHORS_FORMAT}).")
    try:
        cells = tuple(
            Cell(
                _text(cell["segment"]),
                _text(cell["stage"]),
                int(cell["accounts"]),
                _numbers(cell["attributions"]),
                _number(cell["calendar"]),
                _numbers(cell["peers"]),
            )
            for cell in document["cells"]
        )
        return Anchors(int(document["horizon"]), _numbers(document["calendar"]), _number(document["base"]), cells)
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError):
        raise ValueError("The anchors of this model are damaged; train it again.") from None


def compared_stages(rows: FeatureRows, settings: StageSettings | None = None) -> np.ndarray:
    """The stage that each of n accounts is compared with, (n,) of text: its stage if its renewal were far away."""
    return stages_of(_FarFromRenewal(rows), settings)


class _FarFromRenewal:
    """Rows without the day of their renewal."""

    def __init__(self, rows: FeatureRows) -> None:
        self._rows = rows
        self.columns = [name for name in rows.columns if name != "days_to_renewal"]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, name: str, /) -> Any:
        return self._rows[name]


def make_anchors(
    kernel: Kernel,
    rows: pd.DataFrame,
    accounts: np.ndarray,
    stages: np.ndarray,
    horizon: int,
    renewed: np.ndarray | None = None,
) -> Anchors:
    """Cells of a reference cohort: each segment and stage, segment, and stage with 200 accounts or more, and everyone.

    Parameters
    ----------
    rows : (n, k) model inputs; an account may stand in several rows, of several days.
    accounts, stages : (n,) whose they are, and the stage that each is compared with, see `compared_stages`.
    renewed : (n,) whether the next renewal came and the account stayed; nobody when not given.
    """
    calendar = reference_calendar(kernel, horizon)
    told = own(kernel, rows, horizon, calendar)
    segments = _segments(rows)
    renewed = np.zeros(len(rows), dtype=bool) if renewed is None else renewed
    values = {name: numbers(rows, name) for name in kernel.feature_names if name not in kernel.categories}
    cells: list[Cell] = []
    for segment, stage, chosen in reversed(list(_groups(segments, stages, accounts))):  # everyone first
        wider = _wider(cells, segment, stage)
        cells.append(
            Cell(
                segment,
                stage,
                int(np.unique(accounts[chosen]).size),
                {
                    name: float(mean)
                    for name, mean in zip(
                        kernel.feature_names, told.attributions[chosen].mean(axis=0).tolist(), strict=True
                    )
                },
                float(told.calendar[chosen].mean()),
                _peers(values, chosen & renewed, accounts, wider.peers if wider else {}),
            )
        )
    return Anchors(horizon, calendar, told.base, tuple(reversed(cells)))


def _groups(
    segments: np.ndarray, stages: np.ndarray, accounts: np.ndarray
) -> Iterator[tuple[str | None, str | None, np.ndarray]]:
    known = sorted({s for s in segments.tolist() if s is not None})
    lived = sorted(set(stages.tolist()))
    for segment, stage in (*product(known, lived), *product(known, (None,)), *product((None,), lived)):
        chosen = np.ones(len(accounts), dtype=bool)
        chosen &= (segments == segment) if segment is not None else chosen
        chosen &= (stages == stage) if stage is not None else chosen
        if np.unique(accounts[chosen]).size >= LEAST:
            yield segment, stage, chosen
    yield None, None, np.ones(len(accounts), dtype=bool)


def _wider(cells: Sequence[Cell], segment: str | None, stage: str | None) -> Cell | None:
    """The cell that stands in where one holds too few: that of the segment, else of the stage, else of everyone."""
    there = {(cell.segment, cell.stage): cell for cell in cells}
    return next((there[key] for key in ((segment, None), (None, stage), (None, None)) if key in there), None)


def _peers(
    values: Mapping[str, np.ndarray], chosen: np.ndarray, accounts: np.ndarray, wider: Mapping[str, float]
) -> dict[str, float]:
    if np.unique(accounts[chosen]).size < _LEAST_PEERS:
        return dict(wider)
    found = dict(wider)
    for name, column in values.items():
        known = chosen & ~np.isnan(column)
        if np.unique(accounts[known]).size >= _LEAST_PEERS:
            found[name] = float(np.median(column[known]))
    return found


def _segments(rows: pd.DataFrame) -> np.ndarray:
    if "segment" not in rows.columns:
        return np.full(len(rows), None, dtype=object)
    return np.array([v if isinstance(v, str) else None for v in rows["segment"].astype(object)], dtype=object)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): _number(value) for name, value in entry.items()}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value
