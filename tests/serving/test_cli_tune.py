"""`tenure tune` as a user meets it, and the recipes that train and backtest are given."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import io
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from features.errors import TenureError
from serving.cli import recipes
from serving.cli import tune as command
from serving.cli.jobs import Exit, only_one
from serving.cli.recipes import named_recipe, tuned_recipe
from training import dataset as datasets
from training import tuning
from training.dataset import Dataset
from training.recipe import Recipe
from training.tuning import Found
from training.tuning.kept import keep

FEW = {"max_trees": 8, "patience": 3}


@pytest.fixture(scope="module")
def made() -> Callable[..., Dataset]:
    """Makes datasets. Tests are collected by path, so there is no package to import it from."""
    name = "tenure_test_support_datasets"
    place = Path(__file__).parents[1] / "training" / "conftest.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module._make_dataset  # type: ignore[no-any-return]


@pytest.fixture
def tune(tenure: Any, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`tenure tune` on a made-up dataset in place of a folder's, untracked, with few trees."""
    search = tuning.tune
    monkeypatch.setattr(command, "open_history", lambda *_: SimpleNamespace())
    of = Recipe.of.__func__  # type: ignore[attr-defined]
    few = classmethod(lambda cls, outcome, seed: (r := of(cls, outcome, seed)) and dataclasses.replace(
        r, trees={**r.trees, **FEW}))  # fmt: skip
    monkeypatch.setattr(Recipe, "of", few)
    monkeypatch.setattr(tuning, "tune", lambda *a, **k: search(*a, **k, tracked=False))

    def run(*arguments: object, dataset: Dataset | None = None) -> int:
        found = dataset or made(accounts=500)
        monkeypatch.setattr(datasets, "load_dataset", lambda *_: found)
        return int(tenure("tune", "company", *arguments, "--home", tmp_path / "home"))

    return run


def test_one_json_document_and_nothing_else_without_a_terminal(tune: Any, tenure: Any, tmp_path: Path) -> None:
    assert tune("--trials", 2, "--json") == Exit.DONE
    assert tenure.err == ""
    told = json.loads(tenure.out)
    assert list(told) == ["churn", "expansion", "refused"]
    assert told["refused"] == {}
    for outcome in ("churn", "expansion"):
        assert told[outcome]["outcome"] == outcome
        assert len(told[outcome]["trials"]) == 2
        assert Path(told[outcome]["file"]).parent == tmp_path / "home" / "recipes"
        assert json.loads(Path(told[outcome]["file"]).read_text())["trials"] == 2
        # What it prints may be given to train, as a file that holds one recipe.
        (tmp_path / "file.json").write_text(json.dumps(told[outcome]))
        recipe = named_recipe(str(tmp_path / "file.json"), outcome, 1)
        assert recipe is not None
        assert recipe.to_json() == told[outcome]["recipe"]
    assert tune("--trials", 3, "--outcome", "churn", "--json") == Exit.DONE
    again = json.loads(tenure.out)
    assert list(again) == ["churn", "refused"]
    assert again["churn"]["taken_up"] == 2
    assert again["churn"]["trials"][:2] == told["churn"]["trials"]
    # Fewer than there are: none is tried, none is lost.
    assert tune("--trials", 1, "--outcome", "churn") == Exit.DONE
    assert "3 trials, 3 of them before, 0 of them stopped early." in tenure.out
    assert "The time was up" not in tenure.out


def test_the_time_may_be_up_and_the_same_command_goes_on(tune: Any, tenure: Any) -> None:
    assert tune("--trials", 3, "--minutes", 1e-9, "--outcome", "churn") == Exit.DONE
    assert "The time was up after 1 of 3 trials; the same command goes on from there." in " ".join(tenure.out.split())
    assert "No recipe was better than the one that the search started from" in tenure.out
    assert tune("--trials", 3, "--outcome", "churn") == Exit.DONE
    assert "3 trials, 1 of them before" in tenure.out
    assert "time was up" not in tenure.out
    assert "Next: tenure train company" in tenure.out
    assert tenure.err == ""


@pytest.mark.parametrize("wrong", [("--trials", 0), ("--minutes", 0), ("--minutes", -1), ("--outcome", "growth")])
def test_what_cannot_be_asked_is_a_wrong_command_line(tenure: Any, wrong: tuple[str, object]) -> None:
    assert tenure("tune", "company", *wrong) == Exit.USAGE
    assert tenure.out == ""


def test_outcomes_share_the_time(tune: Any, tenure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first one leaves of its half, the second one has; what it takes too much, the second one lacks."""
    clock, given = [0.0], []
    took = [60.0, 0.0]

    def search(*_: Any, outcome: str, minutes: float, **__: Any) -> None:
        given.append((outcome, minutes))
        clock[0] += took[len(given) % 2 - 1]
        raise TenureError("stop.")

    monkeypatch.setattr(tuning, "tune", search)
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    tune("--minutes", 10)
    took[0] = 3600.0
    tune("--minutes", 10)
    assert given == [("churn", 5), ("expansion", 9), ("churn", 5), ("expansion", 0)]


def test_expansion_may_be_refused_while_churn_is_searched(tune: Any, tenure: Any, made: Any, tmp_path: Path) -> None:
    dataset = made(accounts=500)
    grown = dataset.targets["expansion"]
    none = dataclasses.replace(grown, labels=np.where(np.isnan(grown.labels), np.nan, 0.0))
    still = dataclasses.replace(dataset, targets={**dataset.targets, "expansion": none})
    assert tune("--trials", 1, dataset=still) == Exit.DONE
    said = " ".join(tenure.out.split())
    assert "Expansion was not searched: There is too little to learn from at" in said
    assert "Recipes of churn" in said
    assert tune("--trials", 1, "--json", dataset=still) == Exit.DONE
    told = json.loads(tenure.out)
    assert list(told) == ["churn", "refused"]
    assert list(told["refused"]) == ["expansion"]
    assert tune("--outcome", "expansion", dataset=still) == Exit.FAILED
    assert tenure.out == ""
    assert sorted(file.name for file in (tmp_path / "home" / "recipes").iterdir()) == ["churn-2024-11-01.json"]


def test_too_little_history_is_refused_with_the_numbers(tune: Any, tenure: Any, made: Any, tmp_path: Path) -> None:
    for options in ((), ("--json",)):
        assert tune(*options, dataset=made(accounts=100)) == Exit.FAILED
        assert tenure.out == ""
        assert tenure.err.startswith("tenure: There is too little to learn from at 90 days: ")
        assert " of 100 in train, " in tenure.err
        assert tenure.err.count("\n") == 1
    assert not (tmp_path / "home" / "tuning.db").exists()


def test_the_second_waits_or_says_that_it_does_not(tune: Any, tenure: Any, tmp_path: Path) -> None:
    began, released = time.monotonic(), []

    def release() -> None:
        time.sleep(0.5)
        released.append(time.monotonic())
        held.__exit__(None, None, None)

    held = only_one(tmp_path / "home", "tune")
    held.__enter__()
    assert tune("--no-wait", "--json") == Exit.BUSY == 75
    assert tenure.out == ""
    assert tenure.err.startswith("tenure: Another tenure tune (process ")
    other = threading.Thread(target=release)
    other.start()
    assert tune("--trials", 1, "--outcome", "churn", "--json") == Exit.DONE
    other.join()
    assert released
    assert time.monotonic() > released[0] > began
    assert tenure.err.startswith("Another tenure tune (process ")
    assert tenure.err.endswith("; waiting for it.\n")
    assert len(json.loads(tenure.out)["churn"]["trials"]) == 1


def test_a_terminal_sees_the_best_so_far(tune: Any, tenure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=150)
    monkeypatch.setattr(command, "Console", lambda **_: terminal)
    assert tune("--trials", 3, "--outcome", "churn", "--json") == Exit.DONE
    told = json.loads(tenure.out)["churn"]
    shown = screen.getvalue()
    assert "trials of churn" in shown
    assert f"(start {told['starting_log_loss']:.5f})" in shown
    assert f"log loss {told['best_log_loss']:.5f}" in shown
    assert "3/3" in shown


WRONG = [
    ("{", "is not a JSON file"),
    (b"\xff\xfe\x00", "is not a JSON file"),
    ("[1, 2]", "holds no recipe"),
    ("null", "holds no recipe"),
    ('{"recipe": null}', "holds no recipe"),
    ('{"trees": []}', "holds no recipe"),
    ('{"trees": {"depth": 3}}', "names depth, which no recipe has"),
    ('{"recipe": {"recipe": {}}}', "names recipe, which no recipe has"),
    ('{"churn": {"recipe": {}}}', "names churn, which no recipe has"),
    ('{"trees": {"max_depth": "four"}}', 'has max_depth = "four", which must be a whole number from 1 to 100'),
    ('{"recipe": {"trees": {"max_depth": 2.5}}}', "has max_depth = 2.5, which must be a whole number"),
    ('{"trees": {"max_depth": true}}', "has max_depth = true"),
    ('{"trees": {"num_leaves": 1}}', "has num_leaves = 1"),
    ('{"trees": {"max_trees": 0}}', "has max_trees = 0"),
    ('{"trees": {"folds": 1}}', "has folds = 1"),
    ('{"trees": {"learning_rate": NaN}}', "has learning_rate = NaN, which must be a number"),
    ('{"trees": {"learning_rate": 1e999}}', "has learning_rate = Infinity"),
    ('{"trees": {"feature_fraction": 0}}', "has feature_fraction = 0"),
    ('{"trees": {"lambda_l2": -1}}', "has lambda_l2 = -1"),
    ('{"features": 5}', "has features that are no list of names"),
    ('{"features": "mrr"}', "has features that are no list of names"),
    ('{"features": ["nothing of ours"]}', "names the feature nothing of ours, which the catalogue does not have"),
    ('{"features": [["mrr"]]}', "which the catalogue does not have"),
    ('{"one_way": "no"}', 'has one_way = "no", which must be true or false'),
    ('{"seed": 1.5}', "has seed = 1.5"),
    ('{"seed": -1}', "has seed = -1"),
    ('{"calibration": "isotonic"}', 'must be one of auto, logistic, beta, spline, not "isotonic"'),
    ('{"calibration": 5}', "must be one of auto"),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_a_wrong_recipe_is_one_plain_sentence(tmp_path: Path, content: str | bytes, said: str) -> None:
    file = tmp_path / "recipe"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TenureError) as caught:
        named_recipe(str(file), "churn", 1)
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).endswith(".")


def test_a_recipe_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "none"):
        with pytest.raises(TenureError, match=r"cannot be read \(.+\); --recipe takes best, default or a JSON file"):
            named_recipe(str(name), "churn", 1)


def test_what_a_recipe_does_not_say_is_as_in_the_default(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    for document in ({"trees": {"max_depth": 3}}, {"recipe": {"trees": {"max_depth": 3}}, "more": 1}):
        file.write_text(json.dumps(document))
        for outcome in ("churn", "expansion"):
            recipe, default = named_recipe(str(file), outcome, 4), Recipe.of(outcome, 4).to_json()
            assert recipe is not None
            assert recipe.to_json() == {**default, "trees": {**default["trees"], "max_depth": 3}}
    assert named_recipe("best", "churn", 4) is None
    assert named_recipe("default", "expansion", 4) == Recipe.of("expansion", 4)


def test_every_argument_of_the_trees_has_its_range() -> None:
    assert set(recipes._TREES) == set(Recipe().to_json()["trees"])
    for outcome in ("churn", "expansion"):
        assert recipes._wrong(Recipe.of(outcome, 1).to_json()) == ""


def test_a_backtest_of_the_best_warns_that_it_was_chosen_there(tmp_path: Path, capsys: Any) -> None:
    best = Recipe(trees={"max_depth": 3})
    assert tuned_recipe(tmp_path, "churn", 1) == Recipe.of("churn", 1)
    for better in (False, True):
        keep(tmp_path, Found("churn", dt.date(2025, 3, 1), best, better, 90, 30, 0.3, 0.31, "a study"))
        used = tuned_recipe(tmp_path, "churn", 1)
        told = capsys.readouterr()
        assert told.out == ""
        if better:
            assert used.to_json() == best.to_json()
            assert told.err.startswith("Warning: the recipe of churn was chosen by what was known until 2025-03-01;")
        else:
            assert used == Recipe.of("churn", 1)
            assert told.err == ""
