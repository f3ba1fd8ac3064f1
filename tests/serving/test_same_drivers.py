"""The stored answer, the answer on demand and the MLflow model cut a row's drivers to the same list."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import sys
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.answers import rendered
from serving.champion import Champion
from serving.forecast import Forecast, Model
from serving.on_demand import feature_answer
from serving.requests import FeaturesRequest
from serving.store.reading import Row
from training.kernel.answer import answer

NOW = dt.datetime(2026, 2, 1, 4, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def random_kernels() -> ModuleType:
    """Makes random kernels; test modules cannot import one another."""
    file = Path(__file__).parents[1] / "training" / "kernels.py"
    spec = importlib.util.spec_from_file_location("tenure_test_support_random_kernels", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=st.integers(0, 60), place=st.integers(0, 3), explain=st.integers(0, 5))
def test_all_three_tell_the_same(random_kernels: ModuleType, seed: int, place: int, explain: int) -> None:
    kernel = random_kernels.kernel(Random(seed))
    rows = random_kernels.rows(seed).replace([np.inf, -np.inf], np.nan).assign(mrr=10.0, d=4.0)
    horizon = kernel.horizons[place % len(kernel.horizons)]
    table = answer(kernel, rows, horizon, explain)
    forecast = Forecast(Model("1", kernel))
    champion = Champion("1", "", forecast, lambda p, as_of, horizon: "")
    declared: Any = {
        name: SimpleNamespace(name=name, kind="category" if name == "plan" else "number", low=None, high=None)
        for name in (*rows.columns, "days_to_renewal", "term_months")
    }
    sent = rows.astype(object).where(rows.notna(), None).to_dict("records")
    on_demand = json.loads(feature_answer(champion, FeaturesRequest(sent, explain, horizon), declared, NOW))["results"]
    figures = forecast.figures(rows).astype(object)
    from_store = [
        json.loads(
            rendered(
                Row(f"a-{n}", None, "ok", json.dumps(row | {"drivers_horizon": horizon}), json.dumps(told), None, None),
                explain,
            )
        )
        for n, (row, told) in enumerate(
            zip(
                figures.where(figures.notna(), None).to_dict("records"),
                forecast.drivers(kernel, rows, horizon),
                strict=True,
            )
        )
    ]
    for mine, again, kept in zip(table.to_dict("records"), on_demand, from_store, strict=True):
        drivers = json.loads(mine.pop("drivers"))
        assert drivers == again["drivers"] == kept["drivers"]
        for name, value in mine.items():
            assert again[name] == kept[name] == (None if value != value else value)
