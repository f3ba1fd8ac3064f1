from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score

from features.settings import Settings
from training.encoding import RowEncoder
from training.model import BoostedTrees, ChurnModel, _account_folds
from training.recipe import fit_recipe


def test_categories_are_capped_ranked_and_closed() -> None:
    values = [f"v{i:02d}" for i in range(30) for _ in range(40 - i)] + [None, "tie_b", "tie_a"]
    rows = pd.DataFrame({"c": pd.Series(values, dtype=object), "x": 1.0})
    encoder = RowEncoder().fit(rows)
    assert encoder.categories_["c"] == [f"v{i:02d}" for i in range(20)]
    matrix = encoder.transform(
        pd.DataFrame({"c": ["v00", "v19", "v20", None, "new"], "x": [1.0, np.nan, 2.0, 3.0, 4.0]})
    )
    assert matrix[:2, 0].tolist() == [0.0, 19.0]
    assert np.isnan(matrix[2:, 0]).all()
    assert matrix[1, 1] == 1.0  # training had no gap, so the median stands in
    ties = RowEncoder().fit(pd.DataFrame({"c": ["b", "a", "c", "c"]}))
    assert ties.categories_["c"] == ["c", "a", "b"]
    assert RowEncoder().fit(rows.sample(frac=1, random_state=3)).categories_ == encoder.categories_


def test_text_columns_of_pandas_3_are_taken(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=200)
    as_text = dataset.rows.astype({"plan": "str", "segment": "str"})
    a = ChurnModel().fit(dataset.rows, dataset.labels, dataset.accounts)
    b = ChurnModel().fit(as_text, dataset.labels, dataset.accounts)
    assert a.decision_function(dataset.rows).tobytes() == b.decision_function(as_text).tobytes()


def test_folds_never_split_an_account() -> None:
    rng = np.random.default_rng(0)
    owner, labels = rng.integers(0, 60, 500), (rng.random(500) < 0.2).astype(float)
    folds = _account_folds(labels, owner, 4, 1)
    for fit, test in folds:
        assert not set(owner[fit]) & set(owner[test])
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(500))
    assert _account_folds(np.zeros(500), owner, 4, 1) == []


def test_it_learns_what_is_there_and_nothing_from_noise(make_dataset: Any) -> None:
    dataset, other = make_dataset(seed=5), make_dataset(seed=6)
    model = ChurnModel().fit(dataset.rows, dataset.labels, dataset.accounts)
    p = model.predict_proba(other.rows)[:, 1]
    assert roc_auc_score(other.labels, p) > 0.70
    assert log_loss(other.labels, p) < log_loss(other.labels, np.full(len(p), dataset.labels.mean())) - 0.02
    rng = np.random.default_rng(1)
    noise = ChurnModel().fit(dataset.rows, rng.permutation(dataset.labels), dataset.accounts)
    assert noise.predict_proba(other.rows)[:, 1].std() < 0.02


def test_an_account_wide_noise_label_is_not_learned_by_heart() -> None:
    """Rows of one account repeat its label: folds by row would choose hundreds of trees here."""
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(300), 12)
    labels = (rng.random(300) < 0.3).astype(float)[owner]
    rows = pd.DataFrame({f"x{j}": rng.normal(size=300)[owner] for j in range(8)})
    by_account = BoostedTrees().fit(rows.to_numpy(), labels, owner)
    by_row = BoostedTrees().fit(rows.to_numpy(), labels)
    assert by_account.n_trees_ < 20 < by_row.n_trees_


def test_the_same_rows_give_the_same_model(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=200)
    texts = {
        clone(ChurnModel(seed=3)).fit(dataset.rows, dataset.labels, dataset.accounts)
        .pipeline_["trees"].booster_.model_to_string()
        for _ in range(2)
    }  # fmt: skip
    assert len(texts) == 1


def test_one_class_is_refused(make_dataset: Any) -> None:
    dataset = make_dataset(accounts=50)
    with pytest.raises(ValueError, match="both 0 and 1"):
        ChurnModel().fit(dataset.rows, np.zeros(len(dataset.rows)), dataset.accounts)


def test_nothing_is_fitted_on_a_later_block(fitted: Any, settings: Settings, make_dataset: Any) -> None:
    _, blocks, recipe, _ = fitted
    rng = np.random.default_rng(9)
    changed = make_dataset()
    for later in (blocks.calibration, blocks.holdout):
        mask = np.isin(changed.as_of, np.array(later, dtype="datetime64[D]"))
        changed.rows.loc[mask, "trend"] = rng.normal(50, 9, mask.sum())
        changed.rows.loc[mask, "plan"] = "only later"
        changed.rows.loc[mask, "noise"] = np.nan
        changed.labels[mask] = rng.random(mask.sum()) < 0.5
        again = fit_recipe(changed, blocks, settings)
        assert _learned_in_training(again) == _learned_in_training(recipe)
        if later is blocks.holdout:
            continue
        assert again.calibrator.b_ != recipe.calibrator.b_
        changed = make_dataset()
    assert (again.calibrator.a_, again.calibrator.b_, again.prior.rate_) == (
        recipe.calibrator.a_, recipe.calibrator.b_, recipe.prior.rate_,
    )  # fmt: skip
    shuffled = make_dataset()
    mask = np.isin(shuffled.as_of, np.array(blocks.train, dtype="datetime64[D]"))
    shuffled.labels[mask] = rng.permutation(shuffled.labels[mask])
    assert _learned_in_training(fit_recipe(shuffled, blocks, settings)) != _learned_in_training(recipe)


def _learned_in_training(recipe: Any) -> tuple[Any, ...]:
    encoder, trees = recipe.model.pipeline_["encoder"], recipe.model.pipeline_["trees"]
    return (
        trees.booster_.model_to_string(), encoder.categories_, encoder.fills_, encoder.typical_,
        recipe.recency.regression_.coef_.tolist(), recipe.prior_train.rate_,
    )  # fmt: skip
