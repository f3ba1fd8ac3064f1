"""The protocol: nothing is fitted on what comes later, no account is on two sides, and what is told adds up."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import TenureError
from features.settings import Settings
from training import forecasts
from training.backtest import backtest
from training.blocks import Blocks
from training.dataset import Dataset
from training.encoding import RowEncoder
from training.forecasts import forecast, learning_of, merged, refit, refit_learning
from training.forest import grow
from training.hazards import Learning, at_risk, fit_hazards
from training.kernel import Kernel, save_kernel
from training.model import BoostedTrees
from training.plan import BY_ACCOUNT, IN_TIME, Plan, make_plan
from training.protocol import Judged, judge
from training.recipe import Recipe
from training.thirds import THIRDS, thirds

Make = Callable[..., Dataset]


def _bytes(kernel: Kernel, folder: Path) -> dict[str, bytes]:
    save_kernel(kernel, folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _upset(dataset: Dataset, changed: np.ndarray) -> Dataset:
    """Everything about some rows is another: inputs, categories, labels, revenue and days."""
    rows = dataset.rows.copy()
    for name in rows.columns:
        if rows[name].dtype == object:
            rows.loc[changed, name] = "from the future"
        else:
            rows.loc[changed, name] = 1e6
    targets = {}
    for name, target in dataset.targets.items():
        labels = np.where(changed[:, None], 1 - target.labels, target.labels)
        part = None if target.involuntary is None else np.where(changed[:, None], labels, target.involuntary)
        targets[name] = dataclasses.replace(target, labels=labels, involuntary=part)
    return dataclasses.replace(
        dataset,
        rows=rows,
        targets=targets,
        mrr=np.where(changed, 1e9, dataset.mrr),
        retained_ratio=np.where(changed[:, None], 50.0, dataset.retained_ratio),
        days_to_churn=np.where(changed, 3.0, dataset.days_to_churn),
        days_to_notice=np.where(changed, 3.0, dataset.days_to_notice),
    )


@pytest.mark.parametrize("outcome", ["churn", "expansion"])
@pytest.mark.parametrize("horizon", [30, 90])
def test_what_comes_after_the_calibration_block_changes_nothing_that_is_fitted(
    outcome: str, horizon: int, fitted: Any, settings: Settings, quick: Recipe, tmp_path: Path
) -> None:
    dataset: Dataset = fitted.dataset
    plan = make_plan(dataset, outcome, settings)
    blocks = plan.blocks[horizon]
    shorter = dict.fromkeys([h for h in plan.horizons if h <= horizon], blocks)
    learned = np.array([*blocks.train, *blocks.calibration], dtype="datetime64[D]")
    other = _upset(dataset, ~np.isin(dataset.as_of, learned))
    asked = dataset.at(outcome, horizon).on(blocks.train)
    made = [forecast(d, outcome, learning_of(d, outcome, shorter), asked, quick, settings) for d in (dataset, other)]
    files = [_bytes(f.fitted.kernel, tmp_path / str(i)) for i, f in enumerate(made)]
    assert files[0] == files[1]
    assert set(made[0].predictions) > {"model", "prior", "recency", "scorecard", "logistic"}
    for name, p in made[0].predictions.items():
        assert p.tobytes() == made[1].predictions[name].tobytes(), name
    for name, values in made[0].parts.items():
        assert values.tobytes() == made[1].parts[name].tobytes(), name
    assert made[0].draws.tobytes() == made[1].draws.tobytes()
    assert "from the future" not in str(files[0])
    # What is learned from does change it.
    first = np.isin(dataset.as_of, learned[:1]) & (np.arange(len(dataset.as_of)) % 3 == 0)
    third = _upset(dataset, first)
    assert (
        _bytes(fit_hazards(third, outcome, learning_of(third, outcome, shorter), quick).kernel, tmp_path / "c")
        != files[0]
    )


def test_an_interval_learns_from_its_own_block_and_from_who_is_at_risk(fitted: Any, quick: Recipe) -> None:
    """The registered model: the blocks of its horizons lie at different times."""
    dataset: Dataset = fitted.dataset
    learning = learning_of(dataset, "churn", fitted.plan.refit)
    labels = dataset.targets["churn"].labels
    encoder = None
    for column, interval in enumerate(fitted.kernel.intervals):
        part = learning[interval.until].train
        risk = part.only(labels[part.place, column - 1] == 0) if column else part
        assert risk.labels.mean() < part.labels.mean() or not column
        names = list(fitted.kernel.feature_names)
        places = [names.index(name) for name in fitted.kernel.categories]
        if encoder is None:
            encoder = RowEncoder(list(fitted.kernel.categories)).fit(part.rows)
        directions = quick.directions("churn")
        trees = BoostedTrees(
            **{**quick.trees, "categorical": places, "feature_names": names, "seed": quick.seed,
               "monotone": [0 if n in fitted.kernel.categories else directions.get(n, 0) for n in names]}
        )  # fmt: skip
        alone = grow(trees, encoder, risk.rows, risk.labels, risk.accounts)
        assert alone.text == interval.trees
        assert alone.fills == interval.fills
        # Calibrated on those at risk in the later block: there the hazards sum to what came.
        later = learning[interval.until].calibration
        later = later.only(labels[later.place, column - 1] == 0) if column else later
        hazards = fitted.kernel.hazards(later.rows)[:, column]
        assert hazards.sum() == pytest.approx(later.labels.sum(), rel=1e-6)


def test_labels_outside_an_intervals_block_do_not_matter_to_it(fitted: Any, quick: Recipe, tmp_path: Path) -> None:
    dataset: Dataset = fitted.dataset
    learning = learning_of(dataset, "churn", fitted.plan.refit)
    target = dataset.targets["churn"]
    labels, days = target.labels.copy(), fitted.plan.refit
    for column, horizon in enumerate(target.horizons):
        # A label at a horizon also says who is at risk in the interval after it.
        used = {*days[horizon].train, *days[horizon].calibration}
        if column + 1 < len(target.horizons):
            later = days[target.horizons[column + 1]]
            used |= {*later.train, *later.calibration}
        outside = ~np.isin(dataset.as_of, np.array(sorted(used), dtype="datetime64[D]"))
        labels[outside, column] = 1 - labels[outside, column]
    assert (labels != target.labels).any()
    other = dataclasses.replace(dataset, targets={"churn": dataclasses.replace(target, labels=labels)})
    again = fit_hazards(other, "churn", learning_of(other, "churn", fitted.plan.refit), quick).kernel
    assert _bytes(again, tmp_path / "a") == _bytes(
        fit_hazards(dataset, "churn", learning, quick).kernel, tmp_path / "b"
    )


def _spied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[int, Learning], Learning | None]]:
    """What every fit was given, the rivals' with it."""
    seen: list[Any] = []
    hazards, rivals = forecasts.fit_hazards, forecasts.fit_rivals

    def spy_hazards(dataset: Any, outcome: Any, learning: Any, recipe: Any, **more: Any) -> Any:
        seen.append([learning, None])
        return hazards(dataset, outcome, learning, recipe, **more)

    def spy_rivals(learning: Any, *more: Any) -> Any:
        seen[-1][1] = learning
        return rivals(learning, *more)

    monkeypatch.setattr(forecasts, "fit_hazards", spy_hazards)
    monkeypatch.setattr(forecasts, "fit_rivals", spy_rivals)
    return seen


def _known_before(dataset: Dataset, learning: Learning, holdout: dt.date) -> bool:
    for part in (learning.train, learning.calibration):
        gap = np.timedelta64(part.gap_days, "D")
        if not (part.as_of.max() + gap <= np.datetime64(holdout)):
            return False
    return bool(
        learning.train.as_of.max() + np.timedelta64(learning.train.gap_days, "D") <= learning.calibration.as_of.min()
    )


@pytest.fixture(scope="module")
def judging(fitted: Any, settings: Settings, quick: Recipe) -> tuple[Any, dict[int, Judged]]:
    """What each fit of a judging was given, and what was judged."""
    with pytest.MonkeyPatch.context() as patch:
        seen = _spied(patch)
        judged = judge(fitted.dataset, fitted.plan, quick, settings)
    return seen, judged


def test_a_judged_horizon_learns_nothing_that_was_not_known_when_its_holdout_begins(fitted: Any, judging: Any) -> None:
    seen, judged = judging
    assert [sorted(learning) for learning, _ in seen] == [[30], [30, 90]]
    for (learning, rivals), (horizon, found) in zip(seen, judged.items(), strict=True):
        blocks = fitted.plan.blocks[horizon]
        for part in (*learning.values(), rivals):
            assert part is not None
            assert _known_before(fitted.dataset, part, blocks.holdout[0])
        assert found.validation == IN_TIME
        assert set(found.held_out.as_of.astype(object)) == set(blocks.holdout)
        assert len(found.held_out.labels) == len(fitted.dataset.at("churn", horizon).on(blocks.holdout).labels)


def test_what_was_judged_is_put_together(fitted: Any, judging: Any) -> None:
    judged, dataset = judging[1], fitted.dataset
    for column, (horizon, found) in enumerate(judged.items()):
        held, p = found.held_out, found.predictions["model"]
        table = found.table()
        assert table["p_model"].to_numpy() == pytest.approx(p)
        assert table["label"].tolist() == held.labels.tolist()
        assert found.evidence().labels.tolist() == held.labels.tolist()
        assert found.evaluation.churned_accounts == held.events
        sums = {name: cut["all"][0] for name, cut in found.sums.items()}
        assert set(sums) == {"events", "involuntary", "voluntary", "renewal", "mrr"}
        assert sums["events"].expected == pytest.approx(p.sum())
        assert sums["events"].realised == held.labels.sum()
        parts = dataset.targets["churn"].involuntary[held.place, column]
        assert sums["involuntary"].realised + sums["voluntary"].realised == pytest.approx(held.labels.sum())
        assert sums["involuntary"].realised == parts.sum()
        assert sums["involuntary"].expected + sums["voluntary"].expected == pytest.approx(p.sum())
        came = expected = 0.0
        for i, place in enumerate(held.place.tolist()):
            mrr, ratio = dataset.mrr[place], dataset.retained_ratio[place, column]
            if np.isnan(mrr) or (not held.labels[i] and np.isnan(ratio)):
                continue
            came += 0.0 if held.labels[i] else mrr * ratio
            expected += mrr * (1 - p[i]) * found.parts["retained_ratio"][i]
        assert (sums["mrr"].expected, sums["mrr"].realised) == pytest.approx((expected, came))
        rows, left, due = held.rows, 0, 0
        for i, place in enumerate(held.place.tolist()):
            renewal = rows["days_to_renewal"].iloc[i]
            if renewal + 1 <= horizon:
                due += 1
                left += dataset.days_to_churn[place] <= renewal
        assert (sums["renewal"].rows, sums["renewal"].realised) == (due, left)
        assert sums["events"].within
        assert sums["mrr"].within
        assert 0.4 < sums["renewal"].ratio < 1.8


def test_a_segment_seen_for_the_first_time_in_the_holdout_is_scored_and_marked(
    make_dataset: Make, settings: Settings, quick: Recipe
) -> None:
    dataset = make_dataset(accounts=500)
    plan = make_plan(dataset, "churn", settings)
    start = np.datetime64(plan.blocks[30].calibration[-1]) + np.timedelta64(32, "D")
    new = (dataset.as_of >= start) & (np.arange(len(dataset.as_of)) % 3 == 0)
    dataset.rows.loc[new, "segment"] = "brand new"
    plan = dataclasses.replace(plan, horizons=(30,))
    found = judge(dataset, plan, quick, settings)[30]
    assert np.isfinite(found.predictions["model"]).all()
    slices = {s.value: s for s in found.evaluation.slices["segment"]}
    assert {value: s.new for value, s in slices.items() if s.new} == {"brand new": ("brand new",)}
    assert slices["brand new"].rows == (found.held_out.rows["segment"] == "brand new").sum() > 0


def test_thirds_never_have_one_account_on_two_sides(fitted: Any) -> None:
    dataset = fitted.dataset
    side: dict[tuple[int, str], int] = {}
    judged: dict[int, list[int]] = {30: [], 90: []}
    for horizon in (30, 90):
        labelled = dataset.at("churn", horizon)
        for fold in THIRDS:
            parts = thirds(dataset, labelled, 5, fold)
            assert sum(len(part.labels) for part in parts) == len(labelled.labels)
            for number, part in enumerate(parts):
                for account in set(part.accounts):
                    assert side.setdefault((fold, account), number) == number  # also at the other horizon
            judged[horizon] += parts[2].place.tolist()
        assert sorted(judged[horizon]) == labelled.place.tolist()
    assert len({thirds(dataset, dataset.at("churn", 30), seed, 0)[0].accounts.tobytes() for seed in (1, 2)}) == 2


def test_what_is_too_short_for_time_is_judged_by_folds_of_accounts(
    make_dataset: Make, settings: Settings, quick: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(accounts=600, months=9)
    plan = make_plan(dataset, "churn", settings)
    assert plan.horizons == (30, 90)
    assert (plan.validation(30), plan.validation(90)) == (IN_TIME, BY_ACCOUNT)
    assert plan.headline == 30
    assert "needs about" in plan.notes[90]
    assert 30 not in plan.notes
    seen = _spied(monkeypatch)
    found = judge(dataset, plan, quick, settings)[90]
    assert found.validation == BY_ACCOUNT
    assert len(seen) == 1 + len(THIRDS)
    for learning, rivals in seen[1:]:
        assert sorted(learning) == [30, 90]
        for part in (*learning.values(), rivals):
            assert part is not None
            assert not set(part.train.accounts) & set(part.calibration.accounts)
        assert not set(learning[30].train.accounts) & set(learning[90].calibration.accounts)
        learned = {a for part in learning.values() for side in (part.train, part.calibration) for a in side.accounts}
        assert len(learned) == 400
    # All rows were forecast once, in the dataset's order.
    assert found.held_out.place.tolist() == dataset.at("churn", 90).place.tolist()
    assert found.held_out.labels.tolist() == dataset.at("churn", 90).labels.tolist()
    auc = found.evaluation.figures["model"]["auc"].value
    assert auc > 0.6
    # What is registered learns from two thirds and is calibrated on the rest.
    learning = refit_learning(dataset, plan, settings.training.seed)
    assert learning[30].calibration.as_of.min() > learning[30].train.as_of.max()
    sides = [set(part.accounts) for part in (learning[90].train, learning[90].calibration)]
    assert not sides[0] & sides[1]
    assert [len(side) for side in sides] == [400, 200]
    assert refit(dataset, plan, quick, settings).kernel.horizons == (30, 90)


def test_intervals_with_few_events_are_merged(fitted: Any, make_dataset: Make, quick: Recipe) -> None:
    dataset: Dataset = make_dataset(accounts=500, months=16, horizons=(10, 30, 60, 90))
    target = dataset.targets["churn"]
    blocks = Blocks(dataset.as_ofs[:5], dataset.as_ofs[9:11], (), 92)
    learning = learning_of(dataset, "churn", dict.fromkeys(target.horizons, blocks))
    assert list(merged(dataset, "churn", learning)) == [10, 30, 60, 90]
    calibration = np.isin(dataset.as_of, np.array(blocks.calibration, dtype="datetime64[D]"))

    def without(*columns: int, least: int = 19) -> list[int]:
        """What is left where an interval has 19 events in calibration; the others come later instead."""
        labels = target.labels.copy()
        for column in columns:
            before = labels[:, column - 1] if column else np.zeros(len(labels))
            mine = np.flatnonzero(calibration & (before == 0) & (labels[:, column] == 1))
            _, first = np.unique(dataset.accounts[mine], return_index=True)
            labels[np.setdiff1d(mine, mine[first[:least]]), column] = 0
        for column in range(1, 4):
            labels[:, column] = np.fmax(labels[:, column], labels[:, column - 1])
        other = dataclasses.replace(dataset, targets={"churn": dataclasses.replace(target, labels=labels)})
        return list(merged(other, "churn", learning_of(other, "churn", dict.fromkeys(target.horizons, blocks))))

    assert without(0) == [30, 60, 90]
    assert without(0, least=20) == [10, 30, 60, 90]
    assert without(1) == [10, 60, 90]
    assert without(3)[-1] == 90
    assert 60 not in without(3)
    kept = merged(dataset, "churn", {h: learning[h] for h in (30, 90)})
    kernel = fit_hazards(dataset, "churn", kept, quick).kernel
    risk = at_risk(dataset, learning[90].calibration, 30)
    assert kernel.hazards(risk.rows)[:, 1].sum() == pytest.approx(risk.labels.sum(), rel=1e-6)


def test_bounds_and_draws_tell_the_same_error(fitted: Any) -> None:
    """Two ways to it: the delta method in the kernel, and coefficients drawn account by account."""
    for horizon in (30, 90):
        labelled = fitted.dataset.at("churn", horizon).only(np.arange(60))
        drawn = fitted.hazards.drawn(labelled, 4000, 1)
        spread = np.log(drawn / (1 - drawn)).std(axis=0)
        low, high = fitted.kernel.bounds(labelled.rows, horizon)
        claimed = (np.log(high / (1 - high)) - np.log(low / (1 - low))) / 2 / 1.6448536269514722
        assert np.all(claimed > 0)
        assert np.median(claimed / spread) == pytest.approx(1, abs=0.05)
        assert np.abs(claimed / spread - 1).max() < 0.2


def test_origins_of_a_backtest_are_disjoint_and_each_knows_only_its_past(
    make_dataset: Make, settings: Settings, quick: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(accounts=320, months=15)
    seen = _spied(monkeypatch)
    asked = dataclasses.replace(settings, training=dataclasses.replace(settings.training, backtest_origins=3))
    found, notes = backtest(dataset, "churn", asked, quick)
    assert list(found) == [30, 90]
    assert notes == {}
    fits = iter(seen)
    for horizon, back in found.items():
        days = [day for origin in back.origins for day in origin.blocks.holdout]
        assert len(days) == len(set(days))
        assert days == sorted(days)
        assert days[-1] == dataset.at("churn", horizon).as_ofs[-1]
        assert back.judged.held_out.as_ofs == tuple(days)
        assert len(back.origins) == (3 if horizon == 30 else len(back.origins)) >= 2
        gap = dt.timedelta(horizon + 2)
        for origin in back.origins:
            assert origin.blocks.train[-1] + gap <= origin.blocks.calibration[0]
            assert origin.blocks.calibration[-1] + gap <= origin.blocks.holdout[0]
            learning, rivals = next(fits)
            for part in (*learning.values(), rivals):
                assert part is not None
                assert _known_before(dataset, part, origin.blocks.holdout[0])
            held = dataset.at("churn", horizon).on(origin.blocks.holdout)
            assert (origin.rows, origin.observed) == (len(held.labels), held.labels.sum())
            document = origin.to_json()
            assert document["holdout"] == [str(days_[0]) for days_ in [origin.blocks.holdout]] + [
                str(origin.blocks.holdout[-1]), len(origin.blocks.holdout)
            ]  # fmt: skip
        assert sum(o.rows for o in back.origins) == len(back.judged.held_out.labels)
        assert sum(o.expected for o in back.origins) == pytest.approx(back.judged.predictions["model"].sum())


def test_a_plan_without_time_has_no_backtest(make_dataset: Make, settings: Settings, quick: Recipe) -> None:
    with pytest.raises(TenureError, match=r"needs about \d+ days"):
        backtest(make_dataset(accounts=900, months=4), "churn", settings, quick)


def test_plans_speak_of_all_horizons(fitted: Any) -> None:
    assert isinstance(fitted.plan, Plan)
    assert fitted.plan.headline == 90


def test_a_recipe_with_an_input_that_is_not_there_is_refused(fitted: Any, settings: Settings, quick: Recipe) -> None:
    names = tuple(str(name) for name in fitted.dataset.rows.columns)
    assert quick.inputs(names) == list(names)
    assert dataclasses.replace(quick, features=("mrr", "plan")).inputs(names) == ["mrr", "plan"]
    misspelt = dataclasses.replace(quick, features=(*names, "day_since_last_use"))
    with pytest.raises(TenureError, match="names day_since_last_use, which is no model input"):
        refit(fitted.dataset, fitted.plan, misspelt, settings)
