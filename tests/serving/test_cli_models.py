"""`tenure train` and `tenure backtest` as a user meets them: words and figures, JSON, refusals with numbers."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.history import History
from features.settings import Settings
from features.simulation import simulate
from training.dataset import Dataset, load_dataset

# Few events are enough here, and two horizons: this is about what is said, not about how good it is.
SETTINGS = """
[outcomes.churn]
horizons = [30, 90]
[outcomes.expansion]
horizons = [90]
growth = {growth}
[training]
min_churned = [{least}, 20, 20]
bootstrap = 200
backtest_origins = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 accounts over two years: just enough to validate 30 and 90 days in time."""
    folder = tmp_path_factory.mktemp("small")
    simulate(accounts=700, months=24, seed=3).write(folder)
    return folder


@pytest.fixture(scope="module")
def loaded() -> dict[float, Dataset]:
    """Rows and labels by growth, which is all that they depend on here."""
    return {}


@pytest.fixture
def run(
    tenure: Any, folder: Path, tmp_path: Path, loaded: dict[float, Dataset], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    def load_once(history: History, settings: Settings, known_on: dt.date | None) -> Dataset:
        growth = settings.expansion.growth
        if growth not in loaded:
            loaded[growth] = load_dataset(history, settings, known_on)
        return loaded[growth]

    monkeypatch.setattr("training.dataset.load_dataset", load_once)

    def call(command: str, *arguments: str, growth: float = 0.1, least: int = 20) -> int:
        config = tmp_path / "tenure.toml"
        config.write_text(SETTINGS.format(growth=growth, least=least))
        return int(tenure(command, folder, *arguments, "--home", tmp_path / "home", "--config", config))

    return call


def numbers_only(text: str) -> Any:
    """A JSON document, in which neither NaN nor Infinity stands."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def widest(text: str) -> int:
    """Characters of the longest line of a table; prose is one line a paragraph where stdout is no terminal."""
    return max(len(line.rstrip()) for line in text.splitlines() if "  " in line.strip())


def test_train_tells_what_was_fitted_and_what_was_not(run: Callable[..., int], tenure: Any, tmp_path: Path) -> None:
    assert run("train", growth=50.0) == 0, tenure.err
    said = tenure.out
    assert said.startswith("Churn, as known on ")
    for words in (
        "calibration",
        "holdout",
        "observed / expected",
        "best other",
        "lift in the riskiest 5 %",
        "one rate",
    ):
        assert words in said
    assert re.search(r"^90 days +\d+ +0\.\d{4} +0\.\d{4} (logistic|scorecard|recency|one rate) ", said, re.MULTILINE)
    assert re.search(r"^slope \(1 is right\) .* -$", said, re.MULTILINE), "one rate for all has no slope"
    assert "nan" not in said.lower()
    assert widest(said) <= 100
    assert re.search(r"Version 1 of churn is registered as (champion|challenger):", said)
    card = re.search(r"^Its card: (.+card\.html)$", said, re.MULTILINE)
    assert card is not None
    assert "What was expected and what came" in Path(card[1]).read_text(encoding="utf-8")
    assert re.search(r"^Expansion was not fitted: .* \d+ of 20 in train, ", said, re.MULTILINE)
    assert said.rstrip().splitlines()[-1].startswith("Next: tenure score ")


def test_train_as_json(run: Callable[..., int], tenure: Any) -> None:
    assert run("train", "--outcome", "expansion", "--json") == 0, tenure.err
    document = numbers_only(tenure.out)
    assert set(document) == {"expansion", "refused"}
    assert document["refused"] == {}
    told = document["expansion"]
    assert set(told["horizons"]) == {"90"}
    figures = told["horizons"]["90"]["evaluation"]["figures"]
    assert figures["prior"]["slope"]["value"] is None
    assert 0 < figures["model"]["log_loss"]["value"] < 1
    assert told["horizons"]["90"]["sums"]["events"]["all"][0]["realised"] > 0


def test_backtest_of_both(run: Callable[..., int], tenure: Any, tmp_path: Path) -> None:
    assert run("backtest", "--json") == 0, tenure.err
    document = numbers_only(tenure.out)
    assert set(document) == {"churn", "expansion", "refused"}
    origins = document["churn"]["horizons"]["90"]["origins"]
    assert len(origins) == 2
    assert all(one["train"][1] < one["calibration"][0] <= one["calibration"][1] < one["holdout"][0] for one in origins)
    assert origins[0]["holdout"][1] < origins[1]["holdout"][0]
    assert not (tmp_path / "home" / "mlflow.db").exists(), "a backtest registers nothing"


def test_expansion_has_its_own_words(run: Callable[..., int], tenure: Any) -> None:
    assert run("backtest", "--outcome", "expansion") == 0, tenure.err
    said = tenure.out
    assert said.startswith("Expansion, backtest at rolling origins")
    assert re.search(r"^horizon +grew +log loss ", said, re.MULTILINE)
    assert "trained until" in said
    assert "came / expected" in said
    assert not re.search(r"churned|riskiest|nan", said, re.IGNORECASE)
    assert widest(said) <= 100


def test_too_little_is_refused_with_numbers_and_the_way_out(run: Callable[..., int], tenure: Any) -> None:
    assert run("train", "--outcome", "churn", least=5000) == 1
    assert tenure.out == ""
    assert re.search(r"distinct accounts that churned, found and needed, are \d+ of 5000 in train", tenure.err)
    assert "tenure score uses the rule-based scorecard" in tenure.err
    assert "Traceback" not in tenure.err
    assert run("backtest", "--outcome", "expansion", "--json", growth=50.0) == 1
    assert tenure.out == ""
    assert "accounts that grew" in tenure.err
    assert "scorecard" not in tenure.err


def test_a_refusal_speaks_of_the_scorecard_only_where_it_scores(scored_home: Path, tmp_path: Path) -> None:
    from serving.cli.models import _meanwhile

    assert "rule-based scorecard" in _meanwhile("churn", tmp_path)
    assert _meanwhile("churn", scored_home) == ""
    assert _meanwhile("expansion", tmp_path) == ""
