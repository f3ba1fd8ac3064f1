"""The kernel on random trees and maps: what must hold at every horizon whatever was fitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, pairwise
from random import Random
from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from training.kernel import Interval, Kernel, SmoothMap, sigmoid
from training.kernel.drivers import drivers
from training.kernel.figures import figure_columns, figures
from training.kernel.rows import Columns

IDENTITY = SmoothMap((), (), (0.0, 1.0))


def always(check: Callable[[Random], None], examples: int = 25) -> None:
    # A smaller seed is no simpler kernel, so there is nothing to shrink.
    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(seed=st.integers(0, 2**32 - 1))
    def holds(seed: int) -> None:
        check(Random(seed))

    holds()


def logit(p: np.ndarray) -> np.ndarray:
    return np.array([math.log(x / (1 - x)) for x in p.tolist()])


def test_no_probability_falls_with_the_horizon_and_neither_part_does(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000))
        found = [kernel.probabilities(rows, h) for h in kernel.horizons]
        parts = [kernel.involuntary(rows, h) for h in kernel.horizons]
        for p, part in zip(found, parts, strict=True):
            assert np.all((p > 0) & (p < 1))
            assert np.all((part >= 0) & (part <= p))
        for (p, part), (later, later_part) in pairwise(zip(found, parts, strict=True)):
            assert np.all(p <= later)
            assert np.all(part <= later_part)
            assert np.all(p - part <= later - later_part + 1e-15)

    always(check, 40)


def test_a_probability_is_one_less_the_product_of_what_is_left(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000))
        left, involuntary = np.ones(len(rows)), np.zeros(len(rows))
        hazards = kernel.hazards(rows)
        share_margin = lightgbm.Booster(model_str=kernel.share_trees).predict(
            _matrix(kernel, rows, kernel.share_fills), raw_score=True
        )
        for k, interval in enumerate(kernel.intervals):
            margins = lightgbm.Booster(model_str=interval.trees).predict(
                _matrix(kernel, rows, interval.fills), raw_score=True
            )
            assert kernel.margins(rows, interval.until) == pytest.approx(margins, abs=1e-12)
            assert hazards[:, k] == pytest.approx([_hazard(interval.calibration, f) for f in margins], abs=1e-12)
            share = interval.share
            part = [_hazard(share, f) for f in share_margin] if isinstance(share, SmoothMap) else share
            involuntary += left * hazards[:, k] * part
            left *= 1 - hazards[:, k]
            assert kernel.probabilities(rows, interval.until) == pytest.approx(1 - left, abs=1e-12)
            assert kernel.involuntary(rows, interval.until) == pytest.approx(involuntary, abs=1e-12)

    always(check)


def _matrix(kernel: Kernel, rows: pd.DataFrame, fills: Any) -> np.ndarray:
    """The encoding, cell by cell."""
    matrix = []
    for row in rows.to_dict("records"):
        values = []
        for name in kernel.feature_names:
            value = row[name]
            if name in kernel.categories:
                known = kernel.categories[name]
                value = float(known.index(value)) if value in known else math.nan
            values.append(fills[name] if name in fills and math.isnan(value) else value)
        matrix.append(values)
    return np.array(matrix)


def _hazard(smooth: SmoothMap, f: float) -> float:
    c = smooth.coefficients
    z = c[0] + c[1] * f
    for knot, scale, weight in zip(smooth.knots, smooth.scales, c[2:], strict=True):
        z += weight * scale * float(np.logaddexp(0, (f - knot) / scale))
    return 1 / (1 + math.exp(-min(max(z, -36.0), 36.0)))


def test_the_same_bytes_alone_and_in_any_batch_at_every_horizon(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000), 17)
        order = rng.sample(range(17), 9)
        for horizon in kernel.horizons:
            whole = kernels.everything(kernel, rows, horizon)
            some = kernels.everything(kernel, rows.iloc[order], horizon)
            for name, values in whole.items():
                assert kernels.same(some[name], values[order]), name
            for i in range(3):
                for name, values in kernels.everything(kernel, rows.iloc[[i]], horizon).items():
                    assert kernels.same(values, whole[name][[i]]), name
            assert kernels.same(whole["explained"], whole["probabilities"])
            for name, values in kernels.everything(kernel, rows.head(0), horizon).items():
                assert values.shape == (0, *whole[name].shape[1:])

    always(check, 8)


def test_columns_are_read_as_a_frame_is(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000))
        arrays = {name: rows[name].to_numpy(dtype=object if name == "plan" else np.float64) for name in rows}
        columns = Columns(arrays, len(rows))
        for horizon in kernel.horizons:
            whole = kernels.everything(kernel, rows, horizon)
            for _ in range(2):  # read once, asked twice
                for name, values in kernels.everything(kernel, columns, horizon).items():
                    assert kernels.same(values, whole[name]), name
        framed = figures(kernel, rows)
        for name, values in figure_columns(kernel, columns).items():
            assert kernels.same(values, framed[name].to_numpy()), name

    always(check, 8)


def test_the_first_drivers_are_those_of_all(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000)).replace(np.inf, np.nan)
        every = drivers(kernel, rows, kernel.horizons[-1])
        for count in range(6):
            first = drivers(kernel, rows, kernel.horizons[-1], count)
            assert repr(first) == repr([found[:count] for found in every])  # a value may be NaN

    always(check, 8)


def test_drivers_add_up_at_every_horizon(kernels: ModuleType) -> None:
    """Also where margins saturate, where they are the base, and where no tree splits."""

    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000))
        for horizon in kernel.horizons:
            e = kernel.explain(rows, horizon)
            assert np.isfinite(e.points).all()
            # Rounding is shared out, so that no more is left of it than adding up brings anew.
            rounding = 1e-15 * (1 + np.abs(e.points).sum(axis=1))
            assert np.all(np.abs(e.typical_probability + e.points.sum(axis=1) - e.probability) < rounding)
            # At a probability of nearly 1 the next number below it is a large step in log-odds.
            within = (e.probability < 1 - 1e-6) & (e.typical_probability < 1 - 1e-6)
            gap = e.base_log_odds + e.log_odds.sum(axis=1) - logit(e.probability)
            assert np.abs(gap[within]).max(initial=0) < 1e-8
            assert e.base_log_odds == pytest.approx(float(logit(np.array([e.typical_probability]))[0]), abs=1e-12)

    always(check, 60)


@pytest.mark.parametrize("intervals", [1, 2, 4])
@pytest.mark.parametrize("shape", ["constant", "cancelling", "extreme", "tiny"])
def test_drivers_add_up_on_one_shape_alone(kernels: ModuleType, shape: str, intervals: int) -> None:
    rows = kernels.rows(intervals)
    for seed in range(8):
        kernel = kernels.kernel(Random(seed), intervals, (shape,))
        for horizon in kernel.horizons:
            e = kernel.explain(rows, horizon)
            assert np.abs(e.typical_probability + e.points.sum(axis=1) - e.probability).max() < 1e-9
            if shape == "constant":
                assert not e.points.any()
            if shape == "cancelling":
                assert np.abs(e.points[0]).max() > 0
                assert e.probability[0] == pytest.approx(e.typical_probability, abs=1e-9)


def test_log_odds_add_up_where_hardly_anybody_leaves(kernels: ModuleType) -> None:
    """At one in a million a difference in log-odds is a very small one in probability."""
    seldom = SmoothMap((), (), (-14.0, 1e-3))
    kernel = Kernel([Interval(30, kernels.trees("small", 1), {}, seldom)], kernels.NAMES, kernels.CATEGORIES, {}, "")
    rows = kernels.rows(1, 30)
    e = kernel.explain(rows, 30)
    assert 0 < np.abs(e.probability - e.typical_probability).max() < 2e-9
    assert np.abs(e.base_log_odds + e.log_odds.sum(axis=1) - logit(e.probability)).max() < 1e-11


def test_attributions_are_the_stated_formula(kernels: ModuleType) -> None:
    """In plain loops, from what LightGBM adds to each interval's margin."""

    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000), 6)
        for place, horizon in enumerate(kernel.horizons):
            e = kernel.explain(rows, horizon)
            typical, wanted = _formula(kernel, rows, place)
            assert e.typical_probability == pytest.approx(typical, abs=1e-12)
            assert np.abs(e.points - wanted).max() < 1e-9

    always(check, 12)


def _formula(kernel: Kernel, rows: pd.DataFrame, last: int) -> tuple[float, np.ndarray]:
    parts = []
    for interval in kernel.intervals[: last + 1]:
        booster = lightgbm.Booster(model_str=interval.trees)
        parts.append(booster.predict(_matrix(kernel, rows, interval.fills), pred_contrib=True))
    maps = [interval.calibration for interval in kernel.intervals[: last + 1]]
    base = [float(part[0, -1]) for part in parts]
    q0 = [_hazard(m, f) for m, f in zip(maps, base, strict=True)]
    points = np.zeros((len(rows), len(kernel.feature_names)))
    for i in range(len(rows)):
        phi = [part[i, :-1] for part in parts]
        q = [_hazard(m, f + float(one.sum())) for m, f, one in zip(maps, base, phi, strict=True)]
        for k in range(last + 1):
            first = math.prod(1 - q[j] for j in range(k)) * math.prod(1 - q0[j] for j in range(k + 1, last + 1))
            other = math.prod(1 - q0[j] for j in range(k)) * math.prod(1 - q[j] for j in range(k + 1, last + 1))
            total = float(phi[k].sum())
            secant = (q[k] - q0[k]) / total if abs(total) > 1e-7 else q0[k] * (1 - q0[k]) * _slope(maps[k], base[k])
            points[i] += 0.5 * (first + other) * phi[k] * secant
    return 1 - math.prod(1 - q for q in q0), points


def _slope(smooth: SmoothMap, f: float) -> float:
    bends = zip(smooth.knots, smooth.scales, smooth.coefficients[2:], strict=True)
    return smooth.coefficients[1] + sum(w / (1 + math.exp(-(f - knot) / scale)) for knot, scale, w in bends)


def test_bounds_are_the_delta_method(kernels: ModuleType) -> None:
    """By moving each coefficient a little and looking at the log-odds of the outcome."""

    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng, shapes=("small", "deep")), kernels.rows(rng.randrange(1000), 6)
        for place, horizon in enumerate(kernel.horizons):
            p = kernel.probabilities(rows, horizon)
            low, high = kernel.bounds(rows, horizon)
            assert np.all((low > 0) & (high < 1))
            assert np.all((low <= p) & (p <= high))
            if not kernel.covariance.size:
                assert kernels.same(low, p)
                assert kernels.same(high, p)
                continue
            plain = (p > 1e-6) & (p < 1 - 1e-6)
            derivatives = np.zeros((len(kernel.covariance), len(rows)))
            at = 0
            for k, interval in enumerate(kernel.intervals):
                for c in range(len(interval.calibration.coefficients)):
                    if k <= place:
                        up, down = (_moved(kernel, rows, place, k, c, step) for step in (1e-5, -1e-5))
                        derivatives[at] = (up - down) / 2e-5
                    at += 1
            error = 1.6448536269514722 * np.sqrt(np.einsum("in,ij,jn->n", derivatives, kernel.covariance, derivatives))
            ours = (logit(np.clip(high, 1e-15, 1 - 1e-15)) - logit(p))[plain & (error < 10)]
            assert ours == pytest.approx(error[plain & (error < 10)], rel=1e-3, abs=1e-6)

    always(check, 15)


def _moved(kernel: Kernel, rows: pd.DataFrame, place: int, k: int, c: int, step: float) -> np.ndarray:
    """The log-odds of the outcome with one coefficient moved."""
    left = np.ones(len(rows))
    for j, interval in enumerate(kernel.intervals[: place + 1]):
        coefficients = list(interval.calibration.coefficients)
        if j == k:
            coefficients[c] += step
        moved = interval.calibration._replace(coefficients=tuple(coefficients))
        left *= [1 - _hazard(moved, f) for f in kernel.margins(rows, interval.until)]
    return np.log((1 - left) / left)


def test_the_retained_ratio_is_a_line_through_its_trees_and_never_below_0(kernels: ModuleType) -> None:
    def check(rng: Random) -> None:
        kernel, rows = kernels.kernel(rng), kernels.rows(rng.randrange(1000))
        value = np.zeros(len(rows))
        if kernel.ratio_trees:
            value = lightgbm.Booster(model_str=kernel.ratio_trees).predict(
                _matrix(kernel, rows, kernel.ratio_fills), raw_score=True
            )
        for horizon, (a, b) in kernel.ratios.items():
            assert kernel.retained_ratio(rows, horizon) == pytest.approx(np.maximum(a + b * value, 0), abs=1e-12)

    always(check, 10)


def test_attributions_equal_shap_and_shapleys_definition(kernels: ModuleType) -> None:
    """Every subset of features, by walking the dumped trees: shares no code with LightGBM."""
    text = kernels.trees("deep", 1)
    kernel = Kernel([Interval(30, text, {}, IDENTITY)], kernels.NAMES, kernels.CATEGORIES, {}, "")
    rows = kernels.rows(5, 5)
    matrix = _matrix(kernel, rows, {})
    dump = lightgbm.Booster(model_str=text).dump_model()["tree_info"]
    assert any(node["decision_type"] == "==" for tree in dump for node in _splits(tree["tree_structure"]))
    found = kernel.explain(rows, 30)
    k = len(kernels.NAMES)
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
            assert found.log_odds[i, feature] == pytest.approx(phi, abs=1e-9)
        assert kernel.base[0] == pytest.approx(worth[()], abs=1e-10)


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


# What a kernel refuses.


def _with(kernels: ModuleType, **changes: Any) -> Kernel:
    interval = Interval(30, kernels.trees("small", 1), {}, IDENTITY, 0.5, 0.5)
    later = interval._replace(until=90)
    document: dict[str, Any] = {
        "intervals": [interval, later], "feature_names": kernels.NAMES, "categories": kernels.CATEGORIES,
        "typical": {}, "catalogue_hash": "", "covariance": np.eye(4).tolist(),
    }  # fmt: skip
    for name, value in changes.items():
        if name in Interval._fields:
            document["intervals"][1] = document["intervals"][1]._replace(**{name: value})
        else:
            document[name] = value
    return Kernel(**document)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "falling": ({"calibration": SmoothMap((), (), (0.0, -1.0))}, "increasing"),
    "flat": ({"calibration": SmoothMap((), (), (0.0, 0.0))}, "increasing"),
    "falling beyond a knot": ({"calibration": SmoothMap((0.0,), (1.0,), (0.0, 1.0, -1.5))}, "increasing"),
    "falling between knots": ({"calibration": SmoothMap((0.0, 1.0), (1.0,) * 2, (0.0, 1.0, -2.0, 3.0))}, "increasing"),
    "knots in no order": ({"calibration": SmoothMap((1.0, 0.0), (1.0,) * 2, (0.0, 1.0, 1.0, 1.0))}, "increasing"),
    "scale of 0": ({"calibration": SmoothMap((0.0,), (0.0,), (0.0, 1.0, 1.0))}, "increasing"),
    "nan": ({"calibration": SmoothMap((), (), (math.nan, 1.0))}, "increasing"),
    "a coefficient too few": ({"calibration": SmoothMap((0.0,), (1.0,), (0.0, 1.0))}, "increasing"),
    "falling share": ({"share": SmoothMap((), (), (0.0, -1.0))}, "increasing"),
    "share above 1": ({"share": 1.1}, "between 0 and 1"),
    "renewal share below 0": ({"renewal_share": -0.1}, "between 0 and 1"),
    "share without trees": ({"share": IDENTITY}, "trees"),
    "covariance of another shape": ({"covariance": np.eye(3).tolist()}, "covariance"),
    "covariance of one row": ({"covariance": [1.0, 2.0]}, "covariance"),
    "covariance that is none": ({"covariance": (np.eye(4) * math.nan).tolist()}, "covariance"),
    "ratio that is none": ({"ratios": {30: (math.nan, 1.0)}}, "ratios"),
    "horizons twice": ({"until": 30}, "ascending"),
    "horizons in no order": ({"until": 10}, "ascending"),
    "no intervals": ({"intervals": []}, "horizons"),
    "other features": ({"feature_names": ("a", "b", "c", "d")}, "other features"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_a_model_is_refused(kernels: ModuleType, kind: str) -> None:
    changes, said = REFUSED[kind]
    with pytest.raises(ValueError, match=said) as refusal:
        _with(kernels, **changes)
    assert str(refusal.value).endswith(".")


def test_what_a_model_does_not_tell_is_said_so(kernels: ModuleType) -> None:
    rows = kernels.rows(1)
    kernel = _with(kernels, share=None)
    with pytest.raises(ValueError, match="no horizon of 60 days; it has"):
        kernel.probabilities(rows, 60)
    for wrong in (kernel.bounds, kernel.involuntary, kernel.retained_ratio, kernel.explain, kernel.margins):
        with pytest.raises(ValueError, match="no horizon of 60"):
            wrong(rows, 60)
    with pytest.raises(ValueError, match="no voluntary and involuntary parts"):
        kernel.involuntary(rows, 90)
    with pytest.raises(ValueError, match="does not tell how revenue grows"):
        kernel.retained_ratio(rows, 30)
    with pytest.raises(ValueError, match="The feature a must be a number"):
        kernel.probabilities(pd.DataFrame({"a": ["much"]}), 30)


# Rows as they may come.


def test_missing_columns_and_unknown_categories_are_missing_values(kernels: ModuleType) -> None:
    kernel, rows = kernels.kernel(Random(3), 2, ("deep",)), kernels.rows(3, 40)
    empty = kernels.everything(kernel, rows.assign(b=np.nan, plan=None), kernel.horizons[-1])
    for part in (rows.drop(columns=["b", "plan"]), rows.assign(b=None, plan="new one"), rows.assign(b=pd.NA, plan=3.5)):
        found = kernels.everything(kernel, part, kernel.horizons[-1])
        assert all(kernels.same(found[name], empty[name]) for name in empty)
    assert not kernels.same(kernels.everything(kernel, rows, kernel.horizons[-1])["margins"], empty["margins"])
    odd = rows[rows.columns[::-1]].assign(other="x").astype(object)
    full = kernels.everything(kernel, rows, kernel.horizons[-1])
    assert all(
        kernels.same(values, full[name])
        for name, values in kernels.everything(kernel, odd, kernel.horizons[-1]).items()
    )
    assert np.isfinite(kernel.probabilities(pd.DataFrame(index=range(3)), kernel.horizons[-1])).all()


def test_a_gap_reads_as_the_fill_of_its_interval(kernels: ModuleType) -> None:
    text = kernels.trees("deep", 2)
    parts = [Interval(h, text, fills, IDENTITY) for h, fills in ((30, {"a": 2.0}), (90, {"a": -2.0}), (180, {}))]
    kernel = Kernel(parts, kernels.NAMES, kernels.CATEGORIES, {}, "")
    rows = kernels.rows(2, 30).assign(a=np.nan)
    for horizon, value in ((30, 2.0), (90, -2.0), (180, np.nan)):
        assert kernels.same(kernel.margins(rows, horizon), kernel.margins(rows.assign(a=value), horizon))
    assert not kernels.same(kernel.margins(rows, 30), kernel.margins(rows, 90))


def test_the_logistic_function_and_the_maps_at_their_limits() -> None:
    assert 0 < sigmoid(np.array([-1e9]))[0] < sigmoid(np.array([1e9]))[0] < 1
    smooth = SmoothMap((-1.0, 1.0), (0.5, 0.5), (0.3, 0.2, 1.0, -0.9))
    f = np.linspace(-40, 40, 400)
    z = smooth.log_odds(f)
    assert smooth.increasing
    assert np.all(np.diff(z) > 0)
    assert z == pytest.approx(smooth.basis(f) @ np.array(smooth.coefficients), abs=1e-12)
    for at in (-30.0, -1.0, 0.4, 30.0):
        step = (smooth.log_odds(np.array([at + 1e-6]))[0] - smooth.log_odds(np.array([at - 1e-6]))[0]) / 2e-6
        assert smooth.slope(at) == pytest.approx(step, abs=1e-6)
