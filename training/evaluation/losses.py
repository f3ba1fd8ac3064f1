"""Losses: labels and probabilities in; log losses, equal-mass bins and the calibration error out."""

from __future__ import annotations

import numpy as np

__all__ = ["BINS", "bin_of", "calibration_error", "log_losses"]

BINS = 10


def log_losses(labels: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Log loss of each row, (n,), in nats.

    >>> float(log_losses(np.array([1.0]), np.array([0.5]))[0].round(6))
    0.693147
    """
    return -(labels * np.log(p) + (1 - labels) * np.log1p(-p))


def bin_of(p: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Which of at most `bins` equal-mass bins each probability falls into; equal values share a bin.

    >>> bin_of(np.array([0.1, 0.1, 0.2, 0.9]), 2)
    array([0, 0, 1, 1])
    """
    ordered = np.sort(p)
    borders = np.unique(ordered[(np.arange(1, bins) * len(p)) // bins])
    position = np.searchsorted(borders, p, side="right")
    return np.unique(position, return_inverse=True)[1]


def calibration_error(labels: np.ndarray, p: np.ndarray, bins: int = BINS) -> float:
    """Mean over equal-mass bins, weighted by rows, of |mean probability - share of churned rows|."""
    member = bin_of(p, bins)
    return float(np.abs(np.bincount(member, weights=p - labels)).sum() / len(p))
