"""What if: an account's stored features and changes to them in; what the champion says before and after, out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from serving.answers import encode, plain, utc
from serving.bodies import quoted
from serving.layout import horizons_of
from serving.on_demand import columns_of, explained_horizon, figures_of, health_of
from serving.problems import ProblemError
from serving.requests import WhatIfRequest
from serving.rows import DeclaredFeature, RowError, check_value
from success.change import absent_features
from training.kernel.drivers import EVERYTHING_ELSE
from training.kernel.figures import read_anyway

if TYPE_CHECKING:
    import datetime as dt

    from serving.champion import Champion
    from serving.store.reading import Row, Run

__all__ = ["SAYS", "what_if_answer"]

logger = logging.getLogger("tenure.serving")

SAYS = (
    "What the model would say of an account like that, not what will happen if you change it. Features that follow "
    "from a changed one, such as those per seat or per user, keep their values unless they are changed too."
)

Values = Mapping[str, float | str]


def what_if_answer(
    champion: Champion,
    run: Run,
    row: Row,
    features: Mapping[str, Any] | None,
    asked: WhatIfRequest,
    declared: Mapping[str, DeclaredFeature],
    now: dt.datetime,
) -> bytes:
    """The body of POST /what_if: both sides are scored anew, together, so that they differ by the changes alone.

    Parameters
    ----------
    run, row : the newest scores of the account.
    features : what its score was computed from, null where missing.
    declared : today's features, which changes are checked against.

    Raises
    ------
    ProblemError : 409, the account has no probability, or its features are not those that the champion reads; 422, a
        change is to no declared feature or to a value that it cannot have, or the champion has no such horizon.
    """
    horizon = explained_horizon(champion, asked.horizon)
    before = _snapshot(champion, run, row, features)
    changes = {name: _checked(declared, name, value) for name, value in sorted(asked.changes.items())}
    supposed = {name: value for name, value in changes.items() if value is not None}
    after = {name: value for name, value in before.items() if name not in changes} | supposed
    try:
        figures, told = _scored(champion, run, before, after, horizon)
    except Exception as error:  # whatever values far from all that was learned from make a library raise
        logger.exception("a row with changes could not be scored")
        raise ProblemError(409, "not-scored", "The model failed on this row; the log says why.") from error
    read = {name for model in champion.forecast.models.values() for name in read_anyway(model.kernel)}
    read.update(champion.forecast.feature_names)
    known = champion.forecast.categories
    return encode(
        {
            "account_id": row.account_id,
            "as_of": run.as_of.isoformat(),
            "model_version": champion.version,
            "expansion_version": champion.expansion_version,
            "catalogue_hash": champion.catalogue_hash,
            "computed_at": utc(now),
            "horizon": horizon,
            "says": SAYS,
            "before": figures[0],
            "after": figures[1],
            "changes": [{"feature": name, "from": before.get(name), "to": value} for name, value in changes.items()],
            "moved": _moved(
                told[0], told[1], figures[1][f"churn_{horizon}d"] - figures[0][f"churn_{horizon}d"], asked.explain
            ),
            "ignored": [name for name in changes if name not in read],
            "unseen": [n for n, value in supposed.items() if any(value not in values for values in known.get(n, ()))],
        }
    )


def _snapshot(champion: Champion, run: Run, row: Row, features: Mapping[str, Any] | None) -> dict[str, float | str]:
    """What is known of the account, as the models take it."""
    stored = json.loads(row.figures)
    if all(stored[f"churn_{h}d"] is None for h in horizons_of(stored)):
        reason = stored.get("reason") or f"Its status is {row.status}."
        raise ProblemError(409, "not-scored", f"This account has no probability to start from. {reason}")
    if features is None or run.catalogue_hash != champion.catalogue_hash:
        raise ProblemError(
            409,
            "snapshot-outdated",
            f"The scores of {run.as_of} were not computed from the features that the champion, version "
            f"{champion.version}, reads; run `tenure score` for that day again.",
            members={"run_catalogue_hash": run.catalogue_hash, "catalogue_hash": champion.catalogue_hash},
        )
    return {
        name: value if isinstance(value, str) else float(value) for name, value in features.items() if value is not None
    }


def _checked(declared: Mapping[str, DeclaredFeature], name: str, value: Any) -> float | str | None:
    if name not in declared:
        raise ProblemError(
            422, "unknown-feature", f"No feature of this name is declared: {quoted(name)}; see docs/features.md."
        )
    try:
        return None if value is None else check_value(declared[name], value)
    except RowError as bad:
        raise ProblemError(422, bad.kind, bad.detail, members={"feature": name}) from None


def _scored(
    champion: Champion, run: Run, before: Values, after: Values, horizon: int
) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """The figures of both sides with their readings, and all drivers of churn of both."""
    forecast, healths = champion.forecast, champion.healths
    columns = columns_of(forecast, [before, after])
    figures = figures_of(forecast, columns)
    if healths:
        tables = run.header.get("tables")
        lacking = absent_features(None if tables is None else frozenset(tables))  # as where the stored one was told
        healths = replace(healths, no_data=lacking)
        health = healths.of(columns, healths.own(columns))
        for found, healthy in zip(figures, health_of(healths, columns, health), strict=True):
            found.update(healthy)
    for found in figures:
        found["reading"] = champion.reading(found[f"churn_{horizon}d"], run.as_of, horizon)
    return figures, plain(forecast.drivers(forecast.churn.kernel, columns, horizon))


def _moved(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], difference: float, count: int
) -> list[dict[str, Any]]:
    """The drivers that differ, the largest difference first; where some are left out, one entry for all the others.

    A driver is matched by its topic: which of the topic's features leads it may change.
    """
    if not count:
        return []
    earlier = {_topic(driver): driver for driver in before}
    found = []
    for driver in after:
        other = earlier[_topic(driver)]
        found.append(
            {
                "feature": driver["feature"],
                "sentence_before": other["sentence"],
                "sentence_after": driver["sentence"],
                "points_before": other["points"],
                "points_after": driver["points"],
                "difference": driver["points"] - other["points"],
            }
        )
    found = [one for one in found if one["difference"] or one["sentence_before"] != one["sentence_after"]]
    found.sort(key=lambda one: (-abs(one["difference"]), one["feature"]))
    kept, rest = found[:count], found[count:]
    if rest:
        # By subtraction and not by adding up: so that all of them sum to the whole difference.
        kept.append(
            {
                "feature": None,
                "sentence_before": EVERYTHING_ELSE,
                "sentence_after": EVERYTHING_ELSE,
                "points_before": math.fsum(one["points_before"] for one in rest),
                "points_after": math.fsum(one["points_after"] for one in rest),
                "difference": difference - math.fsum(one["difference"] for one in kept),
            }
        )
    return kept


def _topic(driver: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(driver.get("features") or [driver["feature"]])
