"""Forest: rows, labels and unfitted trees in; fitted trees with the fills that their gaps need out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.encoding import RowEncoder
from training.kernel import encode_rows, fill_gaps
from training.model import BoostedTrees

__all__ = ["Forest", "grow", "medians"]


@dataclass(frozen=True)
class Forest:
    """Fitted trees and what turns rows into their matrix.

    Parameters
    ----------
    fills : for each number feature without gaps in the rows they were grown on, its median.
    """

    trees: BoostedTrees
    encoder: RowEncoder
    fills: dict[str, float]

    def margins(self, rows: pd.DataFrame) -> np.ndarray:
        """Raw margins, (n,)."""
        return np.asarray(self.trees.decision_function(_matrix(rows, self.encoder, self.fills)), dtype=np.float64)

    @property
    def text(self) -> str:
        """The trees as LightGBM text."""
        return str(self.trees.booster_.model_to_string())

    @property
    def size(self) -> int:
        """How many trees there are."""
        return int(self.trees.booster_.num_trees())


def grow(
    trees: BoostedTrees, encoder: RowEncoder, rows: pd.DataFrame, labels: np.ndarray, accounts: np.ndarray
) -> Forest:
    """Fit the trees on (n, k) rows, (n,) labels and (n,) account ids.

    Raises
    ------
    ValueError : the labels are not both 0 and 1.
    """
    names = encoder.feature_names_
    matrix = encode_rows(rows, names, encoder.categories_)
    fills = medians(matrix, names, encoder.categories_)
    trees.fit(fill_gaps(matrix, names, fills), labels, accounts)
    return Forest(trees, encoder, fills)


def medians(matrix: np.ndarray, names: Sequence[str], categories: Collection[str]) -> dict[str, float]:
    """For each number column of an (n, k) matrix without a gap, its median."""
    whole = ~np.isnan(matrix).any(axis=0) if len(matrix) else np.zeros(len(names), dtype=bool)
    return {
        name: float(np.median(matrix[:, place]))
        for place, name in enumerate(names)
        if whole[place] and name not in categories
    }


def _matrix(rows: pd.DataFrame, encoder: RowEncoder, fills: dict[str, float]) -> np.ndarray:
    return encode_rows(rows, encoder.feature_names_, encoder.categories_, fills)
