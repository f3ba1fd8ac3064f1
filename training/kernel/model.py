"""The scoring kernel: trees and calibration in, calibrated probabilities and exact attributions out.

The horizons h_1 < h_2 < ... cut the future into intervals. For each there is a model of the hazard: the probability
q_k that it happens in the interval to an account to which it has not happened before. The probability at h_k is
1 - (1 - q_1) ... (1 - q_k), so that it never falls as the horizon grows, whatever models and calibration say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd

from training.kernel.maps import SmoothMap, sigmoid
from training.kernel.rows import Columns, encode_rows, fill_gaps
from training.kernel.sentences import Wording, named_in, plain_wording, ways_are_known

__all__ = ["Encoded", "Explanation", "Interval", "Kernel"]

_Z90 = 1.6448536269514722  # 95th percentile of the standard normal: a 90 % interval on both sides


class Interval(NamedTuple):
    """The model of one interval's hazard.

    Attributes
    ----------
    until : the horizon at which it ends, in days; it begins at the one before, or at 0.
    trees : LightGBM model text.
    fills : for each number feature without gaps in training, what stands in for a gap.
    calibration : from margin to calibrated log-odds of the hazard.
    share : of the hazard, the involuntary part: a number, or a map from the share trees' margin to its log-odds;
        None where an outcome has no parts.
    renewal_share : of the hazard, the part that falls on the day of a renewal in the interval.
    """

    until: int
    trees: str
    fills: Mapping[str, float]
    calibration: SmoothMap
    share: float | SmoothMap | None = None
    renewal_share: float = 0.0


class Encoded:
    """Rows as the trees read them, and what each set of trees has said of them so far.

    It stands for its rows in every method of the kernel that encoded them, so that a batch that is asked for all
    horizons is encoded once and goes through each set of trees once.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix
        self.said: dict[Any, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.matrix)


class Explanation(NamedTuple):
    """Probabilities and what each feature adds to them, for n rows and k features.

    Attributes
    ----------
    probability : (n,) calibrated probability p.
    typical_probability : p0, the calibrated probability of the typical account.
    points : (n, k) shares of p in probability units; p0 + points.sum(axis=1) equals p to 1e-9.
    log_odds : (n, k) the same shares of the calibrated log-odds.
    base_log_odds : calibrated log-odds of the typical account.
    """

    probability: np.ndarray
    typical_probability: float
    points: np.ndarray
    log_odds: np.ndarray
    base_log_odds: float


class Kernel:
    """One outcome's models for all its horizons, with their calibration.

    Parameters
    ----------
    intervals : ascending, without a gap between them.
    feature_names : the k model inputs in matrix order.
    categories : for each category feature, its values in the order of their codes.
    typical : a typical value (median, most frequent) of each feature, for reading, not for scoring.
    catalogue_hash : of the feature catalogue that the models were trained on.
    outcome : the first part of the model files' names.
    covariance : (P, P) of all calibration coefficients, interval by interval; none means no interval is told.
    share_trees, share_fills : what tells the involuntary part of the hazard from the rest; no text where it is a
        number.
    ratio_trees, ratio_fills : what tells how the MRR of who is retained grows.
    ratios : by horizon (a, b): the expected MRR of who is retained, over today's, is a + b * the ratio trees' value.
    words : what drivers say of the features, and of those that their sentences name; plain words where none are given.
    """

    def __init__(
        self,
        intervals: Sequence[Interval],
        feature_names: Sequence[str],
        categories: Mapping[str, Sequence[str]],
        typical: Mapping[str, float | str | None],
        catalogue_hash: str,
        outcome: str = "churn",
        covariance: Sequence[Sequence[float]] = (),
        share_trees: str = "",
        share_fills: Mapping[str, float] | None = None,
        ratio_trees: str = "",
        ratio_fills: Mapping[str, float] | None = None,
        ratios: Mapping[int, tuple[float, float]] | None = None,
        words: Mapping[str, Wording] | None = None,
    ) -> None:
        self.intervals: tuple[Interval, ...] = tuple(intervals)
        self.horizons: tuple[int, ...] = tuple(interval.until for interval in self.intervals)
        self.feature_names: tuple[str, ...] = tuple(feature_names)
        self.categories: dict[str, list[str]] = {name: list(values) for name, values in categories.items()}
        self.typical: dict[str, float | str | None] = dict(typical)
        self.catalogue_hash = catalogue_hash
        self.outcome = outcome
        self.covariance = np.array(covariance, dtype=np.float64)
        self.share_trees, self.share_fills = share_trees, dict(share_fills or {})
        self.ratio_trees, self.ratio_fills = ratio_trees, dict(ratio_fills or {})
        self.ratios = {int(h): (float(a), float(b)) for h, (a, b) in (ratios or {}).items()}
        plain = {name: plain_wording(name, name in self.categories) for name in self.feature_names}
        self.words: dict[str, Wording] = plain | dict(words or {})
        self._check()
        self._boosters = [self._booster(interval.trees) for interval in self.intervals]
        self._share_booster = self._booster(self.share_trees) if self.share_trees else None
        self._ratio_booster = self._booster(self.ratio_trees) if self.ratio_trees else None
        # TreeSHAP's base value is the same for every row; any row tells it.
        any_row = np.zeros((1, len(self.feature_names)))
        self.base = [float(self._contributions(any_row, k)[0, -1]) for k in range(len(self.intervals))]
        base = [i.calibration.log_odds(np.array([f])) for i, f in zip(self.intervals, self.base, strict=True)]
        self._base_hazards = [float(sigmoid(z)[0]) for z in base]

    def _check(self) -> None:
        if not self.intervals or list(self.horizons) != sorted(set(self.horizons)) or self.horizons[0] < 1:
            raise ValueError("A model needs horizons in ascending order.")
        maps = [i.calibration for i in self.intervals] + [i.share for i in self.intervals if isinstance(i.share, tuple)]
        if not all(m.increasing for m in maps):
            raise ValueError("A model's calibration must be finite and increasing.")
        shares = [i.share for i in self.intervals if isinstance(i.share, float)]
        if not all(0 <= share <= 1 for share in (*shares, *(i.renewal_share for i in self.intervals))):
            raise ValueError("A model's shares must lie between 0 and 1.")
        if any(isinstance(i.share, tuple) for i in self.intervals) and not self.share_trees:
            raise ValueError("A model that tells involuntary churn apart needs the trees for it.")
        wanted = sum(len(i.calibration.coefficients) for i in self.intervals)
        if self.covariance.size and self.covariance.shape != (wanted, wanted):
            raise ValueError("A model's covariance must have one row for each calibration coefficient.")
        if not np.isfinite(self.covariance).all() or not all(math.isfinite(x) for r in self.ratios.values() for x in r):
            raise ValueError("A model's covariance and ratios must be finite numbers.")
        for name, wording in self.words.items():
            if not ways_are_known(wording.show):
                raise ValueError(f"A model's words write the feature {name} in a way that there is not.")
            if not (wording.sentence.strip() and wording.missing.strip() and set(named_in(wording)) <= set(self.words)):
                raise ValueError(f"A model's words for the feature {name} are not whole sentences.")

    def _booster(self, text: str) -> Any:
        booster = lightgbm.Booster(model_str=text)
        if tuple(booster.feature_name()) != self.feature_names:
            raise ValueError("The trees of this model were grown on other features than it declares.")
        return booster

    def place(self, horizon: int) -> int:
        """Which interval ends at a horizon.

        Raises
        ------
        ValueError : none does.
        """
        if horizon not in self.horizons:
            raise ValueError(f"This model has no horizon of {horizon} days; it has {list(self.horizons)}.")
        return self.horizons.index(horizon)

    def margins(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> np.ndarray:
        """Raw scores f, (n,), of the interval that ends at a horizon, before calibration."""
        return self._margins(self.encode(rows), self.place(horizon))

    def hazards(self, rows: pd.DataFrame | Columns | Encoded) -> np.ndarray:
        """(n, K) calibrated hazard of each interval."""
        return self._hazards(self.encode(rows), len(self.intervals))

    def probabilities(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> np.ndarray:
        """Calibrated probabilities, (n,), strictly inside (0, 1) and the same bytes alone and in any batch."""
        return self._probability(self.encode(rows), self.place(horizon)).copy()

    def bounds(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """A 90 % interval of each probability, (n,) and (n,), from the error of the calibration alone.

        Notes
        -----
        The delta method on the log-odds: with q_k the hazards and B_k the calibration's basis, the derivative of
        logit(p) by the coefficients of interval k is (q_k / p) B_k. The trees' own error is not in it.
        """
        last = self.place(horizon)
        encoded = self.encode(rows)
        hazards = self._hazards(encoded, last + 1)
        p = self._probability(encoded, last)
        if not self.covariance.size:
            return p.copy(), p.copy()
        columns = []
        for k in range(last + 1):
            columns += [hazards[:, k] / p * b for b in self._basis(encoded, k).T]
        count = len(columns)
        right, variance = np.array(columns), np.zeros(len(p))
        for left, by in zip(columns, self.covariance[:count, :count], strict=True):
            variance = _in_turn(np.vstack([variance, by[:, None] * left * right]))
        error = _Z90 * np.sqrt(np.maximum(variance, 0.0))
        centre = np.array([math.log(x / (1 - x)) for x in p.tolist()])
        return sigmoid(centre - error), sigmoid(centre + error)

    def involuntary(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> np.ndarray:
        """(n,) the part of the probability that is involuntary; the rest is voluntary.

        Raises
        ------
        ValueError : the outcome has no parts.
        """
        last = self.place(horizon)
        if any(interval.share is None for interval in self.intervals):
            raise ValueError(f"The outcome {self.outcome} has no voluntary and involuntary parts.")
        encoded = self.encode(rows)
        hazards = self._hazards(encoded, last + 1)
        before, total = np.ones(len(rows)), np.zeros(len(rows))
        for k in range(last + 1):
            total += before * hazards[:, k] * self._part(encoded, k)
            before = before * (1 - hazards[:, k])
        return np.minimum(total, self._probability(encoded, last))

    def retained_ratio(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> np.ndarray:
        """(n,) expected MRR at the end of a horizon over today's, of an account retained until then; at least 0.

        Raises
        ------
        ValueError : the model does not tell it.
        """
        self.place(horizon)
        if horizon not in self.ratios:
            raise ValueError(f"The model of {self.outcome} does not tell how revenue grows within {horizon} days.")
        a, b = self.ratios[horizon]
        return np.maximum(a + b * self._said(self.encode(rows), "ratio", self._ratio_booster, self.ratio_fills), 0.0)

    def typical_probability(self, horizon: int) -> float:
        """p0, the calibrated probability of the typical account, which attributions start from."""
        return float(_cumulative(np.array([self._base_hazards[: self.place(horizon) + 1]]))[0, -1])

    def explain(self, rows: pd.DataFrame | Columns | Encoded, horizon: int) -> Explanation:
        """Exact TreeSHAP attributions as shares of the calibrated probability.

        Notes
        -----
        With survival s_k = 1 - q_k, and s0_k that of the typical account, p - p0 is the difference of two products. It
        is told apart interval by interval, s_1 .. s_(k-1) (q_k - q0_k) s0_(k+1) .. s0_K, once from the first to the
        last and once from the last to the first, of which the mean is taken. Within an interval, feature i gets phi_i
        (q - q0) / (f - f0). TreeSHAP: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9, as built into LightGBM.
        """
        last = self.place(horizon)
        encoded = self.encode(rows)
        n = len(encoded)
        hazards = self._hazards(encoded, last + 1)
        probability = self._probability(encoded, last).copy()
        typical_hazards = self._base_hazards[: last + 1]
        typical = self.typical_probability(horizon)
        survival, typical_survival = 1 - hazards, [1 - q for q in typical_hazards]
        points, weight = np.zeros((n, len(self.feature_names))), np.zeros((n, len(self.feature_names)))
        for k in range(last + 1):
            onwards, backwards = np.ones(n), np.ones(n)
            for j in range(last + 1):
                if j != k:
                    onwards = onwards * (survival[:, j] if j < k else typical_survival[j])
                    backwards = backwards * (survival[:, j] if j > k else typical_survival[j])
            phi = self._contributions(encoded.matrix, k)[:, :-1]
            totals = _row_sums(phi)
            slope = np.array([self._secant(k, q, total) for q, total in zip(hazards[:, k], totals, strict=True)])
            factor = 0.5 * (onwards + backwards) * slope
            points += phi * factor[:, None]
            weight += np.abs(phi * factor[:, None])
        # What rounding (1e-14 or so) leaves over is shared out by size, so that the sum holds for every row.
        rest, size = probability - typical - _row_sums(points), _row_sums(weight)
        points += weight * np.divide(rest, size, out=np.zeros_like(rest), where=size > 0)[:, None]
        scale = np.array([_log_odds_secant(p, typical) for p in probability.tolist()])
        base_log_odds = math.log(typical / (1 - typical))
        return Explanation(probability, typical, points, points * scale[:, None], base_log_odds)

    def encode(self, rows: pd.DataFrame | Columns | Encoded) -> Encoded:
        """Rows in the form that every method of this kernel takes in their place."""
        if isinstance(rows, Encoded):
            return rows
        kept = rows.encoded.get(self) if isinstance(rows, Columns) else None
        if kept is None:
            kept = Encoded(encode_rows(rows, self.feature_names, self.categories))
            if isinstance(rows, Columns):
                rows.encoded[self] = kept
        return kept

    def _filled(self, matrix: np.ndarray, k: int) -> np.ndarray:
        return fill_gaps(matrix, self.feature_names, self.intervals[k].fills)

    def _margins(self, encoded: Encoded, k: int) -> np.ndarray:
        return self._said(encoded, k, self._boosters[k], self.intervals[k].fills)

    def _said(self, encoded: Encoded, key: Any, booster: Any, fills: Mapping[str, float]) -> np.ndarray:
        if key not in encoded.said:
            encoded.said[key] = _predicted(booster, fill_gaps(encoded.matrix, self.feature_names, fills))
        return encoded.said[key]

    def _contributions(self, matrix: np.ndarray, k: int) -> np.ndarray:
        if not len(matrix):
            return np.zeros((0, len(self.feature_names) + 1))
        filled = self._filled(matrix, k)
        return np.asarray(self._boosters[k].predict(filled, pred_contrib=True, num_threads=1), dtype=np.float64)

    def _hazards(self, encoded: Encoded, count: int) -> np.ndarray:
        """(n, count) calibrated hazards of the first intervals."""
        for k in range(count):
            if ("hazard", k) not in encoded.said:
                log_odds = self.intervals[k].calibration.weighted(self._basis(encoded, k))
                encoded.said["hazard", k] = sigmoid(log_odds)
        return np.column_stack([encoded.said["hazard", k] for k in range(count)])

    def _probability(self, encoded: Encoded, last: int) -> np.ndarray:
        """(n,) the probability at the end of an interval."""
        if ("probability", last) not in encoded.said:
            whole = _cumulative(self._hazards(encoded, last + 1))
            encoded.said.update({("probability", k): whole[:, k] for k in range(last + 1)})
        return encoded.said["probability", last]

    def _part(self, encoded: Encoded, k: int) -> np.ndarray | float | None:
        """(n,) the involuntary part of an interval's hazard, or the same number for all."""
        share = self.intervals[k].share
        if not isinstance(share, SmoothMap):
            return share
        if ("part", k) not in encoded.said:
            margins = self._said(encoded, "share", self._share_booster, self.share_fills)
            encoded.said["part", k] = sigmoid(share.log_odds(margins))
        return encoded.said["part", k]

    def _basis(self, encoded: Encoded, k: int) -> np.ndarray:
        if ("basis", k) not in encoded.said:
            encoded.said["basis", k] = self.intervals[k].calibration.basis(self._margins(encoded, k))
        return encoded.said["basis", k]

    def _secant(self, k: int, hazard: float, total: float) -> float:
        """(q - q0) / (f - f0) of an interval for f - f0 = total, and its limit where that is 0."""
        q0, base = self._base_hazards[k], self.base[k]
        if abs(total) < 1e-9:
            return q0 * (1 - q0) * self.intervals[k].calibration.slope(base)
        return (hazard - q0) / total


def _predicted(booster: Any, matrix: np.ndarray) -> np.ndarray:
    """Raw values of the trees, (n,); 0 where there are no trees."""
    if booster is None or not len(matrix):
        return np.zeros(len(matrix))
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)


def _cumulative(hazards: np.ndarray) -> np.ndarray:
    """(n, K) probabilities at the end of each interval, strictly inside (0, 1), from (n, K) hazards."""
    survival, columns = np.ones(len(hazards)), []
    for column in hazards.T:
        survival = survival * (1 - column)
        columns.append(np.clip(1 - survival, 2.0**-52, 1 - 2.0**-52))
    return np.column_stack(columns)


def _log_odds_secant(p: float, p0: float) -> float:
    """(logit p - logit p0) / (p - p0), and its limit where that is 0."""
    if abs(p - p0) < 1e-9 * p0 * (1 - p0):
        return 1 / (p0 * (1 - p0))
    return (math.log(p / (1 - p)) - math.log(p0 / (1 - p0))) / (p - p0)


def _row_sums(matrix: np.ndarray) -> np.ndarray:
    """Sums over columns added one after the other, so that they do not depend on how many rows there are."""
    return np.asarray(np.add.accumulate(matrix, axis=1)[:, -1] + 0.0)  # never -0


def _in_turn(terms: np.ndarray) -> np.ndarray:
    """Sums over the first axis, likewise."""
    return np.asarray(np.add.accumulate(terms, axis=0)[-1])
