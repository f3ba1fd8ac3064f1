"""Healths: a model's anchors and the settings in; what turns its rows into health beside their probabilities out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.feature import DIMENSIONS
from features.stages import stages_of
from success.gauge import Gauge, gauge_of
from success.health import Health, band_of, healths
from success.peers import with_health
from training.anchors import compared_stages
from training.kernel.rows import Columns, text_values
from training.own import Own, own

if TYPE_CHECKING:
    from features.settings import Settings
    from serving.forecast import Forecast

__all__ = ["COLUMNS", "Healths", "healths_of"]

COLUMNS = (
    "stage", "health", *(f"health_{name}" for name in DIMENSIONS), "health_source", "health_stage", "health_cell",
    "health_anchor", "points_to_double", "calendar_points", "plan_points", "no_data_points", "band",
)  # fmt: skip
"""What a score row says of health, in this order."""


@dataclass(frozen=True)
class Healths:
    """One model of churn, asked for health.

    Parameters
    ----------
    gauge : the model, and how its log-odds become points.
    settings : what the team calls stages and bands.
    no_data : features whose tables the history lacks.
    """

    gauge: Gauge
    settings: Settings
    no_data: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """Tells what is said of a row's health from what any other would say."""
        stages, bands = astuple(self.settings.stages), astuple(self.settings.health)
        told = [self.gauge.scale.digest, stages, bands, sorted(self.no_data)]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def own(self, rows: pd.DataFrame | Columns) -> Own:
        """What the model says of n rows, taken apart; this is what takes time.

        Raises
        ------
        Whatever values far from all that was learned from make the model raise.
        """
        anchors = self.gauge.scale.anchors
        return own(self.gauge.kernel, rows, anchors.horizon, anchors.calendar)

    def of(self, rows: pd.DataFrame | Columns, told: Own, *, alone: bool = False) -> Health:
        """The health of n rows.

        Parameters
        ----------
        told : what `own` says of them.
        alone : they come without a history; a dimension of which a row knows nothing has no data.
        """
        scale = self.gauge.scale
        missing = np.isnan(self.gauge.kernel.encode(rows).matrix)
        gone = np.isin(np.array(scale.names), sorted(self.no_data))
        absent = gone | self._silent(missing) if alone else gone
        stages = compared_stages(rows, self.settings.stages).tolist()
        return healths(scale, told, missing, segments_of(rows), stages, absent)

    def columns(self, rows: pd.DataFrame | Columns, found: Health) -> dict[str, np.ndarray]:
        """What score rows say of it, by `COLUMNS`: (n,) float64, or object with None."""
        n = len(found.health)
        cells = np.array([cell.name for cell in self.gauge.scale.anchors.cells], dtype=object)
        bands = [band_of(x, self.settings.health.bands, self.settings.health.edges) for x in found.health.tolist()]
        known: dict[str, Any] = {
            "stage": np.array(stages_of(rows, self.settings.stages).tolist(), dtype=object),
            "health": found.health,
            "health_source": np.full(n, "model", dtype=object),
            "health_stage": np.array(compared_stages(rows, self.settings.stages).tolist(), dtype=object),
            "health_cell": cells[found.cell],
            "health_anchor": found.anchor,
            "points_to_double": np.full(n, self.gauge.scale.points_to_double),
            "calendar_points": found.calendar,
            "plan_points": found.plan,
            "no_data_points": found.no_data,
            "band": np.array(bands, dtype=object),
        }
        known |= {f"health_{name}": found.dimensions.get(name, np.full(n, np.nan)) for name in DIMENSIONS}
        return {name: known[name] for name in COLUMNS}

    def told(self, drivers: Sequence[Sequence[Mapping[str, Any]]], found: Health) -> list[list[dict[str, Any]]]:
        """Each row's drivers with their points of health, and beside the median of renewed accounts like it."""
        scale, words = self.gauge.scale, self.gauge.kernel.words
        return [
            with_health(
                row, dict(zip(scale.names, points, strict=True)), self.no_data, scale.anchors.cells[cell], words
            )
            for row, points, cell in zip(drivers, found.own.tolist(), found.cell.tolist(), strict=True)
        ]

    def _silent(self, missing: np.ndarray) -> np.ndarray:
        """(n, k) whether a row has no value of any feature that is about what this one is about."""
        silent = np.zeros(missing.shape, dtype=bool)
        for name in set(self.gauge.scale.dimensions):
            of = [place for place, dimension in enumerate(self.gauge.scale.dimensions) if dimension == name]
            silent[:, of] = np.all(missing[:, of], axis=1, keepdims=True)
        return silent


def healths_of(forecast: Forecast, settings: Settings, no_data: Collection[str] = ()) -> Healths | None:
    """What tells health beside a forecast; None where its model was trained without anchors."""
    churn = forecast.churn
    if churn.anchors is None:
        return None
    gauge = gauge_of(churn.kernel, churn.anchors, settings.health.points_to_double)
    return Healths(gauge, settings, frozenset(no_data))


def segments_of(rows: pd.DataFrame | Columns) -> list[str | None]:
    """The segment of each row, None where it is not known."""
    if "segment" not in rows.columns:
        return [None] * len(rows)
    return [value if isinstance(value, str) else None for value in text_values(rows, "segment")]
