"""Drift: told where it matters, noted where it does not, and silent where chance alone did it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.monitoring import Limits, make_reference
from training.monitoring.drift import as_in_training, feature_drift, leaving_drift, psi, score_drift
from training.monitoring.reference import bin_numbers

DAYS = pd.date_range("2023-06-01", "2025-01-01", freq="MS")


class Risky:
    """Churn probability 0.05, doubled by x > 1, and by plan "old"; nothing else matters."""

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        x = rows["x"].to_numpy(dtype=float)
        p = 0.05 * np.where(x > 1, 2.0, 1.0) * np.where((rows["plan"] == "old").to_numpy(), 2.0, 1.0)
        return np.asarray(p + 1e-3 * np.tanh(np.nan_to_num(x)))


def drawn(n: int, seed: int, **changed: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "x": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "y": rng.exponential(size=n),
            "plan": rng.choice(np.array(["old", "new", "free"], dtype=object), n, p=[0.2, 0.7, 0.1]),
        }
    ).assign(**changed)
    return rows.astype({"plan": object})


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    n = 400
    rows = pd.concat([drawn(n, i) for i in range(len(DAYS))], ignore_index=True)
    accounts = np.tile(np.array([f"a{i}" for i in range(n)], dtype=object), len(DAYS))
    as_of = np.repeat(DAYS.to_numpy().astype("datetime64[D]"), n)
    made = make_reference(rows, {90: Risky().probabilities(rows, 90)}, accounts, as_of, tables=["usage"])
    return dict(json.loads(json.dumps(made, allow_nan=False)))


def moved(reference: dict[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    rate = float(Risky().probabilities(rows, 90).mean())
    return {f.name: f for f in feature_drift(rows, reference, Risky(), {90: rate}, Limits())}


def test_the_reference_is_the_last_year(reference: dict[str, Any]) -> None:
    assert (reference["first_as_of"], reference["last_as_of"]) == ("2024-02-01", "2025-01-01")
    assert reference["accounts"] == 400
    assert len(reference["horizons"]["90"]["rates"]) == 12
    assert sum(reference["features"]["x"]["shares"]) == pytest.approx(1)
    assert reference["features"]["x"]["shares"][-1] == pytest.approx(0.2, abs=0.02)


def test_chance_alone_moves_nothing(reference: dict[str, Any]) -> None:
    assert sum(len(moved(reference, drawn(120, 100 + i))) for i in range(40)) == 0


def test_a_move_that_matters_and_one_that_does_not(reference: dict[str, Any]) -> None:
    x = drawn(400, 50)["x"]
    found = moved(reference, drawn(400, 50, x=x + 1.0, y=np.random.default_rng(0).exponential(size=400) * 5))
    assert set(found) == {"x", "y"}
    # One in six lies above 1 before and half after, of those with a value: 1 + .8 * .5 over 1 + .8 * .16.
    assert found["x"].effect[90] == pytest.approx(1.40 / 1.13 - 1, abs=0.05)
    assert (found["x"].material, found["y"].material) == (True, False)
    assert found["y"].effect[90] == 0


def test_values_never_seen_and_values_gone(reference: dict[str, Any]) -> None:
    rows = drawn(400, 51)
    found = moved(reference, rows.assign(plan=np.where(np.arange(400) % 4 == 0, "brand new", rows["plan"])))
    assert found["plan"].unseen == 0.25
    found = moved(reference, rows.drop(columns="x").assign(x=np.nan))
    assert (found["x"].missing, found["x"].missing_before) == (1.0, pytest.approx(0.2, abs=0.02))


def test_as_in_training_gives_the_old_distribution_and_keeps_the_order(reference: dict[str, Any]) -> None:
    then = reference["features"]["x"]
    now = drawn(2000, 52)["x"] * 3 + 7
    back = as_in_training(now, then)
    assert back.isna().mean() == pytest.approx(then["shares"][-1], abs=0.001)
    shares = bin_numbers(back.to_numpy(), np.array(then["edges"])) / 2000
    assert np.abs(shares - then["shares"]).max() < 0.02
    both = now.notna() & back.notna()
    assert now[both].corr(back[both], method="spearman") > 0.999
    plan = pd.Series(np.where(np.arange(1000) % 2 == 0, "old", "brand new"), dtype=object)
    returned = as_in_training(plan, reference["features"]["plan"])
    shares_now = returned.value_counts(normalize=True)
    assert shares_now.to_dict() == pytest.approx({"new": 0.7, "old": 0.2, "free": 0.1}, abs=0.02)
    assert (returned == plan).mean() == pytest.approx(0.2, abs=0.02)  # no more rows change than have to


def test_the_index_without_drift_stays_under_its_quantile() -> None:
    rng = np.random.default_rng(6)
    p = np.array([0.5, 0.3, 0.1, 0.1])
    over = 0
    for _ in range(1000):
        value, limit = psi(rng.multinomial(300, p) / 300, rng.multinomial(200, p) / 200, (300, 200), 0.05)
        over += value > limit
    assert 20 <= over <= 80


def test_a_season_that_was_there_before_moves_no_score(reference: dict[str, Any]) -> None:
    then = {**reference, "horizons": {"90": {**reference["horizons"]["90"], "rates": {"a": 0.05, "b": 0.09}}}}
    p = Risky().probabilities(drawn(400, 53), 90)
    calm = score_drift(90, p, then, Limits())
    assert calm is not None
    assert not calm.material
    doubled = score_drift(90, 2 * p, then, Limits())
    assert doubled is not None
    assert doubled.material
    assert score_drift(30, p, then, Limits()) is None


def steps(left: list[int], customers: int = 900) -> list[dict[str, Any]]:
    return [
        {"from": f"2025-{m:02d}-01", "until": f"2025-{m + 1:02d}-01", "customers": customers, "left": n}
        for m, n in enumerate(left, 1)
    ]


def test_leaving_is_told_beyond_what_months_differ_by() -> None:
    usual = steps([20, 24, 18, 22, 25, 19])
    told = [leaving_drift(steps(late), usual, Limits()) for late in ([21, 30], [20, 50], [33, 34, 34])]
    assert [t.material for t in told if t] == [False, True, True]
    assert [t.steps for t in told if t] == [1, 1, 3]
    wild = leaving_drift(steps([20, 50]), steps([5, 60, 10, 45, 3, 5]), Limits())
    assert wild is not None
    assert not wild.material
    assert leaving_drift(steps([20]), usual[:2], Limits()) is None
    assert leaving_drift([], usual, Limits()) is None
