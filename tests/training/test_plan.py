"""The plan: which horizons are fitted, on which blocks, why others are not, and what is too little to learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from features.errors import TenureError
from features.settings import Settings, TrainingSettings
from training.blocks import Blocks
from training.calibration import MIN_EVENTS
from training.dataset import Dataset
from training.forecasts import learning_of, refit
from training.hazards import fit_hazards
from training.plan import BY_ACCOUNT, make_plan
from training.protocol import judge
from training.recipe import Recipe

Make = Callable[..., Dataset]


def _settings(**training: Any) -> Settings:
    return Settings(training=TrainingSettings(bootstrap=200, **training))


def _with_labels(dataset: Dataset, labels: np.ndarray) -> Dataset:
    """The same rows with other churn labels, not known where they were not before."""
    target = dataset.targets["churn"]
    known = np.where(np.isnan(target.labels), np.nan, labels)
    targets = {**dataset.targets, "churn": dataclasses.replace(target, labels=known, involuntary=known * 0)}
    return dataclasses.replace(dataset, targets=targets)


def _keep(dataset: Dataset, column: int, days: Any, least: int) -> Dataset:
    """Of the accounts that first churn in an interval on some days, only so many; the others stay."""
    labels = dataset.targets["churn"].labels.copy()
    before = labels[:, column - 1] if column else np.zeros(len(labels))
    there = np.isin(dataset.as_of, np.array(days, dtype="datetime64[D]"))
    mine = np.flatnonzero(there & (before != 1) & (labels[:, column] == 1))
    _, first = np.unique(dataset.accounts[mine], return_index=True)
    labels[np.setdiff1d(mine, mine[first[:least]]), column:] = 0
    return _with_labels(dataset, labels)


def test_every_horizon_has_blocks_with_its_own_gap_and_enough_events(make_dataset: Make) -> None:
    dataset = make_dataset(accounts=500, months=20, horizons=(30, 60, 90))
    plan = make_plan(dataset, "churn", _settings())
    assert plan.horizons == (30, 60, 90)
    assert plan.notes == {}
    for horizon in plan.horizons:
        labelled = dataset.at("churn", horizon)
        for blocks, needed in ((plan.blocks[horizon], (100, 50, 50)), (plan.refit[horizon], (100, 50, 0))):
            assert blocks.gap_days == horizon + 2
            for part, least in zip((blocks.train, blocks.calibration, blocks.holdout), needed, strict=True):
                assert labelled.on(part).events >= least
            assert (blocks.calibration[0] - blocks.train[-1]).days >= horizon + 2
            if blocks.holdout:
                assert (blocks.holdout[0] - blocks.calibration[-1]).days >= horizon + 2
        assert plan.refit[horizon].calibration[-1] == labelled.as_ofs[-1]
        on = [labelled.on(part).labels.sum() for part in
              (plan.blocks[horizon].train, plan.blocks[horizon].calibration, plan.blocks[horizon].holdout)]  # fmt: skip
        assert np.array(on) / sum(on) == pytest.approx([0.6, 0.2, 0.2], abs=0.1)


def test_a_refit_calibrates_on_as_few_of_the_latest_days_as_hold_enough(make_dataset: Make) -> None:
    dataset = make_dataset(accounts=300, horizons=(30,))
    for needed in (30, 90, 150):
        blocks = make_plan(dataset, "churn", _settings(min_churned=(50, needed, 20))).refit[30]
        labelled = dataset.at("churn", 30)
        total = labelled.labels.sum()

        def enough(days: Any, needed: int = needed, labelled: Any = labelled, total: float = total) -> bool:
            return labelled.on(days).events >= needed and labelled.on(days).labels.sum() >= 0.2 * total

        assert enough(blocks.calibration)
        assert len(blocks.calibration) == 2 or not enough(blocks.calibration[1:])


def test_too_little_is_refused_with_the_numbers_of_each_block(make_dataset: Make) -> None:
    dataset = make_dataset(accounts=110, horizons=(30,))
    with pytest.raises(
        TenureError, match=r"too little to learn from at 30 days: .* churned, found and needed"
    ) as refused:
        make_plan(dataset, "churn", Settings())
    blocks = make_plan(dataset, "churn", _settings(min_churned=(1, 1, 1))).blocks[30]
    for name, needed in (("train", 100), ("calibration", 50), ("holdout", 50)):
        events = dataset.at("churn", 30).on(getattr(blocks, name)).events
        assert f"{events} of {needed} in {name}" in str(refused.value)
    assert str(refused.value).endswith("intervals.")


def test_a_history_that_is_too_short_for_anything_says_how_much_it_needs(make_dataset: Make) -> None:
    with pytest.raises(TenureError, match=r"needs about \d+ days from the first usage .* and there are 92"):
        make_plan(make_dataset(accounts=150, months=3), "churn", Settings())


def test_a_horizon_that_adds_next_to_nothing_is_left_out_with_the_numbers(make_dataset: Make, quick: Recipe) -> None:
    dataset = make_dataset(accounts=400)
    plan = make_plan(dataset, "churn", _settings())
    few = _keep(dataset, 1, dataset.as_ofs, 15)
    without = make_plan(few, "churn", _settings())
    assert plan.horizons == (30, 90)
    assert without.horizons == (30,)
    assert 90 not in without.blocks
    assert f"Between 30 and 90 days only " in without.notes[90]  # noqa: F541 the same words as in the plan
    assert f"and {MIN_EVENTS} are needed; the horizon of 90 days is left out." in without.notes[90]
    assert refit(few, without, quick, _settings()).kernel.horizons == (30,)


def test_a_first_horizon_with_too_few_for_its_calibration_does_not_keep_the_next_from_being_fitted(
    make_dataset: Make, quick: Recipe
) -> None:
    """min_churned may be set below the 20 that a calibration needs."""
    dataset = make_dataset(accounts=400)
    days = dataset.as_ofs
    lenient = _settings(min_churned=(50, 10, 10), calibration_from=days[5], holdout_from=days[9])
    blocks = make_plan(dataset, "churn", lenient).blocks[30]
    labels = dataset.targets["churn"].labels.copy()
    there = np.isin(dataset.as_of, np.array(blocks.calibration, dtype="datetime64[D]"))
    churned = np.flatnonzero(there & (labels[:, 0] == 1))
    _, first = np.unique(dataset.accounts[churned], return_index=True)
    labels[np.setdiff1d(churned, churned[first[:12]]), 0] = 0  # they leave later, within 90 days
    scarce = _with_labels(dataset, labels)
    assert scarce.at("churn", 30).on(blocks.calibration).events == 12
    plan = make_plan(scarce, "churn", lenient)
    assert plan.horizons == (90,)
    assert "Between 0 and 30 days only 12 accounts churned in calibration, and 20 are needed" in plan.notes[30]
    assert set(judge(scarce, plan, quick, lenient)) == {90}


def test_fewer_than_twenty_to_calibrate_on_are_refused_and_fewer_than_fifty_get_the_logistic_map(
    make_dataset: Make, quick: Recipe
) -> None:
    dataset = make_dataset(accounts=400, horizons=(30,))
    blocks = {30: Blocks(dataset.as_ofs[:8], dataset.as_ofs[10:12], (), 32)}
    for least, said in ((19, "holds 19 accounts that churned and needs at least 20"), (20, ""), (49, ""), (50, "")):
        few = _keep(dataset, 0, blocks[30].calibration, least)
        learning = learning_of(few, "churn", blocks)
        assert learning[30].calibration.events == least
        if said:
            with pytest.raises(TenureError, match=said):
                fit_hazards(few, "churn", learning, quick)
            continue
        found = fit_hazards(few, "churn", learning, quick)
        choice = found.calibrations[30]
        assert bool(choice.table) == (least >= 50)
        if least < 50:
            assert choice.fit.method == "logistic"
        assert found.kernel.intervals[0].calibration == choice.fit.map


def test_a_recipe_may_name_its_calibration(fitted: Any) -> None:
    learning = learning_of(fitted.dataset, "churn", fitted.plan.refit)
    for method in ("beta", "spline"):
        recipe = Recipe(trees={"max_trees": 5, "folds": 2}, calibration=method)
        found = fit_hazards(fitted.dataset, "churn", learning, recipe)
        assert {choice.fit.method for choice in found.calibrations.values()} == {method}
        assert len(found.kernel.intervals[0].calibration.knots) == {"beta": 1, "spline": 3}[method]
        assert len(found.kernel.covariance) == 2 * {"beta": 3, "spline": 5}[method]


def test_one_class_only_is_refused_in_words(make_dataset: Make) -> None:
    dataset = make_dataset(accounts=150)
    labels = dataset.targets["churn"].labels
    with pytest.raises(TenureError, match="0 of 100 in train, 0 of 50 in calibration, 0 of 50 in holdout"):
        make_plan(_with_labels(dataset, labels * 0), "churn", Settings())
    # Nobody in the holdout.
    asked = _settings(calibration_from=dataset.as_ofs[6], holdout_from=dataset.as_ofs[9], min_churned=(20, 20, 1))
    late = dataset.as_of >= np.datetime64(dataset.as_ofs[9])
    with pytest.raises(TenureError, match="0 of 1 in holdout"):
        make_plan(_with_labels(dataset, np.where(late[:, None], 0.0, labels)), "churn", asked)


def test_given_borders_are_kept_and_never_replaced_by_folds_of_accounts(make_dataset: Make) -> None:
    dataset = make_dataset()
    days = dataset.as_ofs
    plan = make_plan(dataset, "churn", _settings(calibration_from=days[7], holdout_from=days[12]))
    blocks = plan.blocks[30]
    assert (blocks.train, blocks.calibration, blocks.holdout) == (days[:6], days[7:11], days[12:])
    assert plan.horizons == (30,)
    assert "calibration_from = 2024-08-01 and holdout_from = 2025-01-01" in plan.notes[90]
    assert "move the borders" in plan.notes[90]


def test_labels_that_arrive_late_are_learned_from_when_they_are_known(make_dataset: Make, quick: Recipe) -> None:
    """With a recording lag of 40 days, and some labels that nobody will ever know."""
    dataset = make_dataset(accounts=400, months=16, horizons=(30,))
    target = dataset.targets["churn"]
    gap = 30 + 40
    latest = dataset.as_of + np.timedelta64(gap, "D") > np.datetime64(dataset.known_on)
    never = np.random.default_rng(0).random(len(latest)) < 0.1
    labels = np.where((latest | never)[:, None], np.nan, target.labels)
    late = dataclasses.replace(
        dataset, targets={"churn": dataclasses.replace(target, labels=labels, gaps=(gap,), involuntary=labels * 0)}
    )
    plan = make_plan(late, "churn", _settings())
    blocks = plan.blocks[30]
    assert (blocks.calibration[0] - blocks.train[-1]).days >= gap
    assert max(blocks.holdout) <= late.known_on
    found = judge(late, plan, quick, _settings())[30]
    assert not np.isnan(found.held_out.labels).any()
    assert not never[found.held_out.place].any()
    assert found.evaluation.figures["model"]["auc"].value > 0.6


def test_folds_of_accounts_need_enough_in_every_third(make_dataset: Make) -> None:
    dataset = make_dataset(accounts=450, months=8)
    plan = make_plan(dataset, "churn", _settings())
    assert plan.horizons == (30, 90)
    assert plan.validation(90) == BY_ACCOUNT
    # A third of the accounts cannot hold 150 that churned.
    none = make_plan(dataset, "churn", _settings(min_churned=(100, 150, 50)))
    assert none.horizons == (30,)
    assert none.notes[90].startswith(plan.notes[90])
    assert "needs about" in none.notes[90]


def test_a_column_that_is_missing_in_training_or_only_in_serving_does_no_harm(fitted: Any, quick: Recipe) -> None:
    dataset = fitted.dataset
    bare = dataclasses.replace(dataset, rows=dataset.rows.assign(trend=np.nan, plan=None))
    learning = learning_of(bare, "churn", fitted.plan.refit)
    kernel = fit_hazards(bare, "churn", learning, quick).kernel
    assert kernel.typical["trend"] is None
    assert kernel.categories["plan"] == []
    head = dataset.rows.head(50)
    served = kernel.probabilities(head, 90)
    assert served.tobytes() == kernel.probabilities(head.drop(columns=["trend", "plan"]), 90).tobytes()
    # The other way round: there in training, gone when scored.
    gone = fitted.kernel.probabilities(head.assign(mrr=np.nan, trend=np.nan, plan="unheard of"), 90)
    assert np.all((gone > 0) & (gone < 1))
    assert gone.tobytes() == fitted.kernel.probabilities(head.drop(columns=["mrr", "trend", "plan"]), 90).tobytes()
    e = fitted.kernel.explain(head.drop(columns=["mrr", "trend", "plan"]), 90)
    assert np.abs(e.typical_probability + e.points.sum(axis=1) - gone).max() < 1e-9
