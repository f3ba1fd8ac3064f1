"""The recipe: what a model is fitted with, as plain values that a version keeps and that can be fitted again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from features.catalogue import CATALOGUE
from features.errors import TenureError
from features.feature import Catalogue
from training.calibration import METHODS
from training.model import BoostedTrees

__all__ = ["Recipe"]

_BENT = {"high": -1, "low": 1, "neither": 0}
"""Where a high value is the good one, more of it never raises the risk; the other way round where a low one is."""


@dataclass(frozen=True)
class Recipe:
    """How one outcome's model is fitted.

    Parameters
    ----------
    trees : arguments of `BoostedTrees` that differ from its defaults.
    one_way : trees bend one way where a feature declares a good direction; of churn only.
    calibration : "auto" lets the calibration block choose; otherwise logistic, beta or spline.
    features : the model inputs; all of the dataset's when empty.
    seed : of every random choice.
    """

    trees: Mapping[str, float] = field(default_factory=dict)
    one_way: bool = True
    calibration: Literal["auto", "logistic", "beta", "spline"] = "auto"
    features: tuple[str, ...] = ()
    seed: int = 20240229

    def __post_init__(self) -> None:
        if self.calibration not in ("auto", *METHODS):
            known = ", ".join(("auto", *METHODS))
            raise TenureError(f'The calibration of a recipe must be one of {known}, not "{self.calibration}".')

    @classmethod
    def of(cls, outcome: str, seed: int) -> Recipe:
        """The recipe that an outcome starts with.

        What makes accounts grow is faint and adds up, so that shallow trees with large leaves see it better.
        """
        return cls({"max_depth": 2, "num_leaves": 4, "leaf_share": 0.02} if outcome == "expansion" else {}, seed=seed)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and values, with every argument of the trees spelt out, so that defaults may change."""
        spelt = BoostedTrees().get_params() | dict(self.trees)
        kept = {name: value for name, value in spelt.items() if isinstance(value, (int, float))}
        kept.pop("seed", None)
        return {**dataclasses.asdict(self), "trees": kept, "features": list(self.features)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Recipe:
        """What `to_json` wrote.

        Raises
        ------
        TenureError : it names something that this version does not know.
        """
        defaults = BoostedTrees().get_params()
        known = {f.name for f in dataclasses.fields(cls)}
        trees = document.get("trees", {})
        unknown = sorted(set(document) - known) + sorted(set(trees) - set(defaults))
        if unknown:
            raise TenureError(f"This recipe names {unknown[0]}, which this version does not know; train again.")
        for name, value in trees.items():
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not isinstance(defaults[name], (int, float))
            ):
                raise TenureError(f"This recipe has {name} = {value!r}, which is no number; train again.")
        return cls(**{**document, "features": tuple(document.get("features", ()))})

    def inputs(self, columns: Iterable[object]) -> list[str]:
        """The model inputs among a dataset's columns, in their order.

        Raises
        ------
        TenureError : the recipe names one that is not there.
        """
        names = [str(name) for name in columns]
        if unknown := sorted(set(self.features) - set(names)):
            raise TenureError(
                f"The recipe names {unknown[0]}, which is no model input of this dataset; mind the spelling, the "
                "catalogue that it was loaded with, and that features which CSMs control are left out."
            )
        return [name for name in names if not self.features or name in self.features]

    def directions(self, outcome: str, catalogue: Catalogue = CATALOGUE) -> Mapping[str, int]:
        """By feature, 1 where more of it may only raise the margin, -1 where it may only lower it."""
        if not self.one_way or outcome != "churn":
            return {}
        return {feature.name: _BENT[feature.good] for feature in catalogue}

    def unfitted(self, **columns: Any) -> BoostedTrees:
        """Trees with this recipe's arguments, and those that say what their columns are."""
        arguments: dict[str, Any] = {**self.trees, **columns}
        return BoostedTrees(**arguments)
