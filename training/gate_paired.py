"""The gate's paired checks: a version and the champion's recipe on the same holdout rows in; one finding each out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from training.comparing import losses_apart
from training.evaluation import log_losses
from training.gate_checks import REFUSED, Check, Evidence, Numbers, check, sentence
from training.resampling import account_means

__all__ = ["CHAMPION_MARGIN", "SEGMENT_EVENTS", "SEGMENT_TOLERANCE", "against_champion", "segments"]

CHAMPION_MARGIN = 0.02
"""The share of the log loss of the champion's recipe that a challenger may lose; all bounds: docs/adr/0014."""

SEGMENT_TOLERANCE = 0.05
SEGMENT_EVENTS = 20
_RESAMPLES, _SEED = 2000, 20240229


def against_champion(evidence: Evidence, champion: Evidence) -> Check:
    """Whether the log loss is no worse than the champion's recipe's, but for a margin, one-sided at 95 %.

    Raises
    ------
    ValueError : the two were not judged on the same rows.
    """
    theirs, lost = losses_apart(champion, evidence)
    drawn = account_means(evidence.accounts, lost[:, None], np.ones((len(lost), 1)), _RESAMPLES, _SEED)[:, 0]
    value, upper, base = float(lost.mean()), float(np.quantile(drawn, 0.95)), float(theirs.mean())
    margin = CHAMPION_MARGIN * base
    passed = upper <= margin
    said = (
        f"its log loss on the holdout differs from that of the champion's recipe, fitted on the same days, by "
        f"{value:+.4f} and at 95 % confidence by no more than {upper:+.4f}; {margin:.4f} is allowed"
    )
    numbers: Numbers = {"difference": value, "difference_upper_95": upper, "margin": margin, "champion_log_loss": base}
    return check("champion", evidence, passed, said, numbers)


def segments(results: Mapping[int, Evidence], champion: Mapping[int, Evidence] | None) -> Check:
    """Whether in no segment, at any of these horizons, the log loss is materially and beyond chance worse.

    Set beside the champion's recipe, or beside the base rate where there is none. A segment counts with 20
    distinct accounts that had the event and 20 that did not; the level is shared among all that count.
    """
    found = [row for h, e in sorted(results.items()) for row in _by_segment(e, (champion or {}).get(h))]
    limit = float(norm.isf(REFUSED / max(len(found), 1)))
    bad = [row for row in found if row.z > limit and row.value > SEGMENT_TOLERANCE * row.reference]
    other = "the champion's recipe" if champion else "the base rate"
    if bad:
        worst = max(bad, key=lambda row: row.z)
        said = (
            f"in segment {worst.segment} at {worst.horizon} days its log loss is {worst.value:.4f} above that of "
            f"{other} ({worst.reference:.4f}), which is more than chance explains"
        )
        if len(bad) > 1:
            said += f"; {len(bad) - 1} more such"
    elif found:
        said = f"in none of {len(found)} segments and horizons with enough events is it materially worse than {other}"
    else:
        said = f"no segment has {SEGMENT_EVENTS} accounts with the event and as many without, so none was judged"
    numbers: Numbers = {"judged": float(len(found)), "worse": float(len(bad)), "z_limit": limit}
    for row in bad:
        numbers[f"{row.segment} at {row.horizon} days"] = row.value
    return Check("segments", None, not bad, sentence(said), numbers)


@dataclass(frozen=True)
class _Segment:
    horizon: int
    segment: str
    value: float
    reference: float
    z: float


def _by_segment(evidence: Evidence, champion: Evidence | None) -> list[_Segment]:
    if champion is not None:
        theirs, lost = losses_apart(champion, evidence)
    else:
        theirs = log_losses(evidence.labels, evidence.predictions["prior"])
        lost = log_losses(evidence.labels, evidence.predictions["model"]) - theirs
    segment = np.asarray(evidence.segment).astype(str)
    names = [
        name
        for name in np.unique(segment)
        if all(
            np.unique(np.asarray(evidence.accounts)[(segment == name) & (evidence.labels == kind)]).size
            >= SEGMENT_EVENTS
            for kind in (0, 1)
        )
    ]
    if not names:
        return []
    member = (segment[:, None] == np.array(names)).astype(np.float64)
    error = account_means(evidence.accounts, lost[:, None] * member, member, _RESAMPLES, _SEED).std(axis=0)
    found = []
    for column, name in enumerate(names):
        rows = member[:, column] == 1
        value = float(lost[rows].mean())
        z = value / float(error[column]) if error[column] > 0 else 0.0
        found.append(_Segment(evidence.horizon, name, value, float(theirs[rows].mean()), z))
    return found
