"""Layout: a table in; the same with the score file's types out, or what is wrong with it.

One row an account: account_id, as_of, status, reason, name, segment, csm_id, plan, mrr, mrr_at_risk, renews_on; for
each horizon h of churn churn_<h>d with its _low and _high, typical_<h>d, involuntary_<h>d and expected_mrr_<h>d;
renewal_next; expansion_<h>d likewise with expansion_typical_<h>d, where expansion has a champion; reading, drivers and
drivers_horizon, expansion_drivers and expansion_drivers_horizon; stage, health and health_<dimension> with what they
are told against and what is apart from them, band; rule_health and what it is made of; the CSM's pulse; what health was
before and why it moved; its place on the call list; model_version, expansion_version, not_validated_in_time,
catalogue_hash, computed_at.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.feature import DIMENSIONS

__all__ = [
    "INTERVAL",
    "JSON_COLUMNS",
    "STATUSES",
    "OldLayoutError",
    "check_drivers",
    "check_figures",
    "checked",
    "headline_of",
    "horizons_of",
    "table_of",
]

STATUSES = ("ok", "stale", "insufficient_data", "notice_given", "churned", "error")

INTERVAL = "90 %, from the error of the calibration; the trees' own uncertainty is not in it"
"""What the columns _low and _high are; it stands beside them wherever they are handed out."""

_TYPES: dict[str, pa.DataType] = {
    "account_id": pa.string(),
    "as_of": pa.date32(),
    "status": pa.string(),
    "renews_on": pa.date32(),
    "renewal_next": pa.float64(),
    "mrr": pa.float64(),
    "mrr_at_risk": pa.float64(),
    "name": pa.string(),
    "segment": pa.string(),
    "reading": pa.string(),
    "drivers": pa.string(),
    "drivers_horizon": pa.int32(),
    "not_validated_in_time": pa.string(),
    "model_version": pa.string(),
    "expansion_version": pa.string(),
    "catalogue_hash": pa.string(),
    "computed_at": pa.timestamp("us", tz="UTC"),
    "reason": pa.string(),
}
_SOMETIMES: dict[str, pa.DataType] = {
    "expansion_drivers": pa.string(),
    "expansion_drivers_horizon": pa.int32(),
    "csm_id": pa.string(),
    **dict.fromkeys(("stage", "health_source", "health_stage", "health_cell", "band", "arm"), pa.string()),
    **dict.fromkeys(
        ("health_anchor", "points_to_double", "calendar_points", "plan_points", "no_data_points", "pulse",
         "health_before", "health_before_now", "change_customer", "change_stage", "change_data", "change_model",
         "change_calendar", "health_7d", "change_7d_customer", "change_7d_other", "health_28d"),
        pa.float64(),
    ),
    **dict.fromkeys(
        ("pulse_on", "health_before_on", "health_7d_on", "health_28d_on", "listed_since", "advocated_on", "churned_on"),
        pa.date32(),
    ),
    "list_rank": pa.int32(),
    **dict.fromkeys(("rule_scores", "moved", "tables"), pa.string()),
}  # fmt: skip
JSON_COLUMNS = ("rule_scores", "moved", "tables")
"""Columns whose text is JSON, and which are answered as what they say."""
_BY_HORIZON = {
    "churn": ("churn_{}d", "churn_{}d_low", "churn_{}d_high", "typical_{}d", "involuntary_{}d", "expected_mrr_{}d"),
    "expansion": ("expansion_{}d", "expansion_{}d_low", "expansion_{}d_high", "expansion_typical_{}d"),
}
_PROBABILITY = re.compile(r"(?:(?:churn|expansion)_\d+d(?:_low|_high)?|(?:expansion_)?typical_\d+d|involuntary_\d+d)")
_REVENUE = re.compile(r"expected_mrr_\d+d")
_HEALTH = re.compile(rf"(?:health|rule)_(?:{'|'.join(DIMENSIONS)})|health|rule_health")
"""50 is typical of the segment and stage where a model says it, and it is unclamped; from 0 to 100 where rules do."""


class OldLayoutError(ValueError):
    """A score file of the time when there was one horizon."""


def horizons_of(names: Iterable[str], outcome: str = "churn") -> list[int]:
    """The horizons that a score file has for an outcome, ascending.

    >>> horizons_of(["churn_90d", "churn_30d", "churn_30d_low", "typical_30d"])
    [30, 90]
    """
    return sorted(int(found[1]) for name in names if (found := re.fullmatch(rf"{outcome}_(\d+)d", name)))


def headline_of(table: pa.Table) -> int | None:
    """The horizon of the drivers; None where no model scored."""
    said = pc.drop_null(table.column("drivers_horizon")).to_pylist()
    return said[0] if said else None


def table_of(frame: pd.DataFrame, as_of: dt.date) -> pa.Table:
    """A day's scores as the score file has them: all that `checked` and `check_drivers` ask for holds.

    Raises
    ------
    ValueError : it is not a score file, and why.
    """
    # pyarrow's own conversion of times with a zone makes pandas 3.1 warn; `checked` puts the zone back.
    zoned = frame.select_dtypes("datetimetz").columns
    frame = frame.assign(**{name: frame[name].dt.tz_convert(None) for name in zoned})
    try:
        table = checked(pa.Table.from_pandas(frame, preserve_index=False), as_of)
        check_drivers(table)
    except (ValueError, TypeError, KeyError) as error:  # Arrow's and JSON's errors are among them
        raise ValueError(f"The scores of {as_of} are not a score file: {error}.") from error
    return table


def checked(table: pa.Table, as_of: dt.date) -> pa.Table:
    """The table with the declared types.

    Raises
    ------
    OldLayoutError : it is of the layout before this one.
    ValueError : it is not a score file, and how.
    """
    _require_columns(table.column_names)
    for place, name in enumerate(table.column_names):
        kind = _type_of(name)
        if kind is None:
            continue
        try:
            column = pc.cast(table.column(name), kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ValueError(f"its column {name} is not of type {kind} ({error})") from None
        field = pa.field(name, kind)
        if name.endswith(("_low", "_high")):
            field = field.with_metadata({"description": f"Interval of the probability: {INTERVAL}."})
        table = table.set_column(place, field, column)
    _check_rows(table, as_of)
    check_figures(table)
    return table


def check_figures(table: pa.Table) -> None:
    """What must hold within and between the figures of a row, whatever model wrote them.

    Raises
    ------
    ValueError : a figure lies outside its range, a curve falls or has gaps, an interval or a part does not fit it.
    """
    _check_range(table)
    _check_curves(table)


def check_drivers(table: pa.Table) -> None:
    """Whether each account's drivers add up to its probability at their horizon.

    Raises
    ------
    ValueError : they are absent, not readable, or miss it by more than 1e-9.
    """
    for prefix, outcome in (("", "churn"), ("expansion_", "expansion")):
        if f"{prefix}drivers" not in table.column_names:
            continue
        horizon = pc.max(table.column(f"{prefix}drivers_horizon")).as_py()
        if horizon is None:
            continue
        columns = (f"{outcome}_{horizon}d", f"{prefix}typical_{horizon}d", f"{prefix}drivers", "account_id")
        for p, typical, drivers, account in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
            if p is None:
                continue
            if typical is None or drivers is None:
                raise ValueError(f"account {account!r} has a probability but no typical probability or no drivers")
            gap = p - typical - math.fsum(driver["points"] for driver in json.loads(drivers))
            if not abs(gap) <= 1e-9:
                raise ValueError(f"the {prefix}drivers of account {account!r} miss its probability by {gap:.3g}")


def _require_columns(names: list[str]) -> None:
    churn, expansion = horizons_of(names), horizons_of(names, "expansion")
    if "drivers_horizon" not in names and {"account_id", "drivers", "model_version"} <= set(names) and churn:
        raise OldLayoutError("it was written by an earlier version, with one horizon and no intervals")
    wanted = [*_TYPES, *(name.format(h) for name in _BY_HORIZON["churn"] for h in churn or ("<days>",))]
    if expansion:
        wanted += [name.format(h) for name in _BY_HORIZON["expansion"] for h in expansion]
        wanted += ["expansion_drivers", "expansion_drivers_horizon"]
    if absent := [name for name in wanted if name not in names]:
        raise ValueError(f"it has no column {', '.join(absent)}")


def _type_of(name: str) -> pa.DataType | None:
    if any(pattern.fullmatch(name) for pattern in (_PROBABILITY, _REVENUE)):
        return pa.float64()
    known = _TYPES.get(name) or _SOMETIMES.get(name)
    return known or (pa.float64() if _HEALTH.fullmatch(name) else None)


def _check_rows(table: pa.Table, as_of: dt.date) -> None:
    if table.num_rows == 0:
        raise ValueError("it holds no account")
    for name in ("account_id", "as_of", "status", "computed_at"):
        if table.column(name).null_count:
            raise ValueError(f"its column {name} has empty cells")
    if pc.unique(table.column("as_of")).to_pylist() != [as_of]:
        raise ValueError(f"its rows speak from another day than {as_of}")
    if len(pc.unique(table.column("account_id"))) != table.num_rows:
        raise ValueError("an account appears in it twice")
    if foreign := set(pc.unique(table.column("status")).to_pylist()) - set(STATUSES):
        raise ValueError(f"it has an unknown status {min(foreign)!r}")
    lists = set(pc.unique(table.column("not_validated_in_time")).to_pylist()) - {None}
    if len(lists) > 1 or not all(isinstance(json.loads(text), list) for text in lists):
        raise ValueError("its column not_validated_in_time is not one JSON list of columns")
    for version, prefix in (("model_version", ""), ("expansion_version", "expansion_")):
        if len(set(table.column(version).to_pylist()) - {None}) > 1:
            raise ValueError("its rows come from more than one model")
        outcome = prefix.removesuffix("_") or "churn"
        horizons = horizons_of(table.column_names, outcome)
        if not horizons:
            continue
        said = set(table.column(f"{prefix}drivers_horizon").to_pylist()) - {None}
        if len(said) > 1 or not said <= set(horizons):
            raise ValueError(f"its column {prefix}drivers_horizon is not one of its horizons of {outcome}")
        if not said and _numbers(table, [f"{outcome}_{h}d" for h in horizons])[1].any():
            raise ValueError(f"it has probabilities of {outcome} but no {prefix}drivers_horizon")


def _check_range(table: pa.Table) -> None:
    for name in table.column_names:
        if _PROBABILITY.fullmatch(name) or name == "renewal_next":
            low, high = 0.0, 1.0
        elif name.startswith("rule_") and _HEALTH.fullmatch(name):
            low, high = 0.0, 100.0
        elif _REVENUE.fullmatch(name):
            low, high = 0.0, math.inf
        else:
            continue
        values = pc.drop_null(table.column(name)).to_numpy()
        if not ((values >= low) & (values <= high)).all():
            least = "below 0" if high == math.inf else f"outside 0 to {high:g}"
            raise ValueError(f"its column {name} has values {least}")


def _check_curves(table: pa.Table) -> None:
    def refuse(cells: np.ndarray, says: str) -> None:
        wrong = cells.any(axis=1)
        if wrong.any():
            account = table.column("account_id")[int(np.flatnonzero(wrong)[0])].as_py()
            raise ValueError(f"{says} (account {account!r})")

    for outcome in ("churn", "expansion"):
        horizons = horizons_of(table.column_names, outcome)
        if not horizons:
            continue
        p, there = _numbers(table, [f"{outcome}_{h}d" for h in horizons])
        refuse(there[:, None] & np.isnan(p), f"{outcome} is known at some horizons only")
        refuse(np.diff(p, axis=1) < 0, f"{outcome} falls as the horizon grows")
        low, _ = _numbers(table, [f"{outcome}_{h}d_low" for h in horizons])
        high, _ = _numbers(table, [f"{outcome}_{h}d_high" for h in horizons])
        refuse(
            (np.isnan(low) != np.isnan(p)) | (np.isnan(high) != np.isnan(p)),
            f"{outcome} and its interval are not known together",
        )
        refuse((low > p) | (p > high), f"the interval of {outcome} does not hold it")
        if outcome == "churn":
            involuntary, _ = _numbers(table, [f"involuntary_{h}d" for h in horizons])
            refuse(involuntary > p, "the involuntary part is more than churn")


def _numbers(table: pa.Table, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) values with NaN for null, and (n,) whether a row has any of them."""
    values = np.column_stack([table.column(name).to_numpy(zero_copy_only=False) for name in names])
    return values, ~np.isnan(values).all(axis=1)
