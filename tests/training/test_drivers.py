"""Drivers: they add up for every scored account, and they read as English."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.build import build_features
from features.catalogue import CATALOGUE
from features.history import History
from training.kernel import Kernel, load_kernel
from training.kernel.drivers import drivers, explained_drivers
from training.registry import version


@pytest.fixture(scope="module")
def kernel(home: Path) -> Kernel:
    return load_kernel(version(home, 1).folder)


def test_points_of_every_scored_account_add_up(stored_scores: pd.DataFrame) -> None:
    scored = stored_scores.dropna(subset=["churn_90d"])
    assert len(scored) > 200
    for row in scored.itertuples():
        total = row.typical_90d + sum(d["points"] for d in json.loads(row.drivers))
        assert total == pytest.approx(row.churn_90d, abs=1e-9)


def test_every_feature_is_in_exactly_one_driver(stored_scores: pd.DataFrame, kernel: Kernel) -> None:
    for text in stored_scores["drivers"].dropna().head(20):
        named = [name for driver in json.loads(text) for name in driver["features"]]
        assert sorted(named) == sorted(kernel.feature_names)


def test_the_points_of_a_topic_are_those_of_its_features(history: History, kernel: Kernel) -> None:
    rows = build_features(history, [history.observed_until]).head(50)
    points = kernel.explain(rows, 90).points
    column = {name: i for i, name in enumerate(kernel.feature_names)}
    for row_points, found in zip(points, drivers(kernel, rows, 90), strict=True):
        for driver in found:
            alone = sum(row_points[column[name]] for name in driver["features"])
            assert driver["points"] == pytest.approx(alone, abs=1e-12)
            lead = row_points[column[driver["feature"]]]
            assert lead * driver["points"] >= 0, "the sentence speaks of a feature that pulls the other way"


def test_sentences_of_20_random_accounts_read_as_english(stored_scores: pd.DataFrame) -> None:
    scored = stored_scores.dropna(subset=["churn_90d"]).sample(20, random_state=3)
    sentences = {d["sentence"] for text in scored["drivers"] for d in json.loads(text)}
    assert len(sentences) > 100
    for said in sentences:
        assert_english(said)


def assert_english(said: str) -> None:
    assert said[0].isupper() or said[0].isdigit(), said
    assert not re.search(r"\bnan\b|None|[{}_|]|\binf\b|\d[eE][+-]?\d", said), said
    assert not any(name in said for name in CATALOGUE.names if "_" in name), said
    assert not re.search(r"(?<![\d.,])1 (days|tickets|seats|people|months|hours|actions|invoices)\b", said), said
    assert not re.search(r"[1-9]\d*\.\d{3,}|0\.0*[1-9]\d{2,}", said), f"too many digits: {said}"
    assert not re.search(r"-\d", said), f"a minus sign is no English: {said}"
    assert "  " not in said, said
    assert not said.endswith("."), said


def test_sentences_hold_for_any_row(kernel: Kernel) -> None:
    """Extreme, empty and fractional values, as other platforms may send them."""
    random = np.random.default_rng(5)
    rows = pd.DataFrame(
        {
            f.name: random.choice([np.nan, f.low if f.low is not None else -3.0, 1.0, 0.004, 2.5, 12345.0], 200)
            for f in CATALOGUE
            if f.kind == "number"
        }
    ).clip(upper=pd.Series({f.name: f.high for f in CATALOGUE if f.high is not None}), axis=1)
    for name in CATALOGUE.categories:
        rows[name] = random.choice(np.array(["Basic", None], dtype=object), 200)
    rows["overdue_amount"] = rows["overdue_amount"].abs()
    rows["mrr"] = rows["mrr"].abs()
    rows["mrr_per_seat"] = rows["mrr_per_seat"].abs()
    for found in drivers(kernel, rows, 90):
        for driver in found:
            assert_english(driver["sentence"])


def test_a_row_without_anything_says_so_in_words(kernel: Kernel) -> None:
    (found,) = drivers(kernel, pd.DataFrame(index=range(1)), 90)
    assert {d["sentence"] for d in found} <= {f.missing for f in CATALOGUE}
    assert all(d["value"] is None for d in found)


@pytest.mark.parametrize("topic", ["active_users", "events"])
def test_a_sentence_is_about_what_is_now_where_that_pulls_the_same_way(kernel: Kernel, topic: str) -> None:
    """The sentence of what was before, by itself, reads the wrong way round."""
    now, before = f"{topic}_28d", f"{topic}_before"
    rows = pd.DataFrame({now: [3.0], before: [90.0]})
    for own, lead in ((0.1, now), (-0.1, before)):
        points = np.zeros((1, len(kernel.feature_names)))
        points[0, kernel.feature_names.index(now)] = own
        points[0, kernel.feature_names.index(before)] = 0.3
        (found,) = explained_drivers(rows, points, kernel)
        assert found[0]["points"] == pytest.approx(0.3 + own)
        assert found[0]["feature"] == lead
