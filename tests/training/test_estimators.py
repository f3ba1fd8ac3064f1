from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from threadpoolctl import threadpool_limits

from training.comparators import LogisticComparator, PriorRate, Recency, ScorecardComparator
from training.encoding import RowEncoder
from training.estimators import BinaryClassifier
from training.model import BoostedTrees, ChurnModel

FEW = BoostedTrees(max_trees=8, folds=3)
CLASSIFIERS = [FEW, ChurnModel(FEW), PriorRate(), Recency("x0"), ScorecardComparator(), LogisticComparator()]
BY_NAME = [ChurnModel(FEW), Recency("idle"), ScorecardComparator(), LogisticComparator()]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """On matrices this small a second thread of the linear algebra only waits for a busy core."""
    with threadpool_limits(1, user_api="blas"):
        yield


@estimator_checks.parametrize_with_checks([*CLASSIFIERS, RowEncoder()])
def test_scikit_learns_own_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    """All of them, none excused; those of other array libraries run where SCIPY_ARRAY_API is set."""
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have).* feature names:UserWarning")
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_transformer_get_feature_names_out,
        estimator_checks.check_transformer_get_feature_names_out_pandas,
        estimator_checks.check_set_output_transform,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_global_output_transform_pandas,
    ],
)
def test_scikit_learns_checks_of_what_a_transformer_names(check: Callable[[str, Any], None]) -> None:
    check("RowEncoder", RowEncoder())


def test_scikit_learns_check_of_column_names() -> None:
    """Only for what reads a matrix: the others read a frame by name, see below."""
    estimator_checks.check_dataframe_column_names_consistency("BoostedTrees", FEW)


def _rows(n: int = 300, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, labels and account ids, three rows an account."""
    rng = np.random.default_rng(seed)
    idle = rng.uniform(0, 30, n)
    rows = pd.DataFrame(
        {
            "idle": np.where(rng.random(n) < 0.1, np.nan, idle),
            "plan": pd.Series(rng.choice(np.array(["basic", "pro", None], dtype=object), n), dtype=object),
            "days_since_last_use": idle + rng.normal(size=n),
            "seats": rng.integers(1, 90, n),
        }
    )
    return rows, (rng.random(n) < np.where(idle > 18, 0.7, 0.1)).astype(float), np.arange(n) // 3


@pytest.mark.parametrize("estimator", [FEW, PriorRate(), *BY_NAME], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("names", [("left", "stayed"), (False, True), (-1, 1), (1, 2)], ids=str)
def test_labels_may_be_of_any_two_kinds(estimator: BinaryClassifier, names: tuple[Any, Any]) -> None:
    """The later of the two in their order is the event, and nothing else depends on what they are called."""
    rows, labels, _ = _rows()
    given = rows[["idle", "seats"]] if estimator is FEW else rows
    wanted = clone(estimator).fit(given, labels)
    fitted = clone(estimator).fit(given, np.array(names)[labels.astype(int)])
    assert fitted.classes_.tolist() == list(names)
    assert fitted.decision_function(given).tobytes() == wanted.decision_function(given).tobytes()
    likelier = np.array(names)[(wanted.predict_proba(given)[:, 1] > 0.5).astype(int)]
    assert fitted.predict(given).tolist() == likelier.tolist()


@pytest.mark.parametrize("estimator", [*BY_NAME, RowEncoder()], ids=lambda e: type(e).__name__)
def test_frames_are_read_by_name_and_left_as_they_are(estimator: Any) -> None:
    rows, labels, _ = _rows()
    before = rows.copy(deep=True)
    fitted = clone(estimator).fit(rows, labels)
    give = fitted.transform if isinstance(fitted, RowEncoder) else fitted.decision_function
    wanted = give(rows).tobytes()
    assert fitted.feature_names_in_.tolist() == list(rows.columns)
    assert give(rows[["seats", "idle", "days_since_last_use", "plan"]].assign(other="x")).tobytes() == wanted
    absent, missing = rows.drop(columns=["idle", "plan"]), rows.assign(idle=np.nan, plan=None)
    assert give(absent).tobytes() == give(missing).tobytes() != wanted or isinstance(fitted, ScorecardComparator)
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize("estimator", [*BY_NAME, RowEncoder()], ids=lambda e: type(e).__name__)
def test_what_has_no_names_is_read_by_position(estimator: Any) -> None:
    rows, labels, _ = _rows()
    fitted = clone(estimator).fit(rows, labels)
    wanted = fitted.transform(rows) if isinstance(fitted, RowEncoder) else fitted.decision_function(rows)
    for unnamed in (rows.to_numpy(dtype=object), rows.set_axis(range(4), axis=1)):
        give = fitted.transform if isinstance(fitted, RowEncoder) else fitted.decision_function
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            assert give(unnamed).tobytes() == wanted.tobytes()
        with pytest.warns(UserWarning, match="valid feature names"), pytest.raises(ValueError, match="features"):
            give(np.zeros((3, 3)))
        again = clone(estimator)
        if isinstance(again, Recency):
            again.set_params(column="x0")
        again.fit(unnamed, labels)
        give = again.transform if isinstance(again, RowEncoder) else again.decision_function
        if not isinstance(again, ScorecardComparator):  # it knows the features of the catalogue, and no x2
            assert give(unnamed).tobytes() == wanted.tobytes()
        with pytest.warns(UserWarning, match="has feature names"):
            assert give(rows).tobytes() == give(unnamed).tobytes()


def test_the_encoder_and_the_trees_fit_into_a_pipeline() -> None:
    rows, labels, accounts = _rows()
    matrix = clone(FEW).set_params(categorical=[1], seed=5)
    piped = make_pipeline(RowEncoder(), matrix).set_output(transform="pandas")
    piped.fit(rows, labels, boostedtrees__groups=accounts)
    model = ChurnModel(FEW, seed=5).fit(rows, labels, accounts)
    assert piped.decision_function(rows).tobytes() == model.decision_function(rows).tobytes()
    assert piped["boostedtrees"].feature_names_in_.tolist() == list(rows.columns)
    assert piped[0].transform(rows).columns.tolist() == piped[0].get_feature_names_out().tolist() == list(rows.columns)


@pytest.mark.parametrize("routed", [False, True])
def test_cross_validation_by_account(routed: bool) -> None:
    """Without metadata routing the account ids reach scikit-learn's folds only, with it the model's own folds too."""
    rows, labels, accounts = _rows()
    wanted = np.empty(len(rows))
    for fit, held in GroupKFold(3).split(rows, labels, accounts):
        model = ChurnModel(FEW).fit(rows.iloc[fit], labels[fit], accounts[fit] if routed else None)
        wanted[held] = model.predict_proba(rows.iloc[held])[:, 1]
    with sklearn.config_context(enable_metadata_routing=routed, transform_output="pandas"):
        model = ChurnModel(FEW).set_fit_request(groups=True) if routed else ChurnModel(FEW)
        given = {"params": {"groups": accounts}} if routed else {"groups": accounts}
        p = cross_val_predict(model, rows, labels, cv=GroupKFold(3), method="predict_proba", **given)
        scores = cross_val_score(model, rows, labels, cv=GroupKFold(3), scoring="neg_log_loss", **given)
    assert p[:, 1].tobytes() == wanted.tobytes()
    rate = labels.mean()
    assert scores.mean() > rate * np.log(rate) + (1 - rate) * np.log(1 - rate)


def test_a_grid_search_over_the_trees() -> None:
    rows, labels, accounts = _rows()
    folds = GroupKFold(2)
    searched = GridSearchCV(ChurnModel(FEW), {"trees__max_trees": [1, 8]}, cv=folds, scoring="neg_log_loss")
    searched.fit(rows, labels, groups=accounts)
    assert searched.best_params_ == {"trees__max_trees": 8}
    assert FEW.max_trees == 8
    matrix = rows[["idle", "seats"]].to_numpy()
    searched = GridSearchCV(FEW, {"num_leaves": [2, 8], "lambda_l2": [1.0]}, cv=folds, scoring="neg_log_loss")
    assert searched.fit(matrix, labels, groups=accounts).predict(matrix).shape == labels.shape
