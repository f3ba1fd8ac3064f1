"""The MLflow model's table on random kernels: the kernel's own figures and drivers, and one sentence for bad input."""

from __future__ import annotations

import json
import math
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.kernel import Kernel
from training.kernel.answer import answer, headline
from training.kernel.drivers import drivers
from training.kernel.sentences import shown

SEEDS = st.integers(0, 40)
quickly = settings(deadline=None, derandomize=True, max_examples=25)


def _rows(kernels: ModuleType, seed: int, n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = kernels.rows(seed, n).replace([np.inf, -np.inf], np.nan)
    rows = rows.assign(mrr=rng.normal(50, 60, n), days_to_renewal=rng.integers(0, 400, n), term_months=12, d=-2.5)
    rows = rows.mask(rng.random(rows.shape) < 0.1)
    rows.loc[4, "mrr"] = 0.0
    return rows


def _outcome(kernel: Kernel, outcome: str) -> Kernel:
    kernel.outcome = outcome
    return kernel


@quickly
@given(seed=SEEDS, outcome=st.sampled_from(["churn", "expansion"]), place=st.integers(0, 3), explain=st.integers(0, 5))
def test_it_is_the_kernels_figures_and_drivers(
    kernels: ModuleType, seed: int, outcome: str, place: int, explain: int
) -> None:
    kernel, rows = _outcome(kernels.kernel(Random(seed)), outcome), _rows(kernels, seed)
    horizon = kernel.horizons[place % len(kernel.horizons)]
    told = answer(kernel, rows, horizon, explain)
    assert list(told.index) == list(rows.index)
    mrr = rows["mrr"].to_numpy()
    kept = np.ones(len(rows), bool) if outcome == "churn" else ~(mrr <= 0)
    prefix = "" if outcome == "churn" else "expansion_"
    for h in kernel.horizons:
        p, (low, high) = kernel.probabilities(rows, h), kernel.bounds(rows, h)
        wanted = {f"{outcome}_{h}d": p, f"{prefix}typical_{h}d": kernel.explain(rows, h).typical_probability}
        wanted |= {f"{outcome}_{h}d_low": np.minimum(low, p), f"{outcome}_{h}d_high": np.maximum(high, p)}
        if outcome == "churn":
            paid = np.where(mrr >= 0, mrr, np.nan) * (1 - p) * kernel.retained_ratio(rows, h)
            wanted |= {f"involuntary_{h}d": kernel.involuntary(rows, h), f"expected_mrr_{h}d": paid}
        for name, values in wanted.items():
            np.testing.assert_array_equal(told[name], np.where(kept, values, np.nan), err_msg=name)
    assert ("renewal_next" in told) == (outcome == "churn")
    whole = drivers(kernel, rows, horizon)
    for text, found, is_kept, p in zip(told["drivers"], whole, kept, kernel.probabilities(rows, horizon), strict=True):
        said = json.loads(text)
        if not explain or not is_kept:
            assert said == []
            continue
        cut = explain < len(found)
        named = said[:-1] if cut else said
        first = found[:explain]
        assert named == [d for d in first if d["actionable"]] + [d for d in first if not d["actionable"]]
        assert (said[-1]["sentence"] == "Everything else") == cut
        total = kernel.typical_probability(horizon) + math.fsum(d["points"] for d in said)
        assert total == pytest.approx(p, abs=1e-9)


@quickly
@given(seed=SEEDS)
def test_rows_answer_alone_as_in_any_company(kernels: ModuleType, seed: int) -> None:
    kernel, rows = kernels.kernel(Random(seed)), _rows(kernels, seed, 6)
    rows.index = pd.Index([f"a-{n}" for n in range(6)], name="account_id")
    together = answer(kernel, rows)
    for name in rows.index:
        pd.testing.assert_frame_equal(answer(kernel, rows.loc[[name]]), together.loc[[name]])


@quickly
@given(seed=SEEDS)
def test_how_a_column_is_stored_makes_no_difference(kernels: ModuleType, seed: int) -> None:
    kernel, rows = kernels.kernel(Random(seed)), _rows(kernels, seed)
    wanted = answer(kernel, rows)
    nullable = rows.convert_dtypes()
    arrow = rows.assign(plan=rows["plan"].astype(pd.StringDtype("pyarrow")))
    objects = rows.astype(object).where(rows.notna(), None)
    for same in (nullable, arrow, objects, rows[rows.columns[::-1]], rows.assign(unknown="x")):
        pd.testing.assert_frame_equal(answer(kernel, same), wanted)
    empty = rows.assign(**dict.fromkeys(rows.columns))
    pd.testing.assert_frame_equal(answer(kernel, empty), answer(kernel, pd.DataFrame(index=rows.index)))


def test_a_kernel_without_words_names_its_features(kernels: ModuleType, fitted: Any) -> None:
    kernel = fitted.kernel
    (told,) = answer(kernel, pd.DataFrame({"trend": [2.0], "plan": ["pro"]}), explain=100)["drivers"]
    said = {d["feature"]: d["sentence"] for d in json.loads(told)}
    assert said["trend"].startswith("Trend: 2")
    assert said["noise"] == "Noise is not known"
    assert said["mrr"] == kernel.words["mrr"].missing != "Mrr is not known"  # that one is declared
    assert shown(kernel.words["mrr"].show, 5.5) == "5.50"


def test_of_no_rows_it_has_all_columns(kernels: ModuleType) -> None:
    kernel, rows = kernels.kernel(Random(3)), _rows(kernels, 3)
    wanted = answer(kernel, rows)
    for empty in (rows.head(0), pd.DataFrame()):
        found = answer(kernel, empty)
        assert list(found.columns) == list(wanted.columns)
        assert found.dtypes.equals(wanted.dtypes)
        assert len(found) == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"a": "many"}, "feature a must be a number"),
        ({"mrr": "12 EUR"}, "feature mrr must be a number"),
        ({"d": "x"}, "feature d must be a number"),
        ({"days_to_renewal": math.inf}, "feature days_to_renewal must be finite"),
        ({"b": -math.inf}, "feature b must be finite"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(kernels: ModuleType, change: dict[str, Any], named: str) -> None:
    kernel = next(k for k in map(kernels.kernel, map(Random, range(20))) if "d" in k.words)
    rows = _rows(kernels, 1).astype(object)
    rows.loc[3, list(change)] = list(change.values())
    with pytest.raises(ValueError, match=rf"^The {named}[^\n]*\.$"):
        answer(kernel, rows)


def test_a_column_twice_is_refused(kernels: ModuleType) -> None:
    rows = _rows(kernels, 1)
    with pytest.raises(ValueError, match=r"^The feature a is there more than once; [^\n]*\.$"):
        answer(kernels.kernel(Random(1)), pd.concat([rows, rows[["a"]]], axis=1))


@pytest.mark.parametrize(
    "asked",
    [{"horizon": 1.5}, {"horizon": "90"}, {"horizon": 100_000}, {"explain": -1}, {"explain": True}, {"explain": "3"}],
)
def test_a_bad_parameter_is_refused_in_one_sentence(kernels: ModuleType, asked: dict[str, Any]) -> None:
    (name,) = asked
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}[^\n]*\.$"):
        answer(kernels.kernel(Random(1)), _rows(kernels, 1), **asked)


def test_ninety_days_are_explained_or_what_is_nearest(kernels: ModuleType) -> None:
    kernel = kernels.kernel(Random(4), 4)
    assert headline(kernel) == min(kernel.horizons, key=lambda h: abs(h - 90))
    rows = _rows(kernels, 4)
    pd.testing.assert_frame_equal(answer(kernel, rows), answer(kernel, rows, headline(kernel), 3))
