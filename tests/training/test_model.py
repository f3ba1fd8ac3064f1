from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score

from training.encoding import RowEncoder
from training.model import BoostedTrees, ChurnModel, _account_folds

Rows = tuple[pd.DataFrame, np.ndarray, np.ndarray]


def _rows(accounts: int = 500, months: int = 8, seed: int = 0) -> Rows:
    """Rows, labels and account ids; log-odds -2.2 + 0.9 trend + 0.5 state + 0.6 (plan is basic)."""
    rng = np.random.default_rng(seed)
    n = accounts * months
    owner = np.tile(np.arange(accounts), months)
    state, trend = rng.normal(size=n) + rng.normal(size=accounts)[owner] * 0.5, rng.normal(size=n)
    plan = rng.choice(np.array(["basic", "pro", "enterprise"], dtype=object), n)
    eta = -2.2 + 0.5 * state + 0.9 * trend + 0.6 * (plan == "basic")
    rows = pd.DataFrame(
        {
            "days": np.where(rng.random(n) < 0.04, np.nan, np.exp(1.5 + 0.6 * state)),
            "trend": np.where(rng.random(n) < 0.1, np.nan, trend),
            "noise": rng.normal(size=n),
            "empty": np.full(n, np.nan),
            "plan": pd.Series(np.where(rng.random(n) < 0.05, None, plan), dtype=object),
            "segment": pd.Series(rng.choice(np.array([f"s{i:02d}" for i in range(30)], dtype=object), n), dtype=object),
            "never": pd.Series([None] * n, dtype=object),
        }
    )
    return rows, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float), owner


def _text(model: ChurnModel) -> str:
    return str(model.trees_.booster_.model_to_string())


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


def test_text_columns_of_pandas_3_are_taken() -> None:
    rows, labels, owner = _rows(accounts=200)
    a = ChurnModel().fit(rows, labels, owner)
    as_text = rows.astype({"plan": "str", "segment": "str"})
    b = ChurnModel().fit(as_text, labels, owner)
    assert a.decision_function(rows).tobytes() == b.decision_function(as_text).tobytes()


def test_folds_never_split_an_account() -> None:
    rng = np.random.default_rng(0)
    owner, labels = rng.integers(0, 60, 500), (rng.random(500) < 0.2).astype(float)
    folds = _account_folds(labels, owner, 4, 1)
    for fit, test in folds:
        assert not set(owner[fit]) & set(owner[test])
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(500))
    assert _account_folds(np.zeros(500), owner, 4, 1) == []


def test_it_learns_what_is_there_and_nothing_from_noise() -> None:
    (rows, labels, owner), (others, truth, _) = _rows(seed=5), _rows(seed=6)
    p = ChurnModel().fit(rows, labels, owner).predict_proba(others)[:, 1]
    assert roc_auc_score(truth, p) > 0.70
    assert log_loss(truth, p) < log_loss(truth, np.full(len(p), labels.mean())) - 0.02
    rng = np.random.default_rng(1)
    noise = ChurnModel().fit(rows, rng.permutation(labels), owner)
    assert noise.predict_proba(others)[:, 1].std() < 0.02


def test_an_account_wide_noise_label_is_not_learned_by_heart() -> None:
    """Rows of one account repeat its label: folds by row would choose hundreds of trees here."""
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(300), 12)
    labels = (rng.random(300) < 0.3).astype(float)[owner]
    rows = pd.DataFrame({f"x{j}": rng.normal(size=300)[owner] for j in range(8)})
    by_account = BoostedTrees().fit(rows.to_numpy(), labels, owner)
    by_row = BoostedTrees(max_trees=60).fit(rows.to_numpy(), labels)
    assert by_account.n_trees_ < 10 < by_row.n_trees_


def test_the_model_is_the_mean_of_its_boosters_and_reads_back_from_text() -> None:
    rows, labels, owner = _rows()
    model = ChurnModel().fit(rows, labels, owner)
    encoder, trees = model.encoder_, model.trees_
    matrix = encoder.transform(rows)
    wanted = np.mean([b.predict(matrix, raw_score=True, num_iteration=trees.n_trees_) for b in trees.boosters_], axis=0)
    assert len(trees.boosters_) == trees.folds
    np.testing.assert_allclose(model.decision_function(rows), wanted, rtol=0, atol=1e-13)
    again = lightgbm.Booster(model_str=_text(model))
    assert again.predict(matrix, raw_score=True, num_threads=1).tobytes() == model.decision_function(rows).tobytes()
    contributions = again.predict(matrix[:50], pred_contrib=True)
    np.testing.assert_allclose(contributions.sum(axis=1), wanted[:50], rtol=0, atol=1e-12)


def test_held_out_margins_come_from_the_booster_that_did_not_see_the_account() -> None:
    rows, labels, owner = _rows(accounts=300)
    matrix = RowEncoder().fit(rows).transform(rows)
    trees = BoostedTrees(seed=4).fit(matrix, labels, owner)
    folds = _account_folds(labels, owner, trees.folds, 4)
    for booster, (_, test) in zip(trees.boosters_, folds, strict=True):
        wanted = booster.predict(matrix[test], raw_score=True, num_iteration=trees.n_trees_, num_threads=1)
        assert trees.held_out_margins_[test].tobytes() == wanted.tobytes()
    noise = np.random.default_rng(0).permutation(labels)
    unlearned = BoostedTrees(seed=4).fit(matrix[:, 2:3] * 0, noise, owner)
    assert unlearned.n_trees_ == 0
    assert np.isfinite(unlearned.held_out_margins_).all()
    rate = float(noise.mean())
    np.testing.assert_allclose(unlearned.decision_function(matrix[:3, 2:3]), np.log(rate / (1 - rate)), atol=1e-6)


def test_a_direction_bends_the_margin_one_way_only() -> None:
    rows, labels, owner = _rows()
    grid = pd.concat([rows.iloc[[0]]] * 40, ignore_index=True).assign(trend=np.linspace(-3, 3, 40))
    free = ChurnModel().fit(rows, labels, owner).decision_function(grid)
    assert free[-1] > free[0] + 1
    rising = ChurnModel(directions={"trend": 1}).fit(rows, labels, owner).decision_function(grid)
    assert (np.diff(rising) >= 0).all()
    falling = ChurnModel(directions={"trend": -1}).fit(rows, labels, owner).decision_function(grid)
    assert (np.diff(falling) <= 0).all()


def test_the_same_rows_give_the_same_model() -> None:
    rows, labels, owner = _rows(accounts=200)
    assert len({_text(clone(ChurnModel(seed=3)).fit(rows, labels, owner)) for _ in range(2)}) == 1


def test_too_few_accounts_for_folds_make_one_tree() -> None:
    rows, _, owner = _rows(accounts=40)
    labels = (owner < 3).astype(float)
    trees = ChurnModel().fit(rows, labels, owner).trees_
    assert (trees.n_trees_, len(trees.boosters_), trees.booster_.num_trees()) == (1, 1, 1)
    assert np.isnan(trees.held_out_margins_).all()


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        (np.zeros(400), "two classes, such as 0 and 1, but are of one class"),
        (np.ones(400), "two classes, such as 0 and 1, but are of one class"),
        (np.full(400, np.nan), "y contains NaN"),
        (np.array([0.0, 1, np.nan, 1] * 100), "y contains NaN"),
        (np.array([0, 1, 2, 1] * 100), "Only binary classification is supported"),
        (np.array([0, 1] * 100), "inconsistent numbers of samples"),
    ],
)
def test_labels_that_are_not_of_two_classes_are_refused(labels: np.ndarray, wrong: str) -> None:
    rows, _, owner = _rows(accounts=50)
    for estimator, given in ((ChurnModel(), rows), (BoostedTrees(), rows[["days", "trend"]])):
        with pytest.raises(ValueError, match=wrong):
            estimator.fit(given, labels, owner)


def test_columns_missing_in_training_change_nothing_later() -> None:
    """`empty` and `never` hold nothing in training; whatever they hold later, the margin stays."""
    rows, labels, owner = _rows(accounts=300)
    model = ChurnModel().fit(rows, labels, owner)
    later = rows.assign(empty=7.0, never="something")
    assert model.decision_function(later).tobytes() == model.decision_function(rows).tobytes()


def test_columns_missing_only_later_give_finite_margins() -> None:
    rows, labels, owner = _rows(accounts=300)
    model = ChurnModel().fit(rows, labels, owner)
    wanted = model.decision_function(rows.assign(trend=np.nan, noise=np.nan, plan=None, segment=None))
    assert np.isfinite(wanted).all()
    absent = model.decision_function(rows.drop(columns=["trend", "noise", "plan", "segment"]))
    assert absent.tobytes() == wanted.tobytes()


def test_rows_without_a_single_value_give_the_base_rate() -> None:
    rows, labels, owner = _rows(accounts=300)
    empty = pd.DataFrame({"x": np.full(len(rows), np.nan), "c": pd.Series([None] * len(rows), dtype=object)})
    model = ChurnModel().fit(empty, labels, owner)
    assert model.trees_.n_trees_ == 0
    np.testing.assert_allclose(model.predict_proba(empty)[:, 1], labels.mean(), atol=1e-6)
