"""The search: what it looks at, which recipes it stops early, and when it calls one better."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import TenureError
from features.settings import Settings, TrainingSettings
from training.evaluation import Difference
from training.plan import make_plan
from training.recipe import Recipe
from training.tuning import search as searching
from training.tuning import tune
from training.tuning.binned import Binned
from training.tuning.origins import untouched
from training.tuning.space import RANGES, recipe_of, values_of
from training.tuning.study import finished, open_study


def rates(dataset: Any, settings: Settings, home: Path, trials: int, loss: Callable[[int, int], float]) -> Any:
    """A search in which trial t has loss(t, k) on origin k, whatever it tries."""
    seen: list[str] = []

    def losses(self: Binned, recipe: Recipe) -> np.ndarray:
        told = json.dumps(recipe.to_json(), sort_keys=True)
        if told not in seen:
            seen.append(told)
        first = firsts.setdefault(self.origin.held.as_ofs[0], len(firsts))
        return np.full(len(self.origin.held.labels), loss(seen.index(told), first))

    firsts: dict[dt.date, int] = {}
    patch = pytest.MonkeyPatch()
    patch.setattr(Binned, "losses", losses)
    try:
        return tune(dataset, settings, home, trials=trials, tracked=False)
    finally:
        patch.undo()


def test_nothing_that_became_known_later_is_looked_at(
    searched: Any, told_of: Any, only_rows: Any, relabelled: Any, tmp_path: Path
) -> None:
    """With the borders of the blocks held, all that a search must not see is made garbage, turned round or removed."""
    dataset = searched.dataset
    plan = make_plan(dataset, "churn", searched.settings)
    settings = Settings(
        training=TrainingSettings(
            bootstrap=200, calibration_from=plan.blocks[90].calibration[0], holdout_from=plan.blocks[90].holdout[0]
        )
    )
    before = untouched(make_plan(dataset, "churn", settings))
    assert before is not None

    def hidden(gap: int) -> Any:
        return dataset.as_of + np.timedelta64(gap) > np.datetime64(before)

    labels = dataset.targets["churn"].labels.copy()
    rng = np.random.default_rng(5)
    for column, gap in enumerate(dataset.targets["churn"].gaps):
        # Of two in three the label is turned round, so that enough of both kinds is left for the blocks.
        changed = hidden(gap) & (rng.random(len(labels)) < 2 / 3)
        labels[changed, column] = 1 - labels[changed, column]
    # Labels never fall as the horizon grows, as a dataset promises.
    labels[hidden(92), 1] = np.maximum(labels[hidden(92), 0], labels[hidden(92), 1])
    rows = dataset.rows.copy()
    for name in rows.columns:
        text = rows[name].dtype == object
        rows.loc[hidden(92), name] = "garbage" if text else 1e9 * rng.normal(size=int(hidden(92).sum()))
    kept = ~hidden(92) | (rng.random(len(rows)) < 0.7)
    worlds = {
        "labels": relabelled(dataset, {"churn": labels}),
        "features": dataclasses.replace(dataset, rows=rows),
        "rows": only_rows(dataset, kept),
    }
    assert not np.array_equal(labels, dataset.targets["churn"].labels, equal_nan=True)
    asked: Any = {"trials": 2, "start": searched.start, "tracked": False}
    plain = tune(dataset, settings, tmp_path / "plain", **asked)
    assert plain.known_until == before
    for name, world in worlds.items():
        other = tune(world, settings, tmp_path / name, **asked)
        assert other.taken_up == 0
        assert (other.known_until, other.horizon) == (before, 90)
        assert other.origins == plain.origins
        assert told_of(other) == told_of(plain), name
        assert (other.difference, other.better, other.best) == (plain.difference, plain.better, plain.best)
    # What was known is looked at: one label more or less and the losses are others.
    flipped = dataset.targets["churn"].labels.copy()
    known = np.flatnonzero(~hidden(92) & (flipped[:, 0] == 0) & (flipped[:, 1] == 0))
    flipped[known[:40], 1] = 1
    other = tune(relabelled(dataset, {"churn": flipped}), settings, tmp_path / "known", **asked)
    assert other.starting.losses != plain.starting.losses
    assert other.study != plain.study


def test_the_same_search_is_the_same(searched: Any, told_of: Any, tmp_path: Path) -> None:
    again = tune(searched.dataset, searched.settings, tmp_path / "home", trials=6, start=searched.start, tracked=False)
    assert told_of(again) == told_of(searched.search)
    assert (again.study, again.difference) == (searched.search.study, searched.search.difference)


def test_another_question_is_another_study(searched: Any, make_dataset: Any) -> None:
    def name(dataset: Any = searched.dataset, start: Recipe = searched.start, **training: Any) -> str:
        plan = make_plan(dataset, "churn", Settings(training=TrainingSettings(bootstrap=200, **training)))
        before = untouched(plan)
        assert before
        needed = training.get("min_churned", (100, 50, 50))
        origins = searching.cut_origins(dataset, "churn", plan.headline, before, needed)
        return searching._name(dataset, "churn", before, origins, start)

    names = [
        name(),
        name(dataclasses.replace(searched.dataset, fingerprint="e" * 64)),
        name(dataclasses.replace(searched.dataset, catalogue_hash="e" * 64)),
        name(start=Recipe(seed=1)),
        name(start=dataclasses.replace(searched.start, trees={"max_trees": 21, "patience": 4})),
        name(make_dataset(accounts=500, seed=1)),
        name(min_churned=(100, 50, 200)),
    ]
    assert len(set(names)) == len(names)
    assert names[0] == name() == searched.search.study


@pytest.mark.parametrize("outcome", ["churn", "expansion"])
def test_the_starting_recipe_is_a_point_of_the_space(outcome: str) -> None:
    """Otherwise the first trial would not be what the others are compared with."""
    start = Recipe.of(outcome, 1)
    values = values_of(start, outcome)
    assert recipe_of(start, values).to_json() == start.to_json()
    assert set(values) == {*RANGES, *(["one_way"] if outcome == "churn" else [])}


def test_the_first_trial_is_the_start_also_where_that_is_outside_the_space(searched: Any, tmp_path: Path) -> None:
    start = dataclasses.replace(searched.start, trees={**searched.start.trees, "lambda_l2": 0.0, "max_depth": 1})
    found = tune(searched.dataset, searched.settings, tmp_path / "home", trials=1, start=start, tracked=False)
    assert found.recipe == start
    origins = searching.cut_origins(searched.dataset, "churn", 90, found.known_until, (100, 50, 50))
    losses = [Binned(searched.dataset, o, start).losses(start).mean() for o in origins]
    assert found.starting.losses == pytest.approx(losses, rel=1e-9)


def test_trials_hold_what_they_tried(searched: Any) -> None:
    search = searched.search
    origins = searching.cut_origins(searched.dataset, "churn", 90, search.known_until, (100, 50, 50))
    for trial in search.trials:
        recipe = recipe_of(searched.start, trial.values)
        assert recipe.trees["max_trees"] == 20
        assert recipe.one_way == trial.values["one_way"]
        assert all(recipe.trees[name] == trial.values[name] for name in RANGES)
        assert all(low <= trial.values[name] <= high for name, (low, high, _) in RANGES.items())
        for origin, loss in zip(origins, trial.losses, strict=False):
            binned = Binned(searched.dataset, origin, searched.start)
            assert loss == binned.losses(recipe).mean()
            break  # one origin each; the others are as slow and say the same
    assert search.starting.values == values_of(searched.start, "churn")
    assert search.leading.value == min(t.value for t in search.trials if len(t.losses) == len(search.origins))
    assert search.best.to_json() == recipe_of(searched.start, search.leading.values).to_json()
    assert len({json.dumps(t.values, sort_keys=True) for t in search.trials}) == len(search.trials)


@pytest.mark.parametrize("levels", [(0.5, 0.4, 0.3, 0.2), (0.2, 0.3, 0.4, 0.5)])
def test_bad_recipes_are_stopped_after_the_first_origin_and_good_ones_never(
    searched: Any, tmp_path: Path, levels: tuple[float, ...]
) -> None:
    """From the fifth on every second recipe is bad, and every other one is the best so far."""

    def loss(trial: int, origin: int) -> float:
        worse = 0.02 if trial >= 4 and trial % 2 else -0.001 * trial
        return levels[origin] + worse

    search = rates(searched.dataset, searched.settings, tmp_path, 9, loss)
    assert len(search.origins) == 4
    for place, trial in enumerate(search.trials):
        bad = place >= 4 and place % 2
        assert trial.state == ("pruned" if bad else "complete"), place
        assert len(trial.losses) == (1 if bad else 4)
    assert search.leading.number == 8
    assert search.starting.state == "complete"


def test_who_begins_well_and_goes_on_badly_is_stopped_there(searched: Any, tmp_path: Path) -> None:
    def loss(trial: int, origin: int) -> float:
        return 0.4 + (0.1 if trial >= 4 and origin >= 1 else 0.0) - (0.05 if trial >= 4 and origin == 0 else 0.0)

    search = rates(searched.dataset, searched.settings, tmp_path, 6, loss)
    assert [len(trial.losses) for trial in search.trials] == [4, 4, 4, 4, 2, 2]
    assert [trial.state for trial in search.trials[4:]] == ["pruned", "pruned"]


def test_the_start_is_never_stopped_and_the_best_is_complete(searched: Any, tmp_path: Path) -> None:
    def loss(trial: int, origin: int) -> float:
        # The start is the worst of all; many look best at first and turn out badly.
        return 0.9 if trial == 0 else 0.1 + 0.01 * (trial % 5) + (0.3 if trial % 3 == 0 and origin == 3 else 0.0)

    search = rates(searched.dataset, searched.settings, tmp_path, 9, loss)
    assert search.starting.state == "complete"
    assert len(search.starting.losses) == 4
    assert search.leading.state == "complete"
    assert search.leading.value == min(t.value for t in search.trials if t.state == "complete")


def test_nobody_is_stopped_before_there_are_four_to_compare_with(searched: Any, tmp_path: Path) -> None:
    search = rates(searched.dataset, searched.settings, tmp_path, 5, lambda trial, origin: 0.3 + 0.1 * (trial > 0))
    assert [trial.state for trial in search.trials[:4]] == ["complete"] * 4


def test_of_equals_the_first_wins_and_nothing_is_better_than_itself(searched: Any, tmp_path: Path) -> None:
    search = rates(searched.dataset, searched.settings, tmp_path, 5, lambda trial, origin: 0.4)
    assert search.leading.number == 0
    assert search.difference is None
    assert not search.better
    assert search.recipe == search.start


def test_the_difference_is_that_of_plain_loops(searched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of an account are drawn together, over all origins at once, and origins weigh the same."""
    before = searched.search.known_until
    origins = searching.cut_origins(searched.dataset, "churn", 90, before, (100, 50, 50))
    rng = np.random.default_rng(1)
    # Origins of different sizes, with accounts that are in some of them only.
    origins = [
        dataclasses.replace(o, held=o.held.only(rng.random(len(o.held.labels)) < 0.2 * (k + 1)))
        for k, o in enumerate(origins)
    ]
    fitted = [Binned(searched.dataset, origin, searched.start) for origin in origins]
    best = dataclasses.replace(searched.start, one_way=False)
    # What an account has in common makes the spread several times that of as many rows on their own.
    common = {account: rng.normal(0, 0.3) for account in sorted(set(searched.dataset.accounts))}
    lost = {
        (place, recipe.one_way): rng.normal(0.3, 0.1, len(o.held.labels))
        + (0 if recipe.one_way else np.array([common[account] for account in o.held.accounts]))
        for place, o in enumerate(origins)
        for recipe in (best, searched.start)
    }
    places = {id(origin): place for place, origin in enumerate(origins)}
    monkeypatch.setattr(Binned, "losses", lambda self, recipe: lost[places[id(self.origin)], recipe.one_way])
    found = searching._difference(fitted, searched.start, best, searched.settings)
    everyone = sorted({account for o in origins for account in o.held.accounts})
    means = []
    for weight in (dict.fromkeys(everyone, 1), *_drawn(everyone, 2000)):
        by_origin = []
        for place, o in enumerate(origins):
            total = count = 0.0
            for row, account in enumerate(o.held.accounts):
                if weight.get(account):
                    total += weight[account] * (lost[place, False][row] - lost[place, True][row])
                    count += weight[account]
            by_origin.append(total / count)
        means.append(sum(by_origin) / len(by_origin))
    assert found.value == pytest.approx(means[0], rel=1e-9)
    spread = float(np.std(means[1:]))
    # 200 draws here and 2,000 there: their quantiles agree as far as draws do.
    for figure, share, allowed in ((found.low, 0.05, 0.5), (found.high, 0.95, 0.5), (found.upper, 0.995, 1.0)):
        assert abs(figure - np.quantile(means[1:], share)) < allowed * spread
    assert found.low < found.value < found.high < found.upper


def _drawn(everyone: list[str], times: int) -> list[dict[str, int]]:
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(times):
        names, counts = np.unique(rng.choice(np.array(everyone, dtype=object), len(everyone)), return_counts=True)
        drawn.append(dict(zip(names, counts, strict=True)))
    return drawn


@pytest.mark.parametrize(("gain", "better"), [(0.05, True), (0.0001, False)])
def test_better_is_what_is_beyond_chance(
    searched: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gain: float, better: bool
) -> None:
    def losses(self: Binned, recipe: Recipe) -> np.ndarray:
        noise = np.random.default_rng(7).normal(0, 0.2, len(self.origin.held.labels))
        best = recipe.to_json() != searched.start.to_json()
        return 0.4 + (noise - noise.mean() - gain if best else np.zeros(len(noise)))

    monkeypatch.setattr(Binned, "losses", losses)
    search = tune(searched.dataset, searched.settings, tmp_path, trials=3, start=searched.start, tracked=False)
    assert search.leading.number == 1
    assert search.difference is not None
    assert search.difference.value == pytest.approx(-gain)
    assert search.better == better == (search.difference.upper < 0)
    assert search.recipe == (search.best if better else search.start)
    assert json.loads(search.file.read_text())["better"] == better
    # That the 90 % interval lies below 0 does not say enough of the best of many.
    near = Difference(-0.01, -0.02, -0.005, 0.001)
    monkeypatch.setattr(searching, "_difference", lambda *_: near)
    again = tune(searched.dataset, searched.settings, tmp_path, trials=3, start=searched.start, tracked=False)
    assert again.difference == near
    assert not again.better


def test_on_noise_nothing_is_better(make_dataset: Any, searched: Any, tmp_path: Path) -> None:
    noise = make_dataset(accounts=500, signal=0.0)
    search = tune(noise, searched.settings, tmp_path, trials=6, start=searched.start, tracked=False)
    assert search.difference is not None
    assert not search.better
    assert search.recipe == searched.start


def test_the_budget_is_kept_and_the_start_is_always_tried(searched: Any, tmp_path: Path, told_of: Any) -> None:
    asked: Any = {"start": searched.start, "tracked": False, "trials": 6}
    none = tune(searched.dataset, searched.settings, tmp_path / "home", minutes=1e-9, **asked)
    assert len(none.trials) == 1
    assert none.starting.values == values_of(searched.start, "churn")
    assert not none.better
    rest = tune(searched.dataset, searched.settings, tmp_path / "home", minutes=60, **asked)
    assert rest.taken_up == 1
    assert told_of(rest) == told_of(searched.search)


def test_no_trial_begins_after_the_time(searched: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes a second forward whenever losses are asked for."""
    clock = [0.0]
    monkeypatch.setattr(searching.time, "monotonic", lambda: clock[0])

    def losses(self: Binned, recipe: Recipe) -> np.ndarray:
        clock[0] += 1
        return np.full(len(self.origin.held.labels), 0.4)

    monkeypatch.setattr(Binned, "losses", losses)
    # Trials of four seconds: the third begins at 8 s, the fourth would at 12 s.
    search = tune(searched.dataset, searched.settings, tmp_path, trials=9, minutes=10 / 60, tracked=False)
    assert len(search.trials) == 3
    assert [trial.seconds for trial in search.trials] == [4.0] * 3


def test_progress_is_told_before_the_first_and_after_every_trial(searched: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    tune(
        searched.dataset, searched.settings, tmp_path, trials=3, start=searched.start, tracked=False,
        progress=lambda done, total: seen.append((len(done), total)),
    )  # fmt: skip
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_without_a_horizon_in_time_a_search_is_refused(make_dataset: Any, settings: Any, tmp_path: Path) -> None:
    short = make_dataset(accounts=900, months=5, horizons=(90,))
    assert not make_plan(short, "churn", settings).blocks
    with pytest.raises(TenureError, match="No horizon of churn is validated in time, so a search would choose by"):
        tune(short, settings, tmp_path / "home", tracked=False)
    assert not (tmp_path / "home").exists()


def test_expansion_has_a_search_of_its_own(searched: Any, tmp_path: Path) -> None:
    search = tune(
        searched.dataset, searched.settings, tmp_path, outcome="expansion", trials=2, tracked=False,
        start=dataclasses.replace(Recipe.of("expansion", 1), trees={"max_depth": 2, "num_leaves": 4, "max_trees": 10}),
    )  # fmt: skip
    assert "one_way" not in search.starting.values
    assert search.file.name == f"expansion-{search.known_until}.json"
    assert search.study.startswith("expansion ")
    assert finished(open_study(tmp_path, search.study.replace("expansion", "churn"))) == []


def test_what_came_out_is_told_in_plain_values(searched: Any) -> None:
    search = searched.search
    document = json.loads(json.dumps(search.to_json(), allow_nan=False))
    assert [trial["number"] for trial in document["trials"]] == list(range(6))
    assert document["recipe"] == search.recipe.to_json()
    assert document["known_until"] == str(search.known_until)
    assert document["best_trial"] == search.leading.number
    frame = search.to_frame()
    assert frame["value"].tolist() == [trial.value for trial in search.trials]
    assert {f"param_{name}" for name in values_of(search.start, "churn")} <= set(frame.columns)
    for (first, last, events), trial_loss in zip(search.origins, search.starting.losses, strict=True):
        assert first <= last < search.known_until
        held = search_rows(searched, first, last)
        assert events == held.events
        assert 0 < trial_loss < 1


def search_rows(searched: Any, first: dt.date, last: dt.date) -> Any:
    labelled = searched.dataset.at("churn", 90)
    return labelled.on([day for day in labelled.as_ofs if first <= day <= last])
