"""The scoring kernel: stored LightGBM text and JSON in, calibrated probabilities and exact attributions out.

This file is also the body of the MLflow models-from-code file, so it imports nothing of Tenure, does nothing
when imported, and needs only numpy, pandas and lightgbm.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd

__all__ = ["FORMAT", "Explanation", "Kernel", "encode_rows", "sigmoid"]

FORMAT = "tenure-kernel-1"
_MODEL_FILE = "model.json"
_LIMIT = 36.0  # beyond it the logistic function rounds to exactly 1 in double precision


class Explanation(NamedTuple):
    """Probabilities and what each feature adds to them, for n rows and k features.

    Attributes
    ----------
    probability : (n,) calibrated probability p.
    typical_probability : p0, the calibrated probability of the typical account.
    points : (n, k) shares of p in probability units; p0 + points.sum(axis=1) equals p to 1e-9.
    log_odds : (n, k) attributions in calibrated log-odds.
    base_log_odds : calibrated log-odds of the typical account.
    """

    # A NamedTuple, since a dataclass looks itself up in sys.modules, which not every loader of this file fills.
    probability: np.ndarray
    typical_probability: float
    points: np.ndarray
    log_odds: np.ndarray
    base_log_odds: float


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Logistic function of (n,) log-odds, strictly inside (0, 1).

    It goes row by row through the C library: vectorised exponentials may round the tail of an array
    differently from its body, and a row must give the same bytes alone and in any batch.

    >>> sigmoid(np.array([0.0, 800.0]))
    array([0.5, 1. ])
    >>> bool(sigmoid(np.array([800.0]))[0] < 1)
    True
    """
    values = [1.0 / (1.0 + math.exp(-min(max(z, -_LIMIT), _LIMIT))) for z in np.asarray(log_odds).tolist()]
    return np.array(values, dtype=np.float64)


def encode_rows(
    rows: pd.DataFrame,
    feature_names: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    fills: Mapping[str, float],
) -> np.ndarray:
    """Turn rows into the (n, k) float64 matrix that the trees read.

    Numbers pass through, with NaN for missing; where the training rows had no gap, LightGBM would read NaN
    as 0, so `fills` puts the training median there. Categories become the position in their list; anything
    not in the list, and an absent column, is missing.

    Raises
    ------
    ValueError : a number feature holds something that is not a number.
    """
    matrix = np.full((len(rows), len(feature_names)), np.nan, dtype=np.float64)
    for position, name in enumerate(feature_names):
        if name in rows.columns:
            column = rows[name]
            if name in categories:
                codes = {value: float(code) for code, value in enumerate(categories[name])}
                values = column.astype(object)
                matrix[:, position] = [codes.get(v, math.nan) if isinstance(v, str) else math.nan for v in values]
            else:
                try:
                    matrix[:, position] = column.to_numpy(dtype=np.float64, na_value=np.nan)
                except (TypeError, ValueError):
                    raise ValueError(f"The feature {name} must be a number, but some rows hold other values.") from None
        if name in fills:
            gaps = np.isnan(matrix[:, position])
            matrix[gaps, position] = fills[name]
    return matrix


class Kernel:
    """One outcome's models for all its horizons, with their calibration.

    Parameters
    ----------
    models : LightGBM model text by horizon in days.
    calibration : (a, b) by horizon: calibrated log-odds = a + b * raw margin, b > 0.
    feature_names : the k model inputs in matrix order.
    categories : for each category feature, its values in the order of their codes.
    fills : for each number feature without gaps in training, what stands in for a gap.
    typical : a typical value (median, most frequent) of each feature, for reading, not for scoring.
    catalogue_hash : of the feature catalogue that the models were trained on.
    outcome : the first part of the model files' names.
    """

    def __init__(
        self,
        models: Mapping[int, str],
        calibration: Mapping[int, tuple[float, float]],
        feature_names: Sequence[str],
        categories: Mapping[str, Sequence[str]],
        fills: Mapping[str, float],
        typical: Mapping[str, float | str | None],
        catalogue_hash: str,
        outcome: str = "churn",
    ) -> None:
        self.horizons: tuple[int, ...] = tuple(sorted(models))
        self.feature_names: tuple[str, ...] = tuple(feature_names)
        self.categories: dict[str, list[str]] = {name: list(values) for name, values in categories.items()}
        self.fills: dict[str, float] = dict(fills)
        self.typical: dict[str, float | str | None] = dict(typical)
        self.catalogue_hash = catalogue_hash
        self.outcome = outcome
        self.calibration = {h: (float(a), float(b)) for h, (a, b) in calibration.items()}
        if set(self.calibration) != set(self.horizons) or not self.horizons:
            raise ValueError("Every horizon of a model needs its calibration.")
        if not all(math.isfinite(a) and math.isfinite(b) and b > 0 for a, b in self.calibration.values()):
            raise ValueError("A model's calibration must be finite and increasing.")
        self._texts = {horizon: models[horizon] for horizon in self.horizons}
        self._boosters: dict[int, Any] = {}
        self.base: dict[int, float] = {}
        for horizon, text in self._texts.items():
            booster = lightgbm.Booster(model_str=text)
            if tuple(booster.feature_name()) != self.feature_names:
                raise ValueError("The trees of this model were grown on other features than it declares.")
            self._boosters[horizon] = booster
            # TreeSHAP's base value is the same for every row; any row tells it.
            any_row = np.zeros((1, len(self.feature_names)))
            self.base[horizon] = float(self._contributions(any_row, horizon)[0, -1])

    def margins(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        """Raw scores f, (n,), before calibration."""
        return self._margins(self._encode(rows), horizon)

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        """Calibrated probabilities, (n,), strictly inside (0, 1) and the same bytes alone and in any batch."""
        a, b = self._calibration(horizon)
        return sigmoid(a + b * self.margins(rows, horizon))

    def explain(self, rows: pd.DataFrame, horizon: int) -> Explanation:
        """Exact TreeSHAP attributions as shares of the calibrated probability.

        Notes
        -----
        With d = b (f - f0), the change p - p0 is p (1 - p0) (1 - exp(-d)) exactly, so that the factor
        (p - p0) / (f - f0) needs no difference of near-equal numbers and tends to the derivative
        b p0 (1 - p0). TreeSHAP: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9, as built into LightGBM.
        """
        a, b = self._calibration(horizon)
        matrix = self._encode(rows)
        base = self.base[horizon]
        probability = sigmoid(a + b * self._margins(matrix, horizon))
        typical = float(sigmoid(np.array([a + b * base]))[0])
        phi = self._contributions(matrix, horizon)[:, :-1]
        total, weight = _row_sums(phi), _row_sums(np.abs(phi))
        slope = np.array([_secant(p, typical, b, s) for p, s in zip(probability.tolist(), total.tolist(), strict=True)])
        points = phi * slope[:, None]
        # What rounding (1e-14 or so) leaves over is shared out by size, so that the sum holds for every row.
        rest = probability - typical - _row_sums(points)
        share = np.divide(rest, weight, out=np.zeros_like(rest), where=weight > 0)
        points += np.abs(phi) * share[:, None]
        return Explanation(probability, typical, points, b * phi, a + b * base)

    def save(self, folder: Path) -> None:
        """Write model.json and one LightGBM text file per horizon into a folder, creating it."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        horizons = []
        for horizon in self.horizons:
            content = self._texts[horizon].encode("utf-8")
            name = self._file_name(horizon)
            (folder / name).write_bytes(content)
            a, b = self.calibration[horizon]
            horizons.append(
                {"days": horizon, "file": name, "sha256": hashlib.sha256(content).hexdigest(), "a": a, "b": b,
                 "base": self.base[horizon]}
            )  # fmt: skip
        document = {
            "format": FORMAT,
            "outcome": self.outcome,
            "catalogue_hash": self.catalogue_hash,
            "horizons": horizons,
            "feature_names": list(self.feature_names),
            "categories": self.categories,
            "fills": self.fills,
            "typical": self.typical,
        }
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / _MODEL_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Kernel:
        """Read what `save` wrote; nothing in the folder is executed.

        Raises
        ------
        ValueError : a file is missing, altered, or not a Tenure model; the text is one plain sentence.
        """
        folder = Path(folder)
        try:
            document = json.loads((folder / _MODEL_FILE).read_text(encoding="utf-8"))
        except OSError:
            raise ValueError(f"There is no readable {_MODEL_FILE} in {folder}; it holds no Tenure model.") from None
        except ValueError:
            raise ValueError(f"The model file {folder / _MODEL_FILE} is damaged: it is not valid JSON.") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"The file {folder / _MODEL_FILE} is not a model that this version reads ({FORMAT}).")
        try:
            models, calibration = {}, {}
            for entry in document["horizons"]:
                horizon = int(entry["days"])
                models[horizon] = _read_trees(folder, str(entry["file"]), str(entry["sha256"]))
                calibration[horizon] = (float(entry["a"]), float(entry["b"]))
            return cls(
                models,
                calibration,
                document["feature_names"],
                document["categories"],
                document["fills"],
                document["typical"],
                document["catalogue_hash"],
                document["outcome"],
            )
        except (KeyError, TypeError, AttributeError):
            raise ValueError(
                f"The model file {folder / _MODEL_FILE} is damaged: an entry is missing or has the wrong type."
            ) from None
        except lightgbm.basic.LightGBMError:
            raise ValueError(f"The trees in {folder} cannot be read by this version of LightGBM.") from None

    def _file_name(self, horizon: int) -> str:
        return f"{self.outcome}_{horizon}d.txt"

    def _calibration(self, horizon: int) -> tuple[float, float]:
        if horizon not in self.calibration:
            raise ValueError(f"This model has no horizon of {horizon} days; it has {list(self.horizons)}.")
        return self.calibration[horizon]

    def _encode(self, rows: pd.DataFrame) -> np.ndarray:
        return encode_rows(rows, self.feature_names, self.categories, self.fills)

    def _margins(self, matrix: np.ndarray, horizon: int) -> np.ndarray:
        self._calibration(horizon)
        if not len(matrix):
            return np.zeros(0)
        booster = self._boosters[horizon]
        return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)

    def _contributions(self, matrix: np.ndarray, horizon: int) -> np.ndarray:
        if not len(matrix):
            return np.zeros((0, len(self.feature_names) + 1))
        booster = self._boosters[horizon]
        return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64)


def _secant(p: float, p0: float, b: float, total: float) -> float:
    """(p - p0) / (f - f0) for f - f0 = total, and its limit where that is 0."""
    d = b * total
    if d > 0:
        return p * (1 - p0) * -math.expm1(-d) / total
    if d < 0:
        return p0 * (1 - p) * math.expm1(d) / total
    return b * p0 * (1 - p0)


def _row_sums(matrix: np.ndarray) -> np.ndarray:
    """Sums over columns added one after the other, so that they do not depend on how many rows there are."""
    total = np.zeros(len(matrix))
    for column in matrix.T:
        total += column
    return total


def _read_trees(folder: Path, name: str, sha256: str) -> str:
    # A damaged tree file can crash LightGBM's reader outright, so it is only handed what was written.
    if Path(name).name != name:
        raise ValueError(f"The model file {folder / _MODEL_FILE} names a tree file outside its folder.")
    try:
        content = (folder / name).read_bytes()
    except OSError:
        raise ValueError(f"The tree file {name} is missing in {folder}; restore the folder or train again.") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"The tree file {name} in {folder} is damaged: it is not what was saved.")
    text = content.decode("utf-8", errors="replace")
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise ValueError(f"The tree file {name} in {folder} is not a LightGBM model.")
    return text
