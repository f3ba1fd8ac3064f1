from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from training.evaluation import Difference, Evaluation, Figure, evaluate, log_losses
from training.gate import Check, Decision, Evidence, decide, headline_of
from training.resampling import account_counts

HASH = "c" * 64
ACCOUNTS = 1500
SEGMENTS = np.array(["enterprise", "mid", "small"], dtype=object)

Forecast = Callable[[np.ndarray, np.ndarray], np.ndarray]


def evidence(
    horizon: int = 90,
    forecast: Forecast = lambda truth, rng: truth,
    *,
    seed: int = 0,
    validation: str = "in time",
    accounts: int = ACCOUNTS,
    signal: float = 1.2,
    resamples: int = 200,
) -> Evidence:
    """Two days of every account; the forecast of log-odds is made of the true ones.

    Rows are the same for every forecast of a seed and horizon, so that two forecasts can be paired.
    """
    rng = np.random.default_rng([seed, horizon])
    n = 2 * accounts
    owner = np.tile(np.arange(accounts), 2)
    as_of = np.repeat(np.array(["2025-01-01", "2025-05-01"], dtype="datetime64[D]"), accounts)
    recent = rng.normal(size=n)
    truth = -2.2 + signal * (0.4 * recent + rng.normal(size=n))
    labels = (rng.random(n) < expit(truth)).astype(float)
    segment = SEGMENTS[rng.integers(0, 3, accounts)][owner]
    rate = float(expit(truth).mean())
    blunt = logit(rate) + 0.4 * signal * recent
    predictions = {
        "model": expit(forecast(truth, rng)),
        "prior": np.full(n, rate),
        "recency": expit(blunt),
    }
    judged = evaluate(labels, predictions, owner, as_of, horizon, resamples=resamples)
    return Evidence(horizon, validation, labels, owner, as_of, segment, predictions, judged)


def gate(results: list[Evidence], champion: list[Evidence] | None = None, **changed: Any) -> Decision:
    asked = {"catalogue_hash": HASH, "current_hash": HASH} | changed
    if champion is not None:
        asked.setdefault("champion_version", "3")
    rivals = None if champion is None else {e.horizon: e for e in champion}
    return decide({e.horizon: e for e in results}, rivals, **asked)


def failed(decision: Decision) -> set[tuple[str, int | None]]:
    return {(check.name, check.horizon) for check in decision.checks if check.decides and not check.passed}


def noisy(size: float) -> Forecast:
    return lambda truth, rng: truth + size * rng.normal(size=len(truth))


def noise(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full(len(truth), -1.75) + 0.2 * rng.normal(size=len(truth))


@pytest.fixture(scope="module")
def good() -> list[Evidence]:
    return [evidence(30, noisy(0.2)), evidence(90, noisy(0.2)), evidence(180, noisy(0.2))]


def test_a_good_first_champion_passes(good: list[Evidence]) -> None:
    decision = gate(good)
    assert decision.passed, decision.reason
    assert decision.reason.startswith("Passed: at 90 days its log loss on the holdout is ")
    assert "with 99.5 % confidence" in decision.reason
    assert "not shown to be off in calibration at 30, 90 and 180 days" in decision.reason
    assert decision.numbers["difference_upper_99_5"] < 0  # type: ignore[operator]
    assert decision.numbers["headline_days"] == 90
    assert decision.numbers["champion_version"] is None
    assert "champion" not in {check.name for check in decision.checks}


def test_every_finding_can_be_printed_and_stored(good: list[Evidence]) -> None:
    decision = gate(good, good)
    stored = json.loads(json.dumps(dataclasses.asdict(decision), allow_nan=False))
    assert stored["checks"]
    for check in decision.checks:
        assert isinstance(check, Check)
        assert check.sentence[0].isupper()
        assert check.sentence.endswith(".")
        assert check.horizon is None or f"{check.horizon} days" in check.sentence


def test_noise_does_not_pass() -> None:
    decision = gate([evidence(90, noise)])
    assert not decision.passed
    assert decision.reason.startswith("Not passed: at 90 days its log loss")
    assert ("prior and recency", 90) in failed(decision)


def test_null_predictions_pass_in_at_most_one_of_two_hundred_draws() -> None:
    assert sum(gate([null_evidence(seed)]).passed for seed in range(200)) <= 1


def null_evidence(seed: int, accounts: int = 300) -> Evidence:
    """Noise about the true rate; only log losses are evaluated, since that is what must refuse it."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(accounts) < 0.15).astype(float)
    predictions = {"model": expit(-1.73 + 0.05 * rng.normal(size=accounts)), "prior": np.full(accounts, 0.15)}
    loss = {name: log_losses(labels, p) for name, p in predictions.items()}
    lost = loss["model"] - loss["prior"]
    drawn = np.concatenate([c @ lost for c in account_counts(accounts, 400, accounts, seed)]) / accounts
    difference = Difference(float(lost.mean()), *(float(q) for q in np.quantile(drawn, [0.05, 0.95, 0.995])))
    fine = {"intercept": Figure(0, 0, 0), "slope": Figure(1, 1, 1), "calibration_error": Figure(0, 0, 0)}
    figures = {name: {"log_loss": Figure(float(x.mean()), 0, 0)} | fine for name, x in loss.items()}
    events = int(labels.sum())
    judged = Evaluation(accounts, accounts, events, events, events / accounts, figures,
                        {"model": Figure(0, 0, 0)}, {"prior": difference}, 400)  # fmt: skip
    day = np.full(accounts, np.datetime64("2025-01-01"))
    segment = np.array([f"s{i % 20}" for i in range(accounts)], dtype=object)  # all too small to be judged
    return Evidence(90, "in time", labels, np.arange(accounts), day, segment, predictions, judged)


def test_rounding_is_no_win() -> None:
    base = evidence(90)
    p = base.predictions["prior"]
    same = {"model": p, "prior": p * (1 - 1e-9)}
    judged = evaluate(base.labels, same, base.accounts, base.as_of, 90, resamples=200)
    assert not gate([dataclasses.replace(base, predictions=same, evaluation=judged)]).passed


def test_it_must_beat_every_comparator() -> None:
    base = evidence(90, noisy(0.2))
    both = dict(base.predictions) | {"recency": base.predictions["model"]}
    judged = evaluate(base.labels, both, base.accounts, base.as_of, 90, resamples=200)
    decision = gate([dataclasses.replace(base, predictions=both, evaluation=judged)])
    assert not decision.passed
    assert decision.numbers["comparator"] == "recency"


def test_scorecard_and_logistic_are_shown_and_do_not_decide() -> None:
    base = evidence(90, noisy(0.2))
    wider = dict(base.predictions) | {"logistic": base.predictions["model"]}
    judged = evaluate(base.labels, wider, base.accounts, base.as_of, 90, resamples=200)
    assert gate([dataclasses.replace(base, predictions=wider, evaluation=judged)]).passed
    only = {name: wider[name] for name in ("model", "logistic")}
    judged = evaluate(base.labels, only, base.accounts, base.as_of, 90, resamples=200)
    with pytest.raises(ValueError, match="at least one comparator"):
        gate([dataclasses.replace(base, predictions=only, evaluation=judged)])


def test_noise_at_another_horizon_is_refused_only_where_it_is_shown_to_be_worse(good: list[Evidence]) -> None:
    slightly = evidence(180, lambda truth, rng: np.full(len(truth), -1.75) + 0.02 * rng.normal(size=len(truth)))
    assert ("prior and recency", 180) in failed(gate([good[1], slightly]))  # recency knows something there
    only_prior = {name: slightly.predictions[name] for name in ("model", "prior")}
    judged = evaluate(slightly.labels, only_prior, slightly.accounts, slightly.as_of, 180, resamples=200)
    equal = dataclasses.replace(slightly, predictions=only_prior, evaluation=judged)
    assert ("prior and recency", 180) not in failed(gate([good[1], equal]))


@pytest.mark.parametrize(
    ("forecast", "name"),
    [
        (lambda truth, rng: truth + 0.7, "calibration in the large"),
        (lambda truth, rng: truth - 0.7, "calibration in the large"),
        (lambda truth, rng: -2.2 + 2.2 * (truth + 2.2), "calibration slope"),
        (lambda truth, rng: -2.2 + 0.5 * (truth + 2.2), "calibration slope"),
        (lambda truth, rng: np.where(truth > -1.7, truth - 1.3, truth + 1.3), "calibration error"),
    ],
    ids=["too high", "too low", "over-confident", "too timid", "bent"],
)
def test_bad_calibration_is_refused(good: list[Evidence], forecast: Forecast, name: str) -> None:
    decision = gate([evidence(90, forecast)])
    assert (name, 90) in failed(decision), decision.reason
    assert not decision.passed
    elsewhere = gate([good[0], good[1], evidence(180, forecast)])
    assert (name, 180) in failed(elsewhere)


def test_a_little_off_is_within_bounds() -> None:
    assert gate([evidence(90, lambda truth, rng: -2.2 + 1.1 * (truth + 2.2) + 0.15)]).passed


def test_the_same_recipe_again_passes(good: list[Evidence]) -> None:
    decision = gate(good, good)
    assert decision.passed, decision.reason
    assert "no worse than the champion's recipe at 30, 90 and 180 days" in decision.reason
    assert decision.numbers["champion_compared"] == "yes"


def test_an_equally_good_and_a_better_challenger_pass(good: list[Evidence]) -> None:
    again = [evidence(h, lambda truth, rng: truth + 0.2 * np.roll(rng.normal(size=len(truth)), 1)) for h in (30, 90)]
    assert gate(again, good[:2]).passed
    assert gate(good, [evidence(h, noisy(0.6)) for h in (30, 90, 180)]).passed


def test_a_worse_challenger_is_refused_though_it_beats_prior_and_recency(good: list[Evidence]) -> None:
    worse = [evidence(h, noisy(0.7)) for h in (30, 90, 180)]
    decision = gate(worse, good)
    assert not decision.passed
    assert ("champion", 90) in failed(decision)
    assert ("prior and recency", 90) not in failed(decision)
    assert "champion's recipe, fitted on the same days" in decision.reason
    one = gate([good[0], good[1], worse[2]], good)
    assert {h for name, h in failed(one) if name == "champion"} == {180}


def test_one_bad_segment_is_refused() -> None:
    fine = evidence(90, noisy(0.1))

    def spoiled(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        small = fine.segment == "small"
        return np.where(small, truth.mean() + 0.7 * rng.normal(size=len(truth)), truth)

    decision = gate([evidence(90, spoiled)], [fine])
    assert ("segments", None) in failed(decision)
    sentence = next(check.sentence for check in decision.checks if check.name == "segments")
    assert "In segment small at 90 days" in sentence
    assert sentence.count("segment") == 1


def test_a_segment_with_few_events_is_not_judged() -> None:
    def tiny(e: Evidence) -> Evidence:
        few = e.accounts < 30
        return dataclasses.replace(e, segment=np.where(few, "few", "all").astype(object))

    fine = tiny(evidence(90, noisy(0.1)))
    spoiled = tiny(evidence(90, lambda truth, rng: np.where(np.arange(len(truth)) % ACCOUNTS < 30, 0.0, truth)))
    decision = gate([spoiled], [fine])
    assert ("segments", None) not in failed(decision)
    assert next(c for c in decision.checks if c.name == "segments").numbers["judged"] == 1


def test_another_catalogue_is_refused(good: list[Evidence]) -> None:
    decision = gate(good, good, catalogue_hash="d" * 64)
    assert failed(decision) == {("catalogue", None)}
    assert "other feature declarations (dddddddddddd) than those in force (cccccccccccc)" in decision.reason


def test_horizons_not_validated_in_time_are_named_and_decide_nothing(good: list[Evidence]) -> None:
    folds = evidence(365, lambda truth, rng: truth + 2, validation="folds by account")
    decision = gate([*good, folds], [*good, evidence(365, noisy(0.2), validation="folds by account")])
    assert decision.passed
    assert "Not validated in time, and so not counted: 365 days." in decision.reason
    shown = [check for check in decision.checks if check.horizon == 365]
    assert {check.name for check in shown if not check.passed} >= {"calibration in the large", "champion"}
    assert not any(check.decides for check in shown)


def test_folds_alone_never_pass(good: list[Evidence]) -> None:
    folds = [dataclasses.replace(e, validation="folds by account") for e in good]
    decision = gate(folds)
    assert not decision.passed
    assert "no horizon was validated in time" in decision.reason


def test_the_headline_is_the_horizon_in_time_nearest_to_90_days(good: list[Evidence]) -> None:
    by_days = {e.horizon: e for e in good}
    assert headline_of(by_days) == 90
    late = by_days | {90: dataclasses.replace(good[1], validation="folds by account")}
    assert headline_of(late) == 30
    assert headline_of({}) is None
    decision = decide(late, catalogue_hash=HASH, current_hash=HASH)
    assert decision.passed
    assert decision.reason.startswith("Passed: at 30 days")


def test_a_champion_that_cannot_be_fitted_again_is_named(good: list[Evidence]) -> None:
    decision = gate(good, champion_version="7")
    assert decision.passed
    assert "It was not compared with champion 7" in decision.reason
    assert "99.5 %" in decision.reason  # judged as a first champion is
    assert decision.numbers["champion_version"] == "7"
    assert decision.numbers["champion_compared"] == "no"
    partly = gate(good, good[:2])
    assert partly.passed
    assert "Champion 3 has no figures at 180 days." in partly.reason


def test_other_rows_cannot_be_compared(good: list[Evidence]) -> None:
    with pytest.raises(ValueError, match="same holdout rows"):
        gate([good[1]], [evidence(90, seed=9)])


def test_a_long_list_of_refusals_is_cut(good: list[Evidence]) -> None:
    bad = [evidence(h, lambda truth, rng: truth + 2) for h in (30, 90, 180)]
    decision = gate(bad, good)
    assert decision.reason.startswith("Not passed: at 90 days")
    assert "more checks were not passed." in decision.reason
