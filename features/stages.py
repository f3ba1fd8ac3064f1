"""Stages: feature rows in; where each account stands in its life as a customer out."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from features.checks import STAGES
from features.practice import StageSettings

__all__ = ["STAGES", "FeatureRows", "stages_of"]

_MONTHLY = 1.5
"""Months: a subscription that renews as often as that is always about to renew, which says nothing."""
_CHANGE_DAYS = 180
"""Days that mrr_change_180d looks back."""
_ROUNDING = 1e-9
_CODES = np.array(STAGES, dtype=object)


class FeatureRows(Protocol):
    """A frame of features, or anything else that has columns of one length by name."""

    @property
    def columns(self) -> Any:
        """Names that can be looked for with `in`."""

    def __len__(self) -> int: ...

    def __getitem__(self, name: str, /) -> Any: ...


def stages_of(rows: FeatureRows, settings: StageSettings | None = None) -> np.ndarray:
    """The stage of each of n feature rows, (n,) of text.

    The first of these that holds: *onboarding* in the first `onboarding_days`, and twice as long where milestones are
    on record and none of them says that the account went live or reached a goal; *renewal* in the last `renewal_days`
    before the renewal of a term longer than a month; *expansion* where MRR has grown by `expansion_growth` within 180
    days, or plan or seats went up since a start less than 180 days ago; otherwise *adoption*.

    A value that is missing, or a column that is not there, makes nothing hold. Tenure counts from the first
    subscription, so a customer who returned is not onboarding again.

    Parameters
    ----------
    settings : the defaults when not given.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"tenure_days": [10, 400, 400], "days_to_renewal": [355, 30, 30]})
    >>> stages_of(rows.assign(term_months=[12, 12, 1])).tolist()
    ['onboarding', 'renewal', 'adoption']
    """
    settings = settings or StageSettings()
    tenure = _numbers(rows, "tenure_days")
    days = settings.onboarding_days
    onboarding = (tenure < days) | ((tenure < 2 * days) & _not_live(rows))
    renewal = (_numbers(rows, "term_months") > _MONTHLY) & (_numbers(rows, "days_to_renewal") < settings.renewal_days)
    # Upgrades are counted over a year; those of an account younger than half a year all lie in that half.
    upgraded = (_numbers(rows, "upgrades_365d") > 0) & (tenure <= _CHANGE_DAYS)
    grown = _numbers(rows, "mrr_change_180d") >= settings.expansion_growth - _ROUNDING
    code = np.select(
        [onboarding, renewal, grown | upgraded],
        [STAGES.index("onboarding"), STAGES.index("renewal"), STAGES.index("expansion")],
        STAGES.index("adoption"),
    )
    return np.asarray(_CODES[code])


def _not_live(rows: FeatureRows) -> np.ndarray:
    """(n,) whether milestones are on record and none says that the account went live."""
    if "days_to_first_value" not in rows.columns:
        return np.zeros(len(rows), dtype=bool)
    on_record = ~np.isnan(_numbers(rows, "milestones_reached_share")) | (_numbers(rows, "milestones_overdue") > 0)
    return np.isnan(_numbers(rows, "days_to_first_value")) & on_record


def _numbers(rows: FeatureRows, name: str) -> np.ndarray:
    """(n,) float64, NaN where a value is missing, everywhere where there is no such column."""
    if name not in rows.columns:
        return np.full(len(rows), np.nan)
    column = rows[name]
    if hasattr(column, "to_numpy"):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(column, dtype=np.float64)
