"""The gate: an evaluation in, the decision whether a version may become champion out."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluation import Evaluation

__all__ = ["Decision", "decide"]

# Two equal forecasts differ by rounding, and rounding always has the same sign: it must not pass as a win.
_ROUNDING = 1e-9

_WORDS = {
    "prior": "the base rate",
    "prior_train": "the training block's base rate",
    "recency": "recency",
    "recency_train": "recency as learned on the training block",
}


@dataclass(frozen=True)
class Decision:
    """Whether a version passed, why in one sentence, and the numbers behind it (floats and text)."""

    passed: bool
    reason: str
    numbers: dict[str, float | str | None]


def decide(evaluation: Evaluation, champion: str | None = None) -> Decision:
    """Pass a model whose log loss is below every comparator's, each one-sided at 99.5 %.

    Beating each of them at that level is what beating the better one means, without first choosing the
    better one on the rows that the test is made on. A version that would replace a champion goes
    through the same gate: the champion may have learned from these holdout rows, so setting the two side by side
    here would favour it.

    Parameters
    ----------
    evaluation : on the holdout, with the paired differences of the model and each comparator.
    champion : the present champion's version, for the sentence.
    """
    if not evaluation.differences:
        raise ValueError("The gate needs at least one comparator.")
    rival, difference = max(evaluation.differences.items(), key=lambda pair: pair[1].upper)
    passed = difference.upper < -_ROUNDING
    word = _WORDS.get(rival, rival)
    if passed:
        reason = (
            f"Passed: on the holdout its log loss is {-difference.value:.4f} below that of {word}, the strongest "
            f"comparator, and by at least {-difference.upper:.4f} with 99.5 % confidence"
        )
    else:
        reason = (
            f"Not passed: on the holdout its log loss differs from that of {word} by {difference.value:+.4f}, and at "
            f"99.5 % confidence it may be {difference.upper:+.4f}, so that it is not shown to be better"
        )
    if champion is not None:
        reason += f"; it was not set beside champion {champion}, which may have learned from the same holdout rows"
    return Decision(
        passed,
        reason + ".",
        {
            "log_loss": evaluation.figures["model"]["log_loss"].value,
            "comparator": rival,
            "comparator_log_loss": evaluation.figures[rival]["log_loss"].value,
            "difference": difference.value,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "difference_upper_99_5": difference.upper,
            "champion_not_compared": champion,
        },
    )
