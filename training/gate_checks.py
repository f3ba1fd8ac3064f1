"""The gate's single checks: holdout evidence of a version, and of the champion's recipe, in; one finding each out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from training.evaluation import Difference, Evaluation

__all__ = [
    "COMPARATORS",
    "IN_TIME",
    "REFUSED",
    "Check",
    "Evidence",
    "against_comparators",
    "better_than_comparators",
    "calibration",
    "catalogue",
    "check",
    "sentence",
]

IN_TIME = "in time"

COMPARATORS = {
    "prior": "the base rate",
    "prior_train": "the training block's base rate",
    "recency": "recency",
    "recency_train": "recency as learned on the training block",
}
"""What needs no learning to speak of, each twice: see docs/adr/0002."""

INTERCEPT_TOLERANCE = 0.25
SLOPE_TOLERANCE = (0.75, 1.33)
ERROR_TOLERANCE = 0.4
REFUSED = 0.005
"""How often, at most, one kind of check may refuse what is exactly as good; all bounds: docs/adr/0014."""

_UNSURE = 1.5  # times what is chance for a perfect model: the calibration block has its own error
_WIDER = float(norm.isf(REFUSED) / norm.isf(0.05))  # makes a 99 % interval of a 90 % one

# Two equal forecasts differ by rounding, and rounding always has the same sign: it must not pass as a win.
_ROUNDING = 1e-9

Numbers = dict[str, float | str | None]


@dataclass(frozen=True, eq=False)
class Evidence:
    """One recipe at one horizon on the holdout's n rows.

    Parameters
    ----------
    horizon : days.
    validation : "in time", or how else ("folds by account").
    labels : (n,) of 0 and 1.
    accounts, as_of : (n,) whose row and of which day.
    segment : (n,) text.
    predictions : by name, (n,) probabilities; "model" is the one judged.
    evaluation : of these predictions.
    """

    horizon: int
    validation: str
    labels: np.ndarray
    accounts: np.ndarray
    as_of: np.ndarray
    segment: np.ndarray
    predictions: Mapping[str, np.ndarray]
    evaluation: Evaluation

    @property
    def in_time(self) -> bool:
        """Whether the holdout lies after what was learned from."""
        return self.validation == IN_TIME


@dataclass(frozen=True)
class Check:
    """One finding.

    Parameters
    ----------
    name : what was looked at.
    horizon : days; None where it concerns all of them.
    passed : False speaks against the version.
    sentence : the finding, for a person.
    numbers : behind it, floats and text.
    decides : False where the figures are only shown, as at horizons that were not validated in time.
    """

    name: str
    horizon: int | None
    passed: bool
    sentence: str
    numbers: Numbers
    decides: bool = True


def better_than_comparators(evidence: Evidence) -> Check:
    """Whether the log loss is shown to be below every comparator's, each one-sided at 99.5 %.

    Beating each at that level is what beating the best one means, without first choosing it on the test's rows.

    Raises
    ------
    ValueError : there is no comparator.
    """
    rival, difference = _strongest(evidence)
    passed = difference.upper < -_ROUNDING
    word = COMPARATORS[rival]
    if passed:
        said = (
            f"its log loss on the holdout is {-difference.value:.4f} below that of {word}, the strongest comparator, "
            f"and by at least {-difference.upper:.4f} with 99.5 % confidence"
        )
    else:
        said = (
            f"its log loss on the holdout differs from that of {word} by {difference.value:+.4f}, and at 99.5 % "
            f"confidence it may be {difference.upper:+.4f}, so that it is not shown to be better"
        )
    return check("prior and recency", evidence, passed, said, _compared(evidence, rival, difference))


def against_comparators(evidence: Evidence) -> Check:
    """Whether the log loss is not shown to be above any comparator's, each one-sided at 99.5 %."""
    worse = [name for name, d in _comparisons(evidence).items() if _shown_above(d)]
    rival = worse[0] if worse else _strongest(evidence)[0]
    difference = evidence.evaluation.differences[rival]
    word = COMPARATORS[rival]
    said = f"its log loss on the holdout differs from that of {word} by {difference.value:+.4f}"
    said += ", which is shown to be worse" if worse else ", which is not shown to be worse"
    return check("prior and recency", evidence, not worse, said, _compared(evidence, rival, difference))


def calibration(evidence: Evidence) -> list[Check]:
    """Calibration in the large, slope and calibration error, each refused only beyond a tolerance and beyond chance."""
    figures, perfect = evidence.evaluation.figures["model"], evidence.evaluation.perfect["model"]
    checks = []
    for name, key, (least, most), words in (
        ("calibration in the large", "intercept", (-INTERCEPT_TOLERANCE, INTERCEPT_TOLERANCE),
         "the log-odds must move by {value:+.2f} ({low:+.2f} to {high:+.2f}) to be right on average"),
        ("calibration slope", "slope", SLOPE_TOLERANCE,
         "the calibration slope is {value:.2f} ({low:.2f} to {high:.2f})"),
    ):  # fmt: skip
        value = figures[key].value
        low = value - _WIDER * (value - figures[key].low)
        high = value + _WIDER * (figures[key].high - value)
        passed = not (low > most or high < least)
        if math.isfinite(value):
            said = words.format(value=value, low=low, high=high)
            said += f", {'which does not lie' if passed else 'wholly'} outside {least:g} to {most:g}"
        else:
            said = f"the {name} is not defined for this forecast"
        checks.append(check(name, evidence, passed, said, {"value": value, "low_99": low, "high_99": high}))
    error, base = figures["calibration_error"].value, evidence.evaluation.base_rate
    chance = perfect.value + _WIDER * (perfect.high - perfect.value)
    allowed = max(_UNSURE * chance, ERROR_TOLERANCE * base)
    passed = not error > allowed
    said = (
        f"the calibration error is {error:.4f}; a perfectly calibrated model shows {perfect.value:.4f} by chance, and "
        f"{allowed:.4f} is allowed"
    )
    numbers: Numbers = {"value": error, "by_chance_99_5": chance, "allowed": allowed, "base_rate": base}
    return [*checks, check("calibration error", evidence, passed, said, numbers)]


def catalogue(trained_on: str, current: str) -> Check:
    """Whether the version was trained on the feature declarations in force."""
    passed = trained_on == current
    said = (
        "It was trained on the features in force."
        if passed
        else f"It was trained on other feature declarations ({trained_on[:12]}) than those in force ({current[:12]}); "
        "train again."
    )
    return Check("catalogue", None, passed, said, {"catalogue_hash": trained_on, "current_hash": current})


def _comparisons(evidence: Evidence) -> dict[str, Difference]:
    found = {name: d for name, d in evidence.evaluation.differences.items() if name in COMPARATORS}
    if not found:
        raise ValueError("The gate needs at least one comparator.")
    return found


def _strongest(evidence: Evidence) -> tuple[str, Difference]:
    return max(_comparisons(evidence).items(), key=lambda pair: pair[1].upper)


def _shown_above(difference: Difference) -> bool:
    error = (difference.high - difference.low) / (2 * norm.isf(0.05))
    return bool(difference.value - norm.isf(REFUSED) * error > _ROUNDING)


def _compared(evidence: Evidence, rival: str, difference: Difference) -> Numbers:
    figures = evidence.evaluation.figures
    return {
        "log_loss": figures["model"]["log_loss"].value,
        "comparator": rival,
        "comparator_log_loss": figures[rival]["log_loss"].value,
        "difference": difference.value,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "difference_upper_99_5": difference.upper,
    }


def check(name: str, evidence: Evidence, passed: bool, said: str, numbers: Numbers) -> Check:
    """A finding at one horizon; it decides where that was validated in time."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in numbers.items()}
    return Check(
        name, evidence.horizon, passed, sentence(f"at {evidence.horizon} days {said}"), finite, evidence.in_time
    )


def sentence(said: str) -> str:
    """With a capital and a full stop."""
    return f"{said[0].upper()}{said[1:]}."
