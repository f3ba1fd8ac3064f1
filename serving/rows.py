"""Rows of POST /score_features: judges each against the declared features and says what it lacks."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from serving.bodies import quoted
from serving.requests import A_DAY, day_of

__all__ = ["DeclaredFeature", "FeatureRow", "RowError", "check_row", "check_value"]


class DeclaredFeature(Protocol):
    """What is read of a feature's declaration in the catalogue."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


class RowError(Exception):
    """A row that gets no score; the text says why."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


@dataclass(frozen=True)
class FeatureRow:
    """A row that can be scored.

    Parameters
    ----------
    values : float or str by feature name; features that were not sent or sent as null are absent.
    """

    account_id: str | None
    as_of: dt.date
    values: Mapping[str, float | str] = field(default_factory=dict)


def check_row(row: Any, declared: Mapping[str, DeclaredFeature], today: dt.date) -> FeatureRow:
    """Turn one element of `rows` into a row of known features.

    Raises
    ------
    RowError : not an object, a name that is not declared, a value of another type, not finite or outside the
        feature's plausible bounds, or no feature at all.
    """
    if not isinstance(row, dict):
        raise RowError("bad-row", "A row must be a JSON object of declared features.")
    account_id = row.get("account_id")
    if account_id is not None and not isinstance(account_id, str):
        raise RowError("bad-row", '"account_id" must be text.')
    as_of = _day(row.get("as_of"), today)
    unknown = sorted(name for name in row if name not in declared and name not in ("account_id", "as_of"))
    if unknown:
        shown = ", ".join(quoted(name) for name in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        raise RowError("unknown-feature", f"No feature of this name is declared: {shown}; see docs/features.md.")
    known = {name: value for name, value in row.items() if name in declared and value is not None}
    values = {name: check_value(declared[name], value) for name, value in known.items()}
    if not values:
        raise RowError("no-features", "The row holds no feature, so there is nothing to score.")
    return FeatureRow(account_id, as_of, values)


def _day(value: Any, today: dt.date) -> dt.date:
    if value is None:
        return today
    if day := day_of(value):
        return day
    raise RowError("bad-row", f'"as_of" must be {A_DAY}.')


def check_value(feature: DeclaredFeature, value: Any) -> float | str:
    """A value that is there, as the kernels take it.

    Raises
    ------
    RowError : of another type, not finite or outside the feature's plausible bounds.
    """
    if feature.kind == "category":
        if not isinstance(value, str):
            raise RowError("wrong-type", f"{feature.name} is a category: send text, or null where it is missing.")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RowError("wrong-type", f"{feature.name} is a number: send a number, or null where it is missing.")
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise RowError("wrong-type", f"{feature.name} must be finite: send null where it is missing.")
    if feature.low is not None and number < feature.low:
        raise RowError(
            "out-of-bounds",
            f"{feature.name} = {number:g} is below {feature.low:g}, the least that makes sense for it.",
        )
    if feature.high is not None and number > feature.high:
        raise RowError(
            "out-of-bounds",
            f"{feature.name} = {number:g} is above {feature.high:g}, the most that makes sense for it.",
        )
    return number
