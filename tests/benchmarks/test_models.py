from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.models.telco import _out_of_fold, _tenure, read_telco


def _write(file: Path, *, signal: bool, n: int = 500) -> None:
    rng = np.random.default_rng(8)
    contract = rng.choice(["Month-to-month", "One year"], n)
    tenure = rng.integers(0, 72, n)
    eta = (-1.5 + 1.5 * (contract == "Month-to-month") - 0.03 * (tenure - 36)) if signal else np.full(n, -1.0)
    table = pd.DataFrame(
        {
            "customerID": [f"c{i:04d}" for i in range(n)],
            "SeniorCitizen": rng.integers(0, 2, n),
            "tenure": tenure,
            "Contract": contract,
            "MonthlyCharges": rng.normal(60, 20, n).round(2),
            "TotalCharges": np.where(tenure == 0, " ", (tenure * 60.5).astype(str)),
            "Churn": np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "Yes", "No"),
        }
    )
    table.to_csv(file, index=False)


def test_a_blank_total_is_missing_and_the_id_is_no_input(tmp_path: Path) -> None:
    _write(tmp_path / "telco.csv", signal=True)
    rows, labels, customers = read_telco(tmp_path / "telco.csv")
    assert list(rows.columns) == ["SeniorCitizen", "tenure", "Contract", "MonthlyCharges", "TotalCharges"]
    assert (rows["TotalCharges"].isna() == (rows["tenure"] == 0)).all()
    assert rows["TotalCharges"].isna().any()
    assert set(labels) == {0.0, 1.0}
    assert len(set(customers)) == len(rows)


@pytest.mark.parametrize("signal", [True, False])
def test_probabilities_are_out_of_fold(tmp_path: Path, signal: bool) -> None:
    """On labels that nothing predicts, whoever had seen the held-out rows would seem to predict them."""
    _write(tmp_path / "telco.csv", signal=signal)
    rows, labels, customers = read_telco(tmp_path / "telco.csv")
    predictions, _ = _out_of_fold(rows, labels, customers, {"tenure": _tenure})
    for repeat in predictions:
        auc = roc_auc_score(labels, repeat["tenure"])
        assert auc > 0.7 if signal else 0.38 < auc < 0.62
        assert abs(repeat["tenure"].mean() - labels.mean()) < 0.01
