"""Parts: rows of features in; what the models say of each, part by part, so that none fails another, out."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from features.catalogue import CATALOGUE
from serving.drafts import Drafts
from serving.forecast import Forecast
from serving.healths import Healths
from serving.layout import check_figures
from training.own import Own

__all__ = ["PART", "Told", "key_of", "told_of"]

PART = 1000
"""Rows of a part: seconds of work, which is what a scoring that is killed loses."""

logger = logging.getLogger("tenure.scoring")


class Told(NamedTuple):
    """What the models say of n rows.

    Attributes
    ----------
    frame : with the index of the rows: every figure of `Forecast.figures`; what `serving.healths` says of health; for
        each outcome its drivers at the horizon that is explained (`drivers`, `expansion_drivers`), all of them, as
        JSON; and error, why a model failed on a row. Figures of such a row are NaN; drivers without a probability, and
        the error of others, are None.
    resumed : rows that were there already.
    own : what health is made of, for those who compare it with earlier days; None without health, NaN where a model
        failed.
    """

    frame: pd.DataFrame
    resumed: int
    own: Own | None = None


_OWN = "own "
"""How the columns of a part begin that hold what each feature adds to the log-odds; no figure has a blank in it."""
_CALENDAR = "calendar"


def told_of(
    forecast: Forecast,
    rows: pd.DataFrame,
    drafts: Drafts | None = None,
    progress: Callable[[int, int], None] | None = None,
    size: int = PART,
    healths: Healths | None = None,
) -> Told:
    """Figures and drivers of every row, the same bytes whatever the size of the parts.

    Parameters
    ----------
    rows : of features, with account_id.
    drafts : where parts are kept, and looked for before they are worked out.
    progress : called with the number of rows done and in all, after each part.
    healths : what tells health; there is none without it.
    """
    parts, resumed = [], 0
    for start in range(0, max(len(rows), 1), size):
        part = rows.iloc[start : start + size]
        key = key_of(forecast, part, healths) if drafts else ""
        found = drafts.get(key) if drafts and key else None
        if found is not None:
            resumed += len(found)
            found = found.set_axis(part.index, axis=0).assign(error=None)
        else:
            found = _guarded(forecast, part, healths)
            if drafts and key and found["error"].isna().all():  # what failed may have been short of memory: try again
                drafts.put(key, found.drop(columns="error"))
        parts.append(found)
        if progress:
            progress(min(start + size, len(rows)), len(rows))
    whole = pd.concat(parts)
    for name in whole.columns[[dtype.kind == "O" for dtype in whole.dtypes]]:
        whole[name] = whole[name].where(whole[name].notna(), None)  # a row that failed has no other columns
    apart = [name for name in whole.columns if name.startswith(_OWN)]
    frame = whole[[*whole.columns.drop(["error", *apart]), "error"]]
    return Told(frame, resumed, _own(whole, healths) if healths else None)


def _own(whole: pd.DataFrame, healths: Healths) -> Own:
    """What the parts say of all rows, taken apart."""
    names = [f"{_OWN}{name}" for name in (*healths.gauge.scale.names, _CALENDAR)]
    told = whole.reindex(columns=names).to_numpy(dtype=np.float64)
    return Own(told[:, :-1], told[:, -1], healths.gauge.scale.anchors.base)


def key_of(forecast: Forecast, rows: pd.DataFrame, healths: Healths | None = None) -> str:
    """What tells a part and the models that it is given to from any other; empty where the models cannot be told."""
    digests = {outcome: model.digest for outcome, model in forecast.models.items()}
    if not all(digests.values()):
        return ""
    version, asked = metadata.version("tenure"), healths.digest if healths else ""
    told = ["tenure-draft-3", version, CATALOGUE.hash, digests, asked, len(rows), list(rows.columns)]
    digest = hashlib.sha256(json.dumps(told).encode())
    for name in rows.columns:
        values = rows[name].to_numpy()
        if values.dtype == np.float64:
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
        else:
            digest.update(json.dumps([None if v is None or v != v else str(v) for v in values.tolist()]).encode())
    return digest.hexdigest()


def _guarded(forecast: Forecast, rows: pd.DataFrame, healths: Healths | None) -> pd.DataFrame:
    """What the models say of some rows; where they fail, halves are tried, down to the row at fault."""
    try:
        return _said(forecast, rows, healths).assign(error=None)
    except Exception as error:  # one row must not fail its neighbours, whatever it made the model raise
        if len(rows) <= 1:
            logger.info("the models failed on an account", exc_info=error)
            return pd.DataFrame({"error": pd.Series(_why(error), rows.index, dtype=object)})
    half = len(rows) // 2
    return pd.concat([_guarded(forecast, rows.iloc[:half], healths), _guarded(forecast, rows.iloc[half:], healths)])


def _said(forecast: Forecast, rows: pd.DataFrame, healths: Healths | None) -> pd.DataFrame:
    """Figures, health and drivers of rows on which no model fails."""
    found = forecast.figures(rows)
    if not np.isfinite(found[[f"churn_{h}d" for h in forecast.churn.kernel.horizons]].to_numpy()).all():
        raise ArithmeticError("it gave a probability that is not a number")
    check_figures(pa.Table.from_pandas(found.assign(account_id=rows["account_id"]), preserve_index=False))
    texts = {}
    health = None
    if healths:
        own = healths.own(rows)
        health = healths.of(rows, own)
        parts = np.column_stack([own.attributions, own.calendar])
        names = [f"{_OWN}{name}" for name in (*healths.gauge.scale.names, _CALENDAR)]
        said = {name: pd.Series(x, rows.index, dtype=x.dtype) for name, x in healths.columns(rows, health).items()}
        found = pd.concat([found, pd.DataFrame(said), pd.DataFrame(parts, rows.index, names)], axis=1)
    for outcome, prefix in _prefixes(forecast).items():
        horizon = forecast.horizon_of(outcome, forecast.headline)
        drivers = forecast.drivers(forecast.models[outcome].kernel, rows, horizon)
        if healths and health and outcome == "churn":
            drivers = healths.told(drivers, health)
        p, typical = found[f"{outcome}_{horizon}d"].tolist(), found[f"{prefix}typical_{horizon}d"].tolist()
        told = [_text(*one) for one in zip(p, typical, drivers, strict=True)]
        texts[f"{prefix}drivers"] = pd.Series(told, index=rows.index, dtype=object)
    return found.assign(**texts)


def _text(p: float, typical: float, drivers: list[dict[str, Any]]) -> str | None:
    if math.isnan(p):
        return None
    gap = p - typical - math.fsum(driver["points"] for driver in drivers)
    if not abs(gap) <= 1e-9:
        raise ArithmeticError(f"its drivers miss the probability by {gap:.3g}")
    return json.dumps(drivers, allow_nan=False)


def _prefixes(forecast: Forecast) -> dict[str, str]:
    """By outcome, how its columns begin."""
    return {outcome: "" if outcome == "churn" else f"{outcome}_" for outcome in forecast.models}


def _why(error: Exception) -> str:
    """An error as one line that any database can hold."""
    lines = str(error).replace("\0", "").encode("utf-8", "replace").decode().splitlines()
    told = next((line.strip().rstrip(".") for line in lines if line.strip()), type(error).__name__)
    return f"The model failed on this account: {told[:200]}."
