"""Bands: days as a customer, contract terms and probabilities in, the names of the groups to look at out."""

from __future__ import annotations

import numpy as np

__all__ = ["NOT_KNOWN", "risk_bands", "tenure_bands", "terms"]

NOT_KNOWN = "not known"

_TERMS = {1: "monthly", 3: "quarterly", 6: "half-yearly", 12: "yearly"}


def tenure_bands(days: np.ndarray) -> np.ndarray:
    """(n,) names for (n,) days as a customer: the first weeks of an account say less about it than later ones.

    >>> tenure_bands(np.array([29.0, 30.0, 90.0, 91.0, np.nan])).tolist()
    ['under 30 days', '30 to 90 days', '30 to 90 days', 'over 90 days', 'not known']
    """
    days = np.asarray(days, dtype=np.float64)
    return np.select(
        [days < 30, days <= 90, days > 90], ["under 30 days", "30 to 90 days", "over 90 days"], NOT_KNOWN
    ).astype(object)


def terms(months: np.ndarray) -> np.ndarray:
    """(n,) names for (n,) contract terms in months.

    >>> terms(np.array([1.0, 12.0, 24.0, np.nan])).tolist()
    ['monthly', 'yearly', '24 months', 'not known']
    """
    months = np.asarray(months, dtype=np.float64)
    named = {value: _TERMS.get(value, f"{value:g} months") for value in np.unique(months[~np.isnan(months)]).tolist()}
    return np.array([named.get(value, NOT_KNOWN) for value in months.tolist()], dtype=object)


def risk_bands(p: np.ndarray) -> np.ndarray:
    """(n,) names for (n,) probabilities, set against their own mean.

    Fixed borders would leave bands empty at short horizons and put everyone into the last one at long ones.

    >>> risk_bands(np.array([0.01, 0.1, 0.1, 0.3])).tolist()
    ['under half the average', 'half to twice the average', 'half to twice the average', 'over twice the average']
    """
    p = np.asarray(p, dtype=np.float64)
    middle = "half to twice the average"
    return np.select(
        [p < p.mean() / 2, p > 2 * p.mean()], ["under half the average", "over twice the average"], middle
    ).astype(object)
