"""Figures: a value and its resamples in, the value with its interval out, and the same as plain JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from training.resampling import account_counts

__all__ = ["Difference", "Figure", "Sampler", "difference_of", "figure_of", "plain", "resample"]


@dataclass(frozen=True)
class Figure:
    """A value with its 90 % account-bootstrap interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Log loss of the model minus a comparator's on the same rows; `upper` is the one-sided 99.5 % bound."""

    value: float
    low: float
    high: float
    upper: float


class Sampler(Protocol):
    """Something that knows its figures on every resample of the accounts."""

    def figures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """By name, (c,), for (c, accounts) of how often each account was drawn."""


def resample(
    samplers: Mapping[str, Sampler], accounts: int, rows: int, resamples: int, seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, np.ndarray]]]:
    """Each sampler's figures on the accounts as they are, and on every resample, (resamples,).

    All samplers see the same resamples, so that differences between them are paired.
    """
    once = np.ones((1, accounts))
    values = {
        name: {key: float(found[0]) for key, found in sampler.figures(once).items()}
        for name, sampler in samplers.items()
    }
    drawn: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in samplers}
    for counts in account_counts(accounts, resamples, rows, seed):
        for name, sampler in samplers.items():
            drawn[name].append(sampler.figures(counts))
    samples = {
        name: {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
        for name, chunks in drawn.items()
    }
    return values, samples


def figure_of(value: float, sample: np.ndarray) -> Figure:
    """The 5th and 95th percentile of the resamples on which the figure is defined."""
    defined = sample[np.isfinite(sample)]
    if not math.isfinite(value) or not defined.size:
        return Figure(value if math.isfinite(value) else math.nan, math.nan, math.nan)
    low, high = (float(q) for q in np.quantile(defined, [0.05, 0.95]))
    return Figure(value, low, high)


def difference_of(value: float, sample: np.ndarray) -> Difference:
    """The 5th, 95th and 99.5th percentile of the paired differences."""
    low, high, upper = (float(q) for q in np.quantile(sample, [0.05, 0.95, 0.995]))
    return Difference(value, low, high, upper)


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as dicts and lists; None where a number is not finite."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
