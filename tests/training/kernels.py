"""Random kernels: trees, maps, shares and covariances that nobody fitted, for what must hold whatever was fitted."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from random import Random

import lightgbm
import numpy as np
import pandas as pd

from training.kernel import Interval, Kernel, SmoothMap
from training.kernel.sentences import Wording

NAMES = ("a", "b", "c", "plan")
CATEGORIES = {"plan": ["basic", "pro", "max", "free", "old", "new"]}
TYPICAL: dict[str, float | str | None] = {"a": 0.0, "b": 1.0, "c": None, "plan": "pro"}
WORDS = {
    "a": Wording("A rose to {value} while b {b}", "A is not known", "number", "things", "adoption", False, "ab"),
    "b": Wording("{value} by b", "B is not known", "difference", "", "adoption", True, "ab"),
    "c": Wording("There are {value} of {d} on {plan}", "No c", "count|c|cs", "cs", "support", True, "c"),
    "plan": Wording("The plan is {value}", "No plan", "text", "plan", "contract", False, "plan"),
    "d": Wording("D is {value}", "No d", "money", "", "contract", False, "d"),
}
"""Of the features of `rows`, two of them on one topic, and of d, which no trees read."""
SHAPES = ("small", "deep", "constant", "extreme", "cancelling", "tiny")


@cache
def trees(shape: str, seed: int) -> str:
    """LightGBM text: of a shape, on the four columns of `rows`."""
    rng = np.random.default_rng(seed)
    n = 400
    x = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, 6, n).astype(float)])
    x[rng.random((n, 4)) < 0.1] = np.nan
    y = (rng.random(n) < 1 / (1 + np.exp(1 - np.nan_to_num(x[:, 0]) + (x[:, 3] == 2)))).astype(float)
    parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed, "min_data_in_leaf": 5,
                  "min_data_per_group": 5, "cat_smooth": 1, "num_leaves": 4}  # fmt: skip
    rounds = 8
    if shape == "deep":
        parameters |= {"num_leaves": 31}
        rounds = 20
    elif shape == "constant":
        parameters |= {"min_gain_to_split": 1e30}
    elif shape == "extreme":
        parameters |= {"learning_rate": 40.0, "min_sum_hessian_in_leaf": 0.0}
    elif shape == "tiny":
        parameters |= {"learning_rate": 1e-10}
    elif shape == "cancelling":
        # What a adds b takes away, so that where both are high the margin is the base but no attribution is 0.
        x = np.tile(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float), (n // 4, 1))
        y = x[:, 0] - x[:, 1]
        x = np.column_stack([x, np.zeros((n, 2))])
        parameters |= {"objective": "regression", "num_leaves": 2, "learning_rate": 0.5, "min_data_in_bin": 1}
    data = lightgbm.Dataset(x, y, feature_name=list(NAMES), categorical_feature=[3], params={"verbosity": -1})
    return str(lightgbm.train(parameters, data, num_boost_round=rounds).model_to_string())


def rising_map(rng: Random, knots: int | None = None) -> SmoothMap:
    """A map with 0 to 3 knots and any slopes above 0."""
    knots = rng.choice((0, 0, 1, 3)) if knots is None else knots
    slopes = [rng.choice((1.0, 10 ** rng.uniform(-3, 1.5))) for _ in range(knots + 1)]
    bends = [later - before for before, later in pairwise(slopes)]
    scale = 10 ** rng.uniform(-1, 0.5)
    places = tuple(sorted(rng.uniform(-3, 3) for _ in range(knots)))
    return SmoothMap(places, (scale,) * knots, (rng.uniform(-6, 2), slopes[0], *bends))


def kernel(rng: Random, intervals: int | None = None, shapes: tuple[str, ...] = SHAPES) -> Kernel:
    """A kernel of 1, 2 or 4 intervals; each has trees, a map and a share of its own."""
    count = rng.choice((1, 2, 4)) if intervals is None else intervals
    mapped = rng.random() < 0.5
    parts = []
    for until in sorted(rng.sample(range(1, 400), count)):
        share = rising_map(rng) if mapped and rng.random() < 0.7 else rng.choice((0.0, 1.0, rng.random()))
        fills = {"a": rng.uniform(-1, 1)} if rng.random() < 0.5 else {}
        text = trees(rng.choice(shapes), rng.randrange(3))
        parts.append(Interval(until, text, fills, rising_map(rng), share, rng.random()))
    wanted = sum(len(part.calibration.coefficients) for part in parts)
    moved = np.random.default_rng(rng.randrange(10**6)).normal(size=(wanted, wanted)) * 10 ** rng.uniform(-3, 0)
    return Kernel(
        parts,
        NAMES,
        CATEGORIES,
        TYPICAL,
        "c" * 64,
        "churn",
        (moved @ moved.T).tolist() if rng.random() < 0.8 else (),
        trees("small", 7),
        {"b": 0.5},
        trees("deep", 8) if rng.random() < 0.7 else "",
        {"a": 0.1},
        {part.until: (rng.uniform(-0.2, 1.2), rng.uniform(0, 2)) for part in parts},
        WORDS if rng.random() < 0.7 else None,
    )


def rows(seed: int, n: int = 12) -> pd.DataFrame:
    """Rows with gaps, values far away and categories that nobody knows; the first two are where trees cancel."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)) * 10.0 ** rng.integers(-1, 3, (n, 1)), columns=["a", "b", "c"])
    frame = frame.mask(rng.random((n, 3)) < 0.15)
    frame.loc[:1, ["a", "b"]] = [[1.0, 1.0], [0.0, 0.0]]
    frame.loc[2, "a"], frame.loc[3, "b"] = np.inf, -1e300
    frame["plan"] = rng.choice(np.array([*CATEGORIES["plan"], "unheard of", None], dtype=object), n)
    return frame


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def everything(kernel: Kernel, rows: pd.DataFrame, horizon: int) -> dict[str, np.ndarray]:
    """All that a kernel says of each row, the row first."""
    low, high = kernel.bounds(rows, horizon)
    e = kernel.explain(rows, horizon)
    return {
        "probabilities": kernel.probabilities(rows, horizon),
        "hazards": kernel.hazards(rows),
        "margins": kernel.margins(rows, horizon),
        "low": low,
        "high": high,
        "involuntary": kernel.involuntary(rows, horizon),
        "retained_ratio": kernel.retained_ratio(rows, horizon),
        "explained": e.probability,
        "points": e.points,
        "log_odds": e.log_odds,
    }
