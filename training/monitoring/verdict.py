"""The verdict: what was found in, keep, watch or retrain and a sentence for every reason out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training.monitoring.drift import FeatureDrift, LeavingDrift, ScoreDrift
from training.monitoring.limits import Limits
from training.monitoring.realised import Realised
from training.monitoring.relearn import NewLabels

__all__ = ["Reason", "Verdict", "age_reasons", "drift_reasons", "realised_reasons", "verdict_of", "waiting_note"]

Verdict = Literal["keep", "watch", "retrain"]

_NAMED = 5
"""Features that a sentence names before it says how many more there are."""


@dataclass(frozen=True)
class Reason:
    """Why a verdict is what it is; a note changes no verdict."""

    level: Literal["note", "watch", "retrain"]
    kind: str
    text: str


def verdict_of(reasons: Sequence[Reason]) -> Verdict:
    """The gravest of the reasons; keep when there is none.

    >>> verdict_of([Reason("note", "waiting", "No label yet."), Reason("watch", "age", "Old.")])
    'watch'
    """
    levels = {reason.level for reason in reasons}
    return "retrain" if "retrain" in levels else "watch" if "watch" in levels else "keep"


def realised_reasons(found: Sequence[Realised], limits: Limits) -> list[Reason]:
    """At most one sentence for each horizon on the level, the gravest window's, and one on the slope."""
    reasons = []
    for horizon in sorted({r.horizon for r in found}):
        windows = [r for r in found if r.horizon == horizon]
        for grade in ("retrain", "watch"):
            off = [r for r in windows if r.off == grade]
            if off:
                reasons.append(_level_reason(off[-1], windows[-1], limits))
                break
        flat = [r for r in windows if r.slope_off]
        if flat:
            reasons.append(_slope_reason(flat[0]))
    return reasons


def _level_reason(r: Realised, latest: Realised, limits: Limits) -> Reason:
    more, certain = "more" if r.ratio.value > 1 else "less", r.off == "retrain"
    bounds = f"{r.ratio.least:.2f} to {r.ratio.most:.2f}"
    text = (
        f"Within {r.horizon} days of the as_of days {_span(r)}, {r.observed:,.0f} rows churned where {r.expected:,.0f} "
        f"were expected: {r.ratio.value:.2f} times as many ({bounds}), {more} than the tolerance of "
        f"{100 * limits.tolerance:.0f} %"
    )
    text += " for certain" if certain else "; that it is off at all is certain"
    if latest is not r:
        text += f"; of the latest as_of days, {_span(latest)}, it is {latest.ratio.value:.2f} times"
    return Reason("retrain" if certain else "watch", "level", f"{text}.")


def _slope_reason(r: Realised) -> Reason:
    assert r.slope is not None
    text = (
        f"Within {r.horizon} days of the as_of days {_span(r)}, accounts differed in fact by {r.slope.value:.2f} of "
        f"what the model said (in log-odds, 90 % interval {r.slope.low:.2f} to {r.slope.high:.2f})"
    )
    if r.slope_off == "retrain":
        return Reason("retrain", "slope", f"{text}: what it has learned hardly tells who leaves any more.")
    return Reason("watch", "slope", f"{text}; how much of it is left, the next labels will tell.")


def _span(r: Realised) -> str:
    return r.first if r.first == r.last else f"{r.first} to {r.last}"


def drift_reasons(
    features: Sequence[FeatureDrift],
    scores: Sequence[ScoreDrift],
    leaving: LeavingDrift | None,
    gone_tables: Sequence[str],
    limits: Limits,
) -> list[Reason]:
    """What moved since training and matters; what moved and does not is only noted."""
    reasons = []
    for table in gone_tables:
        text = f"The table {table} was there in training and is gone; restore it, since its features are missing now."
        reasons.append(Reason("watch", "table gone", text))
    gone = [f for f in features if f.missing >= limits.gone_share > f.missing_before]
    if gone:
        names = _listed([f"{f.name} (missing in {100 * f.missing_before:.0f} % in training)" for f in gone])
        were = "has no value in any row" if len(gone) == 1 else "have no value in any row"
        reasons.append(
            Reason("watch", "feature gone", f"{names} {were} now; find out what stopped the feed before training.")
        )
    for f in features:
        if f.unseen >= limits.unseen_share:
            text = f"{100 * f.unseen:.0f} % of accounts have a value of {f.name} that training never saw."
            reasons.append(Reason("watch", "unseen value", text))
    moved = [f for f in features if f.material and f not in gone]
    if moved:
        told = _listed([f"{f.name} ({_effect(f)})" for f in moved])
        text = f"Inputs moved since training and move the expected churn rate with them: {told}."
        reasons.append(Reason("watch", "features", text))
    quiet = [f for f in features if not f.material and f not in gone and f.unseen < limits.unseen_share]
    if quiet:
        text = f"Inputs that moved but hardly change what is expected: {_listed([f.name for f in quiet])}."
        reasons.append(Reason("note", "features", text))
    for s in scores:
        if s.material:
            reasons.append(Reason("watch", "scores", _score_text(s)))
    if leaving is not None and leaving.material:
        text = (
            f"{leaving.left:,} customers gave notice or left since {leaving.since}, where {leaving.usual:,.0f} are "
            "usual; no label says so yet."
        )
        reasons.append(Reason("watch", "leaving", text))
    return reasons


def _score_text(s: ScoreDrift) -> str:
    band = f"{100 * s.lowest:.1f} to {100 * s.highest:.1f} % over the year before training ended"
    if s.lowest <= s.rate <= s.highest:
        return (
            f"The probabilities within {s.horizon} days lie otherwise than in training (stability index {s.psi:.2f}, "
            f"{s.psi_by_chance:.2f} by chance), though their mean is as it was."
        )
    return f"The expected churn rate within {s.horizon} days is {100 * s.rate:.1f} %; it was {band}."


def _effect(f: FeatureDrift) -> str:
    horizon, effect = max(f.effect.items(), key=lambda item: abs(item[1]))
    return f"{100 * effect:+.0f} % at {horizon} days"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def waiting_note(day: dt.date, labels: Mapping[int, NewLabels]) -> Reason | None:
    """Which horizons nothing can be said of yet, and from when on."""
    waiting = [n for n in labels.values() if not n.days]
    if not waiting:
        return None
    when = ", ".join(f"{n.horizon} days on {n.first_on}" for n in waiting)
    none = "No label from after training has matured yet" if len(waiting) == len(labels) else "Not all have matured"
    return Reason("note", "waiting", f"{none}; the first do for {when}.")


def age_reasons(
    known_on: dt.date, day: dt.date, labels: Mapping[int, NewLabels], verdict: Any, limits: Limits
) -> list[Reason]:
    """That the champion is old, if there is enough to learn from since; and what a retraining would learn from."""
    months = (day.year - known_on.year) * 12 + day.month - known_on.month - (day.day < known_on.day)
    ready = [n for n in labels.values() if n.churned_accounts >= n.needed]
    reasons = []
    if months >= limits.old_months and ready:
        best = max(ready, key=lambda n: n.churned_accounts)
        text = (
            f"The champion is {months} months old and {best.churned_accounts:,} accounts have churned within "
            f"{best.horizon} days since: a weaker reason to train again, with nothing found wrong by itself."
        )
        reasons.append(Reason("watch", "age", text))
    if verdict != "keep" or reasons:
        reasons += [_relearn(n, day) for n in labels.values()]
    return reasons


def _relearn(n: NewLabels, day: dt.date) -> Reason:
    if n.last_as_of is None:
        text = f"A retraining today would see no label within {n.horizon} days from after the champion's training"
    else:
        text = (
            f"A retraining today would learn from as_of days until {n.last_as_of} at {n.horizon} days: {n.days} since "
            f"the champion's training, with {n.churned_accounts:,} churned accounts"
        )
    if n.churned_accounts >= n.needed:
        return Reason("note", "relearn", f"{text}, enough to calibrate on ({n.needed}).")
    when = f"from about {n.enough_on}" if n.enough_on else "on a day that nothing tells yet"
    return Reason("note", "relearn", f"{text}; the {n.needed} needed to calibrate on are there {when}.")
