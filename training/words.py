"""Words: a catalogue and the features that a model reads in; what its drivers are worded with out."""

from __future__ import annotations

from collections.abc import Iterable

from features.feature import Catalogue
from training.kernel.sentences import Wording, named_in

__all__ = ["words_of"]


def words_of(catalogue: Catalogue, names: Iterable[str]) -> dict[str, Wording]:
    """The wording of each named feature that is declared, and of those whose values these sentences tell.

    It goes with the model, so that whoever loads a version words its drivers as those who trained it did.
    """
    found: dict[str, Wording] = {}
    for name in names:
        if name in catalogue:
            found[name] = _wording(catalogue, name)
    for wording in list(found.values()):
        for other in named_in(wording):
            found.setdefault(other, _wording(catalogue, other))
    return found


def _wording(catalogue: Catalogue, name: str) -> Wording:
    feature = catalogue[name]
    return Wording(**{part: getattr(feature, part) for part in Wording._fields})
