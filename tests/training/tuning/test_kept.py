"""What a search found: kept whole, used only where it looked at no holdout, and never believed where it is damaged."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TenureError
from training import train as training
from training.plan import make_plan
from training.recipe import Recipe
from training.train import train_dataset
from training.tuning import Found, best_recipe, recipe_for, tune
from training.tuning.kept import keep
from training.tuning.origins import untouched

DAY = dt.date(2025, 1, 1)
BETTER = Recipe(trees={"max_depth": 3, "learning_rate": 0.07}, one_way=False)


def found(day: dt.date = DAY, better: bool = True, outcome: str = "churn", recipe: Recipe = BETTER) -> Found:
    return Found(outcome, day, recipe, better, 90, 30, 0.3, 0.31, "a study")


def plan(*holdouts: dt.date, outcome: str = "churn") -> Any:
    blocks = {30 * (n + 1): SimpleNamespace(holdout=(day,)) for n, day in enumerate(holdouts)}
    return SimpleNamespace(outcome=outcome, blocks=blocks, horizons=tuple(blocks))


@given(
    days=st.sets(st.integers(-40, 40), max_size=5),
    holdouts=st.lists(st.integers(-40, 40), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_what_is_used_looked_at_no_holdout(
    tmp_path_factory: pytest.TempPathFactory, days: set[int], holdouts: list[int]
) -> None:
    home = tmp_path_factory.mktemp("kept")
    for n in days:
        recipe = Recipe(trees={"max_trees": 100 + n})
        keep(home, found(DAY + dt.timedelta(n), recipe=recipe))
        keep(home, found(DAY + dt.timedelta(n), outcome="expansion", recipe=Recipe(trees={"max_trees": 7})))
    recipe, why = recipe_for(home, plan(*(DAY + dt.timedelta(n) for n in holdouts)), 5)
    fair = [n for n in days if n <= min(holdouts)]
    if fair:
        assert recipe.trees["max_trees"] == 100 + max(fair)
        until = DAY + dt.timedelta(max(fair))
        assert why == f"the best that tenure tune found in 30 trials on what was known until {until}"
    else:
        assert recipe == Recipe.of("churn", 5)
        late = ", since what tenure tune found was chosen by days of this holdout" if days else ""
        assert why == f"the starting recipe{late}"


def test_it_is_said_where_a_horizon_was_not_kept_from_the_search(tmp_path: Path) -> None:
    keep(tmp_path, found())
    looked_back = plan(DAY)
    looked_back.horizons = (30, 365)
    assert recipe_for(tmp_path, looked_back, 5)[1].endswith(
        "; at 365 days it is judged on accounts that the search has seen"
    )


def test_what_was_not_better_is_not_used(tmp_path: Path) -> None:
    keep(tmp_path, found(DAY - dt.timedelta(90)))
    keep(tmp_path, found(better=False))
    recipe, why = recipe_for(tmp_path, plan(DAY), 5)
    assert recipe == Recipe.of("churn", 5)
    assert why == (
        "the starting recipe, which tenure tune did not beat beyond chance in 30 trials on what was known until "
        "2025-01-01"
    )
    assert recipe_for(tmp_path, plan(DAY, outcome="expansion"), 5) == (
        Recipe.of("expansion", 5),
        "the starting recipe",
    )


def test_without_a_holdout_in_time_nothing_found_is_used(tmp_path: Path) -> None:
    keep(tmp_path, found(dt.date(2000, 1, 1)))
    assert recipe_for(tmp_path, plan(), 5)[0] == Recipe.of("churn", 5)


def test_what_is_kept_is_what_was_found(tmp_path: Path) -> None:
    file = keep(tmp_path, found())
    assert file == tmp_path / "recipes" / "churn-2025-01-01.json"
    again = best_recipe(tmp_path, "churn", DAY)
    assert again is not None
    assert again.recipe.to_json() == BETTER.to_json()
    assert dataclasses.replace(again, recipe=BETTER) == found()
    keep(tmp_path, found(better=False))
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    (file.parent / "churn-2025-02-30.json").write_text("{}")
    (file.parent / "churn-2025-01-01.77.part").write_text("half")
    replaced = best_recipe(tmp_path, "churn", dt.date.max)
    assert replaced is not None
    assert not replaced.better


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"recipe": {}}', b'{"recipe": null, "known_until": 3}',
        json.dumps({**found().to_json(), "known_until": "soon"}).encode(),
        json.dumps({**found().to_json(), "recipe": {"trees": {"depth": 3}}}).encode(),
        json.dumps({**found().to_json(), "more": 1}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_plain_sentence(tmp_path: Path, content: bytes) -> None:
    file = keep(tmp_path, found())
    file.write_bytes(content)
    with pytest.raises(TenureError) as caught:
        recipe_for(tmp_path, plan(DAY), 5)
    assert str(caught.value) == (
        f"{file} does not hold a recipe that this version can read; remove it, or run tenure tune again."
    )


class Chosen(Exception):  # noqa: N818  not an error; it carries what a training was about to fit
    pass


def test_a_training_on_an_earlier_day_does_not_use_what_looked_later(
    searched: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(dataset: Any, plan: Any, recipe: Recipe, *_: Any, **__: Any) -> None:
        raise Chosen(recipe)

    monkeypatch.setattr(training, "judge", stop)
    before = untouched(make_plan(searched.dataset, "churn", searched.settings))
    assert before == searched.search.known_until
    keep(tmp_path, found(before))
    used = []
    for months in range(4):
        known_on = searched.dataset.known_on - dt.timedelta(31 * months)
        earlier = dataclasses.replace(searched.dataset, known_on=known_on)
        first = untouched(make_plan(earlier, "churn", searched.settings))
        with pytest.raises(Chosen) as caught:
            train_dataset(earlier, searched.settings, tmp_path)
        used.append(caught.value.args[0].to_json() == BETTER.to_json())
        assert first
        assert used[-1] == (before <= first)
    assert used[0]
    assert not used[-1]


def test_a_better_recipe_is_found_kept_and_trained(searched: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """From a start that hardly learns, on clear signal; what is trained with it says so, in its run as well."""
    from mlflow import MlflowClient

    slow = {"max_depth": 2, "num_leaves": 3, "learning_rate": 0.05, "feature_fraction": 0.3, "lambda_l2": 90.0}
    start = Recipe(trees={**slow, "max_trees": 15, "folds": 3})
    search = tune(searched.dataset, searched.settings, tmp_path, trials=5, start=start, tracked=False)
    assert search.better
    assert search.difference is not None
    assert search.difference.upper < 0
    assert search.leading.value < search.starting.value
    # A store that is there saves the seconds of making one.
    store = f"sqlite:///{searched.home.resolve() / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    for variable in ("MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(variable, raising=False)
    trained = train_dataset(searched.dataset, searched.settings, tmp_path)
    said = f"the best that tenure tune found in 5 trials on what was known until {search.known_until}"
    assert trained.recipe_from == said
    assert trained.recipe.to_json() == search.best.to_json()
    run = MlflowClient(store).get_run(trained.run_id)
    assert run.data.tags["tenure.recipe_from"] == said
    for name, value in search.best.to_json()["trees"].items():
        assert float(run.data.params[f"recipe/{name}"]) == value
    assert run.data.params["recipe/one_way"] == str(search.best.one_way)
    card = json.loads((trained.artifacts / "evaluation.json").read_text())
    assert Recipe.from_json(card["recipe"]).to_json() == search.best.to_json()
