"""Limits: from where on a change is material, and how sure a verdict has to be."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """When the verdict turns.

    Parameters
    ----------
    tolerance : observed over expected churn may lie between 1 / (1 + tolerance) and 1 + tolerance before a model
        counts as wrong; a month's or a season's swing inside it is no reason to train again.
    least_slope : the share of the model's differences between accounts, in log-odds, that has to be there in what
        happened.
    alpha : chance of a false alarm that one bound on the level takes at one look; see the notes.
    slope_alpha : the same for the slope.
    recent_days : the latest matured as_of days, so many days back, are also looked at alone, lest a long good past
        hide a bad present; 88 days hold three firsts of a month, whichever months they are.
    rate_change : a relative change of the expected churn rate that is material where one input makes it.
    score_change : the same for the expected churn rate of a day beyond the range of the reference's days; wider, since
        the mean of a thousand small probabilities moves by a tenth from month to month for no reason.
    least_psi : population stability index from which a distribution has materially moved.
    drift_alpha : chance, per company and look, that drift which is none is mentioned.
    leaving_ratio : customers who left since the last as_of day, over what is usual, from which it is told.
    unseen_share, gone_share : share of rows with values never seen in training, and of missing values where there
        were fewer, from which they are told.
    old_months : age from which the champion is called old.

    Notes
    -----
    At most 5 % of companies may be told "retrain" within twelve monthly looks although observed over expected is
    within the tolerance. New evidence comes only when another as_of day has matured, so looking more often adds no
    chance of a false alarm. A year has 12 looks x 2 windows x the horizons, but these chances hang together: windows
    grow, label windows overlap, horizons are nested, and the calibration's own error is one draw for all of them.
    Adding them up (Bonferroni) would ask for 0.04 / 24 = 0.0017 at one horizon and 0.0004 at four. Played out on
    companies whose churn lies exactly on the tolerance's edge, the worst case, 0.01 already keeps a year's chance
    under 4 % (`benchmarks/prove/monitoring.py`, docs/evidence/monitoring.json). The slope has what is left: 12 looks
    at 0.0008 are 1 %, divided by the number of horizons.
    """

    tolerance: float = 0.25
    least_slope: float = 0.5
    alpha: float = 0.01
    slope_alpha: float = 0.0008
    recent_days: int = 88
    rate_change: float = 0.10
    score_change: float = 0.20
    least_psi: float = 0.10
    drift_alpha: float = 0.01
    leaving_ratio: float = 1.5
    unseen_share: float = 0.05
    gone_share: float = 0.995
    old_months: int = 12
