"""Training as a whole: refusals leave nothing behind, and what a run keeps is what was found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import TenureError
from features.settings import Settings
from training import train as training
from training.kernel import load_kernel
from training.protocol import Judged
from training.recipe import Recipe
from training.runlog import describe_blocks, holdout_table
from training.train import train_dataset


def test_too_little_is_refused_before_anything_is_written(make_dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match=r"of 100 in train, .* of 50 in holdout;"):
        train_dataset(make_dataset(accounts=100), Settings(), tmp_path / "home")
    with pytest.raises(TenureError, match=r"needs about \d+ days from the first usage"):
        train_dataset(make_dataset(accounts=150, months=3), Settings(), tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_what_was_trained_is_told_in_plain_values(trained: Any) -> None:
    _, (clear, _) = trained
    document = json.loads(json.dumps(clear.to_json(), allow_nan=False))
    assert list(document["horizons"]) == ["30", "90"]
    assert document["headline"] == clear.headline == 90
    assert document["left_out"] == {}
    for horizon, found in clear.judged.items():
        told = document["horizons"][str(horizon)]
        assert told["validation"] == "in time"
        assert told["sums"]["events"]["all"][0]["realised"] == found.held_out.labels.sum()
    kernel = load_kernel(clear.folder)
    assert kernel.horizons == (30, 90)
    assert kernel.outcome == "churn"


def test_blocks_are_described_as_they_are(fitted: Any, trained: Any) -> None:
    described = describe_blocks(fitted.dataset, fitted.plan, 1)
    assert described == trained[1][0].blocks
    for horizon, named in described.items():
        assert list(named) == ["train", "calibration", "holdout", "refit_train", "refit_calibration"]
        for name, told in named.items():
            blocks = fitted.plan.refit if name.startswith("refit_") else fitted.plan.blocks
            days = getattr(blocks[horizon], name.removeprefix("refit_"))
            part = fitted.dataset.at("churn", horizon).on(days)
            assert (told["first_as_of"], told["last_as_of"]) == (str(days[0]), str(days[-1]))
            assert (told["as_of_days"], told["rows"], told["accounts"]) == (len(days), len(part.labels), 700)
            assert told["events"] == len({a for a, y in zip(part.accounts, part.labels, strict=True) if y})
            assert told["base_rate"] == pytest.approx(part.labels.mean())


def test_a_run_keeps_every_held_out_row(trained: Any) -> None:
    judged: dict[int, Judged] = trained[1][0].judged
    table = holdout_table(judged)
    assert len(table) == sum(len(found.held_out.labels) for found in judged.values())
    for horizon, found in judged.items():
        mine = table[table["horizon"] == horizon]
        assert mine["p_model"].tolist() == found.predictions["model"].tolist()
        loss = -np.log(np.where(mine["label"] == 1, mine["p_model"], 1 - mine["p_model"])).mean()
        assert found.evaluation.figures["model"]["log_loss"].value == pytest.approx(loss)


def test_a_champions_recipe_that_cannot_be_fitted_any_more_stops_nothing(
    fitted: Any, settings: Settings, quick: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(recipe: dict[str, Any]) -> Any:
        present = type("Present", (), {"card": {"recipe": recipe}, "version": "3"})()
        mine = {90: "mine"}
        return training._champion_judged(
            present, fitted.dataset, fitted.plan, quick, settings, mine, lambda stage: None  # type: ignore[arg-type]  # stand-ins
        )  # fmt: skip

    assert judged(quick.to_json()) == {90: "mine"}
    assert judged({"trees": {"depth_of_thought": 3}}) is None
    assert judged({"features": ["what there was then"]}) is None
    assert judged({"calibration": "isotonic"}) is None
    assert judged({"trees": 5}) is None
    monkeypatch.setattr(training, "judge", lambda *a, **k: (_ for _ in ()).throw(TenureError("Too few.")))
    assert judged({"one_way": False}) is None
    assert training._champion_judged(None, fitted.dataset, fitted.plan, quick, settings, {}, print) is None


def test_recipes_are_kept_as_plain_values(quick: Recipe) -> None:
    for recipe in (Recipe(), quick, Recipe({"max_depth": 3}, False, "beta", ("trend", "mrr"), 7)):
        document = json.loads(json.dumps(recipe.to_json()))
        again = Recipe.from_json(document)
        assert again.to_json() == recipe.to_json()
        assert dataclasses.replace(again, trees=recipe.trees) == recipe
        assert set(recipe.trees.items()) <= set(again.trees.items())
        assert document["trees"]["num_leaves"] >= 2  # a default, spelt out
    with pytest.raises(TenureError, match="names colour"):
        Recipe.from_json({"colour": 1})
    with pytest.raises(TenureError, match="names leaves"):
        Recipe.from_json({"trees": {"leaves": 1}})
    with pytest.raises(TenureError, match="calibration of a recipe"):
        Recipe(calibration="isotonic")


def test_a_recipe_says_which_inputs_and_which_way(fitted: Any, settings: Settings) -> None:
    from training.forecasts import refit

    some = ("mrr", "plan", "days_since_last_use")
    kernel = refit(fitted.dataset, fitted.plan, Recipe({"max_trees": 15, "folds": 2}, features=some), settings).kernel
    assert sorted(kernel.feature_names) == sorted(some)
    at = fitted.dataset.rows.iloc[[0] * 60].assign(days_since_last_use=np.linspace(0, 60, 60))
    assert np.all(np.diff(kernel.probabilities(at, 90)) >= 0)  # who has been away for longer is never safer
    assert Recipe().directions("expansion") == Recipe(one_way=False).directions("churn") == {}
    assert Recipe().directions("churn")["days_since_last_use"] == 1
