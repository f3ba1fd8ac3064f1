from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.settings import Settings
from training.dataset import Dataset
from training.kernel import Kernel
from training.model import BoostedTrees, ChurnModel
from training.recipe import FittedRecipe, fit_recipe, kernel_of
from training.train import plan_blocks

H = 30


def odd_rows(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    head = rows.head(40).reset_index(drop=True)
    return {
        "as they are": head,
        "columns missing": head.drop(columns=["trend", "plan", "mrr"]),
        "columns more and reordered": head[head.columns[::-1]].assign(other="x"),
        "unknown category": head.assign(plan="never seen", segment=3.5),
        "all missing": head.assign(**dict.fromkeys(head.columns, np.nan)),
        "no column at all": pd.DataFrame(index=range(3)),
        "python objects": head.astype(object),
        "far away": head.assign(trend=1e12, mrr=-1e12, noise=np.inf),
    }


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


def constant_kernel(make_dataset: Callable[..., Dataset], settings: Settings) -> Kernel:
    """A model without a single split, since no column varies."""
    dataset = make_dataset(accounts=200)
    for name in dataset.rows.columns:
        dataset.rows[name] = 1.0 if name not in ("plan", "segment") else "one"
    blocks, _ = plan_blocks(dataset, Settings(training=settings.training.__class__(min_churned=(20, 20, 20))))
    return kernel_of(fit_recipe(dataset, blocks, settings), dataset)


def test_saved_and_loaded_it_gives_the_same_bytes(fitted: Any, tmp_path: Path) -> None:
    dataset, _, recipe, kernel = fitted
    kernel.save(tmp_path / "a")
    loaded = Kernel.load(tmp_path / "a")
    loaded.save(tmp_path / "b")
    for name in ("model.json", f"churn_{H}d.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert loaded.horizons == (H,)
    assert loaded.calibration == kernel.calibration
    assert loaded.typical == kernel.typical
    assert loaded.catalogue_hash == "c" * 64
    for rows in odd_rows(dataset.rows).values():
        assert same(loaded.probabilities(rows, H), kernel.probabilities(rows, H))
        assert same(loaded.explain(rows, H).points, kernel.explain(rows, H).points)
    assert same(kernel.probabilities(dataset.rows, H), recipe.predictions(dataset.rows)["model"])
    assert {path.suffix for path in (tmp_path / "a").iterdir()} == {".json", ".txt"}


def test_a_row_gives_the_same_bytes_alone_and_in_any_batch(fitted: Any) -> None:
    dataset, _, _, kernel = fitted
    rows = dataset.rows.sample(101, random_state=1)
    p, e = kernel.probabilities(rows, H), kernel.explain(rows, H)
    assert same(p, e.probability)
    for i in range(len(rows)):
        one = rows.iloc[[i]]
        assert same(kernel.probabilities(one, H), p[[i]])
        alone = kernel.explain(one, H)
        assert same(alone.points[0], e.points[i])
        assert same(alone.log_odds[0], e.log_odds[i])
    assert same(kernel.probabilities(rows.iloc[::-1], H)[::-1].copy(), p)
    assert kernel.probabilities(rows.head(0), H).shape == (0,)
    assert kernel.explain(rows.head(0), H).points.shape == (0, len(kernel.feature_names))


def test_drivers_add_up(fitted: Any) -> None:
    dataset, _, _, kernel = fitted
    for rows in [dataset.rows, *odd_rows(dataset.rows).values()]:
        e = kernel.explain(rows, H)
        assert np.abs(e.typical_probability + e.points.sum(axis=1) - e.probability).max() < 1e-12
        log_odds = np.log(e.probability) - np.log1p(-e.probability)
        assert np.abs(e.base_log_odds + e.log_odds.sum(axis=1) - log_odds).max() < 1e-9
        # A driver never points the other way than its attribution.
        assert np.all(e.points * e.log_odds >= -1e-12)
        a, b = kernel.calibration[H]
        assert e.base_log_odds == a + b * kernel.base[H]


@pytest.mark.parametrize("b", [1e-3, 1.0, 60.0])
def test_drivers_add_up_at_any_steepness(fitted: Any, b: float) -> None:
    """Also where the probability saturates and where the margin meets the typical one."""
    dataset, _, recipe, kernel = fitted
    text = recipe.model.pipeline_["trees"].booster_.model_to_string()
    steep = Kernel({H: text}, {H: (-1.0, b)}, kernel.feature_names, kernel.categories, kernel.fills, {}, "")
    e = steep.explain(dataset.rows.head(2000), H)
    assert np.all((e.probability > 0) & (e.probability < 1))
    assert np.isfinite(e.points).all()
    assert np.abs(e.typical_probability + e.points.sum(axis=1) - e.probability).max() < 1e-9


def test_near_the_typical_account_the_derivative_takes_over(fitted: Any) -> None:
    dataset, _, _, kernel = fitted
    e = kernel.explain(dataset.rows, H)
    distance = np.abs(e.probability - e.typical_probability)
    nearest = int(np.argmin(distance))
    assert distance[nearest] < 1e-4
    slope = e.typical_probability * (1 - e.typical_probability)
    assert e.points[nearest] == pytest.approx(slope * e.log_odds[nearest], rel=1e-2)


def test_a_model_without_splits_still_explains(make_dataset: Any, settings: Settings, tmp_path: Path) -> None:
    kernel = constant_kernel(make_dataset, settings)
    kernel.save(tmp_path)
    e = Kernel.load(tmp_path).explain(pd.DataFrame({"trend": [5.0, np.nan]}), H)
    assert not e.points.any()
    assert e.probability == pytest.approx(e.typical_probability, abs=1e-15)
    assert 0.05 < e.typical_probability < 0.3


def test_missing_columns_and_unknown_categories_are_missing_values(fitted: Any) -> None:
    dataset, _, _, kernel = fitted
    rows = dataset.rows.head(300)
    empty = rows.assign(trend=np.nan, plan=None)
    assert same(kernel.margins(rows.drop(columns=["trend", "plan"]), H), kernel.margins(empty, H))
    assert same(kernel.margins(rows.assign(plan="new", trend=np.nan), H), kernel.margins(empty, H))
    assert not same(kernel.margins(rows, H), kernel.margins(empty, H))


def test_a_gap_that_training_never_saw_reads_as_the_median_and_not_as_zero(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=300)
    dataset.rows["trend"] = dataset.rows["trend"].fillna(0) + 10
    model = ChurnModel().fit(dataset.rows, dataset.labels, dataset.accounts)
    rows = dataset.rows.head(50)
    median = float(dataset.rows["trend"].median())
    blank = model.decision_function(rows.assign(trend=np.nan))
    assert same(blank, model.decision_function(rows.assign(trend=median)))
    assert not same(blank, model.decision_function(rows.assign(trend=0.0)))


def test_a_number_that_is_none_is_refused_by_name(fitted: Any) -> None:
    with pytest.raises(ValueError, match="The feature mrr must be a number"):
        fitted[3].probabilities(pd.DataFrame({"mrr": ["much"]}), H)
    with pytest.raises(ValueError, match="no horizon of 90 days"):
        fitted[3].probabilities(pd.DataFrame({"mrr": [1.0]}), 90)


def damage(folder: Path, kind: str) -> None:
    model, trees = folder / "model.json", folder / f"churn_{H}d.txt"
    if kind == "no folder":
        shutil.rmtree(folder)
    elif kind == "no model.json":
        model.unlink()
    elif kind == "cut model.json":
        model.write_text(model.read_text()[:200])
    elif kind == "not utf-8":
        model.write_bytes(b"\xff\xfe{}")
    elif kind == "foreign model.json":
        model.write_text('{"format": "someone-elses"}')
    elif kind == "a list":
        model.write_text("[1, 2]")
    elif kind == "no trees":
        trees.unlink()
    elif kind == "cut trees":  # LightGBM's own reader crashes the process on this one
        trees.write_text(trees.read_text()[:600])
    elif kind == "one digit":
        text = trees.read_text()
        at = text.index("leaf_value=") + 14
        trees.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :])
    else:
        document = json.loads(model.read_text())
        if kind == "falling calibration":
            document["horizons"][0]["b"] = -1.0
        elif kind == "other features":
            document["feature_names"][0] = "else"
        elif kind == "no calibration":
            del document["horizons"][0]["a"]
        elif kind == "text for a number":
            document["horizons"][0]["a"] = {}
        elif kind == "path outside":
            document["horizons"][0]["file"] = "../../secret"
        elif kind == "no horizons":
            document["horizons"] = []
        model.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "kind",
    [
        "no folder", "no model.json", "cut model.json", "not utf-8", "foreign model.json", "a list", "no trees",
        "cut trees", "one digit", "falling calibration", "other features", "no calibration", "text for a number",
        "path outside", "no horizons",
    ],
)  # fmt: skip
def test_a_damaged_folder_is_refused_in_one_sentence(fitted: Any, tmp_path: Path, kind: str) -> None:
    fitted[3].save(tmp_path / "m")
    damage(tmp_path / "m", kind)
    with pytest.raises(ValueError, match=r"^[A-Z][^\n]*\.$"):
        Kernel.load(tmp_path / "m")


def test_attributions_equal_shap(fitted: Any) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap warns of its own dependencies
        import shap

        dataset, _, recipe, kernel = fitted
        rows = dataset.rows.head(200)
        encoder, trees = recipe.model.pipeline_["encoder"], recipe.model.pipeline_["trees"]
        explainer = shap.TreeExplainer(trees.booster_)
        values = explainer.shap_values(encoder.transform(rows))
    e = kernel.explain(rows, H)
    _, b = kernel.calibration[H]
    assert np.abs(np.asarray(values).reshape(len(rows), -1) * b - e.log_odds).max() < 1e-12
    assert float(np.ravel(explainer.expected_value)[0]) == pytest.approx(kernel.base[H], abs=1e-12)


def test_attributions_equal_shapleys_definition(make_dataset: Any) -> None:
    """Every subset of features, by walking the dumped trees: shares no code with LightGBM or shap."""
    dataset = make_dataset(accounts=300)
    names = ["days_since_last_use", "trend", "plan", "noise", "mrr"]
    model = ChurnModel(BoostedTrees(max_trees=30)).fit(dataset.rows[names], dataset.labels, dataset.accounts)
    recipe = FittedRecipe(model, type("C", (), {"a_": 0.0, "b_": 1.0})(), *[None] * 4)  # type: ignore[arg-type]  # stand-ins
    kernel = kernel_of(recipe, dataset)
    rows = dataset.rows[names].iloc[[0, 7, 19, 30, 55, 61]]
    matrix = model.pipeline_["encoder"].transform(rows)
    dump = model.pipeline_["trees"].booster_.dump_model()["tree_info"]
    assert any(node["decision_type"] == "==" for tree in dump for node in _splits(tree["tree_structure"]))
    k = len(names)
    for i, x in enumerate(matrix):
        worth = {
            subset: sum(_expected(tree["tree_structure"], x, subset) for tree in dump)
            for size in range(k + 1)
            for subset in combinations(range(k), size)
        }
        for feature in range(k):
            phi = sum(
                math.factorial(len(s)) * math.factorial(k - len(s) - 1) / math.factorial(k)
                * (worth[tuple(sorted((*s, feature)))] - worth[s])
                for s in worth
                if feature not in s
            )  # fmt: skip
            assert kernel.explain(rows, H).log_odds[i, feature] == pytest.approx(phi, abs=1e-10)
        assert kernel.base[H] == pytest.approx(worth[()], abs=1e-10)


def _splits(node: dict[str, Any]) -> list[dict[str, Any]]:
    if "split_feature" not in node:
        return []
    return [node, *_splits(node["left_child"]), *_splits(node["right_child"])]


def _expected(node: dict[str, Any], x: np.ndarray, known: tuple[int, ...]) -> float:
    if "split_feature" not in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        value = x[node["split_feature"]]
        if node["decision_type"] == "==":
            goes_left = not math.isnan(value) and int(value) in {int(c) for c in node["threshold"].split("||")}
        elif math.isnan(value):
            goes_left = node["default_left"]
        else:
            goes_left = value <= node["threshold"]
        return _expected(left if goes_left else right, x, known)
    counts = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    total = counts[0] * _expected(left, x, known) + counts[1] * _expected(right, x, known)
    return total / node["internal_count"]
