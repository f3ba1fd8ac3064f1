"""Drift: NRR, GRR and logo retention in; what it means where they are far apart, as sentences, out."""

from __future__ import annotations

from collections.abc import Mapping

from success.metric import Metric

__all__ = ["drift_flags"]


def drift_flags(metrics: Mapping[str, Metric], allowed: float) -> list[str]:
    """A sentence for each pair of rates that are further apart than is allowed.

    Parameters
    ----------
    metrics : of `success.revenue.retention.retention_metrics`.
    allowed : `[revenue] drift`, as a share.
    """
    nrr, grr, logos = (metrics[name].value for name in ("nrr", "grr", "logo_retention"))
    flags = []
    if nrr is not None and grr is not None and _apart(nrr, grr, allowed):
        flags.append(
            f"NRR ({_told(nrr)}) is {_points(nrr - grr)} above GRR ({_told(grr)}): the growth of some accounts covers "
            "what others lost, and would no longer if it slowed."
        )
    if grr is not None and logos is not None and _apart(grr, logos, allowed):
        flags.append(
            f"GRR ({_told(grr)}) is {_points(grr - logos)} above logo retention ({_told(logos)}): many accounts were "
            "lost and they were small, so revenue rests on fewer and larger ones."
        )
    if grr is not None and logos is not None and _apart(logos, grr, allowed):
        flags.append(
            f"Logo retention ({_told(logos)}) is {_points(logos - grr)} above GRR ({_told(grr)}): accounts stay and "
            "pay less, or the larger ones leave."
        )
    return flags


def _apart(upper: float, lower: float, allowed: float) -> bool:
    """Whether two rates are further apart than allowed; 1.1 and 1.0 are not, by 0.1."""
    return round(upper - lower - allowed, 9) > 0


def _told(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
