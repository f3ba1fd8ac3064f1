from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from training.calibration.stepped import stepped_probabilities


def test_venn_abers_is_what_adding_the_row_both_ways_gives() -> None:
    rng = np.random.default_rng(1)
    f = np.round(rng.normal(0, 1.5, 40))  # many ties, and few rows, so that the new one counts
    y = (rng.random(40) < expit(f)).astype(float)
    new = np.array([-5.0, -2.0, -1.0, -0.5, 0.0, 0.7, 1.0, 2.0, 9.0])
    p0, p1 = (
        np.array([IsotonicRegression().fit(np.append(f, x), np.append(y, label)).predict([x])[0] for x in new])
        for label in (0, 1)
    )
    assert stepped_probabilities("venn_abers", f, y, new) == pytest.approx(p1 / (1 - p0 + p1), abs=0.012)


@pytest.mark.parametrize("method", ["isotonic", "venn_abers"])
def test_steps_never_fall_and_are_never_0_or_1(method: str) -> None:
    rng = np.random.default_rng(2)
    f = rng.normal(0, 3, 500)
    y = (rng.random(500) < expit(2 * f)).astype(float)
    p = stepped_probabilities(method, f, y, np.linspace(-20, 20, 400))  # type: ignore[arg-type]
    assert np.all(np.diff(p) >= 0)
    assert 0 < p[0] < 0.05
    assert 0.95 < p[-1] < 1
