from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from training.averaging import average_boosters

_QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 5}


def _matrix(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """A number with gaps, a number and a category with seven values that all matter."""
    rng = np.random.default_rng(3)
    matrix = np.column_stack([rng.normal(size=n), rng.normal(size=n), rng.integers(0, 7, n)])
    matrix[rng.random(n) < 0.2, 0] = np.nan
    eta = np.nan_to_num(matrix[:, 0], nan=1.0) - matrix[:, 1] + (matrix[:, 2] % 3 == 1)
    return matrix, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


def _booster(matrix: np.ndarray, labels: np.ndarray, rounds: int, **settings: float) -> lightgbm.Booster:
    params = _QUIET | settings
    data = lightgbm.Dataset(matrix, labels, params=params, categorical_feature=[2])
    return lightgbm.train(params, data, num_boost_round=rounds)


def test_margins_and_attributions_are_the_means_of_the_boosters() -> None:
    matrix, labels = _matrix()
    boosters = [_booster(matrix[k::3], labels[k::3], 12, num_leaves=4 + k) for k in range(3)]
    merged = average_boosters(boosters, 8)
    assert merged.num_trees() == 24
    for settings in ({"raw_score": True}, {"pred_contrib": True}):
        wanted = np.mean([b.predict(matrix, num_iteration=8, **settings) for b in boosters], axis=0)
        np.testing.assert_allclose(merged.predict(matrix, **settings), wanted, rtol=0, atol=1e-14)


def test_the_text_of_the_average_reads_back_as_itself() -> None:
    matrix, labels = _matrix()
    merged = average_boosters([_booster(matrix, labels, 5, seed=k, feature_fraction=0.5) for k in range(2)], 5)
    text = merged.model_to_string()
    again = lightgbm.Booster(model_str=text)
    assert again.model_to_string() == text
    assert again.predict(matrix, raw_score=True).tobytes() == merged.predict(matrix, raw_score=True).tobytes()


def test_a_constant_booster_counts_in_the_mean() -> None:
    matrix, labels = _matrix()
    constant = _booster(matrix, labels, 3, min_gain_to_split=1e30)
    other = _booster(matrix, labels, 3)
    merged = average_boosters([constant, other], 3)
    wanted = (constant.predict(matrix, raw_score=True) + other.predict(matrix, raw_score=True)) / 2
    np.testing.assert_allclose(merged.predict(matrix, raw_score=True), wanted, rtol=0, atol=1e-14)
    assert average_boosters([constant], 1).predict(matrix, raw_score=True).std() == 0


def test_other_features_are_refused() -> None:
    matrix, labels = _matrix()
    other = lightgbm.train(_QUIET, lightgbm.Dataset(matrix[:, :2], labels, params=_QUIET), num_boost_round=2)
    with pytest.raises(ValueError, match="same features"):
        average_boosters([_booster(matrix, labels, 2), other], 2)
