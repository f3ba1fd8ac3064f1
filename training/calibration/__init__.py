"""Calibration: raw margins and labels of a later block in, smooth strictly increasing maps out."""

from training.calibration.choice import CalibrationChoice, MethodLoss, choose
from training.calibration.fit import METHODS, MIN_EVENTS, MapFit, coefficient_draws, fit_map, require_events

__all__ = [
    "METHODS",
    "MIN_EVENTS",
    "CalibrationChoice",
    "MapFit",
    "MethodLoss",
    "choose",
    "coefficient_draws",
    "fit_map",
    "require_events",
]
