"""Gauge: a model and its scale in; the health of any rows, in any segment and stage and with any tables, out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.feeds import plan_dependent
from success.health import Health, Scale, healths
from training.anchors import Anchors
from training.kernel import Kernel
from training.own import Own, own

__all__ = ["Gauge", "gauge_of"]

logger = logging.getLogger("tenure.health")


@dataclass(frozen=True)
class Gauge:
    """What health is read with: a model of churn and the scale that is frozen with it."""

    kernel: Kernel
    scale: Scale

    def told(self, rows: pd.DataFrame) -> Own:
        """What the model says of n rows, taken apart, NaN of those on which it fails; this is what takes time."""
        try:
            return own(self.kernel, rows, self.scale.anchors.horizon, self.scale.anchors.calendar)
        except Exception as error:  # one row must not fail its neighbours, whatever it made the model raise
            if len(rows) <= 1:
                logger.info("the model failed on an account", exc_info=error)
                nothing = np.full((len(rows), len(self.scale.names)), np.nan)
                return Own(nothing, np.full(len(rows), np.nan), self.scale.anchors.base)
        parts = [self.told(part) for part in (rows.iloc[: len(rows) // 2], rows.iloc[len(rows) // 2 :])]
        return Own(
            np.concatenate([part.attributions for part in parts]),
            np.concatenate([part.calendar for part in parts]),
            parts[0].base,
        )

    def health(
        self,
        told: Own,
        rows: pd.DataFrame,
        segments: Sequence[str | None],
        stages: Sequence[str | None],
        no_data: Collection[str] = (),
    ) -> Health:
        """The health of n rows of which the model has told; quick, so that it can be asked for several places.

        Parameters
        ----------
        no_data : names of the features whose tables are not there.
        """
        missing = np.isnan(self.kernel.encode(rows).matrix)
        absent = np.isin(np.array(self.scale.names), sorted(no_data))
        return healths(self.scale, told, missing, segments, stages, absent)

    def anchors(self, segments: Sequence[str | None], stages: Sequence[str | None]) -> np.ndarray:
        """(n,) log-odds of the typical account of each segment and stage, as `health` tells them."""
        keys = list(zip(segments, stages, strict=True))
        unlike = list(dict.fromkeys(keys))
        told = Own(np.zeros((len(unlike), len(self.scale.names))), np.zeros(len(unlike)), self.scale.anchors.base)
        missing = np.zeros(told.attributions.shape, dtype=bool)
        found = healths(self.scale, told, missing, [s for s, _ in unlike], [s for _, s in unlike]).anchor
        by_key = dict(zip(unlike, found.tolist(), strict=True))
        return np.array([by_key[key] for key in keys], dtype=np.float64)


def gauge_of(kernel: Kernel, anchors: Anchors, points_to_double: float) -> Gauge:
    """The gauge of a model of churn and the anchors that are frozen with it."""
    names = kernel.feature_names
    dimensions = tuple(kernel.words[name].dimension for name in names)
    return Gauge(kernel, Scale(anchors, names, dimensions, points_to_double, plan_dependent()))
