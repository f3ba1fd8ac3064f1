"""Feature and Catalogue: one declaration a feature, from which everything else about it follows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from features.algebra import Expression
from features.declaration import check_feature, check_words
from features.errors import TenureError

__all__ = ["DIMENSIONS", "Catalogue", "Feature"]

DIMENSIONS = (
    "adoption",
    "engagement",
    "support",
    "billing",
    "sentiment",
    "relationship",
    "growth",
    "contract",
)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature.

    Parameters
    ----------
    name : unique, a Python identifier.
    dimension : one of `DIMENSIONS`.
    measure : what is measured, in the algebra.
    unit : of the value, in words.
    show : how a value is written for people; the ways are those of `training.kernel.sentences.shown`.
    sentence : what a driver made of it reads as; `{value}` stands for the account's value and `{other_feature}` for
        another feature's, each written its own way.
    missing : what it means that there is no value, as a sentence a driver can use.
    topic : features on one topic make one driver together; the name itself when not given.
    good : whether a high or a low value is the good one, as far as one can say.
    low, high : bounds outside which a value sent from elsewhere cannot be right.
    actionable : whether a CSM can act on it.
    csm_controlled : whether CSMs control it; such features stay out of the models.
    kind : number or category.

    Raises
    ------
    TenureError : it names a table, column or way of writing that there is not, or contradicts itself.
    """

    name: str
    dimension: str
    measure: Expression
    unit: str
    show: str
    sentence: str
    missing: str
    topic: str = ""
    good: Literal["high", "low", "neither"] = "neither"
    low: float | None = 0
    high: float | None = None
    actionable: bool = False
    csm_controlled: bool = False
    kind: Literal["number", "category"] = "number"

    def __post_init__(self) -> None:
        check_feature(self)
        if self.dimension not in DIMENSIONS:
            known = ", ".join(DIMENSIONS)
            raise TenureError(f'Feature {self.name}: there is no dimension "{self.dimension}"; there are {known}.')

    @property
    def driver(self) -> str:
        """The driver this feature belongs to."""
        return self.topic or self.name


@dataclass(frozen=True)
class Catalogue:
    """All features, in the order of their columns.

    Raises
    ------
    TenureError : two features share a name, or a sentence speaks of a feature that is not there.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = [f.name for f in self.features]
        if len(set(names)) < len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise TenureError(f"Two features are called {twice}; give one of them another name.")
        for feature in self.features:
            check_words(feature, names)

    def with_(self, *more: Feature) -> Catalogue:
        """The same and more features, behind those of their dimension.

        Raises
        ------
        TenureError : as for a catalogue.
        """
        order = sorted((*self.features, *more), key=lambda feature: DIMENSIONS.index(feature.dimension))
        return Catalogue(tuple(order))

    def without(self, *names: str) -> Catalogue:
        """The same but for some features.

        Raises
        ------
        TenureError : one of them is not there, or another one's sentence speaks of it.
        """
        if unknown := [name for name in names if name not in self]:
            raise TenureError(f"There is no feature {unknown[0]} to leave out; see docs/features.md for what there is.")
        return Catalogue(tuple(feature for feature in self if feature.name not in names))

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {f.name: f for f in self.features}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every feature's name."""
        return tuple(f.name for f in self.features)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numeric features."""
        return tuple(f.name for f in self.features if f.kind == "number")

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Names of the categorical features."""
        return tuple(f.name for f in self.features if f.kind == "category")

    @cached_property
    def hash(self) -> str:
        """SHA-256 over what every feature measures; wording may change without a new model."""
        said = "\n".join(f"{f.name}|{f.kind}|{f.csm_controlled}|{f.measure!r}" for f in self.features)
        return hashlib.sha256(said.encode()).hexdigest()
