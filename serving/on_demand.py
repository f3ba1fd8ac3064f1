"""On demand: rows of features in, the JSON of POST /score_features out, one result or error for each row."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from serving.answers import account_error, encode, plain, utc
from serving.champion import Champion
from serving.layout import INTERVAL
from serving.problems import ProblemError
from serving.requests import FeaturesRequest
from serving.rows import DeclaredFeature, FeatureRow, RowError, check_row
from training.kernel.drivers import with_rest
from training.kernel.rows import Columns

if TYPE_CHECKING:
    from serving.forecast import Forecast
    from serving.healths import Healths
    from success.health import Health

__all__ = ["columns_of", "explained_horizon", "feature_answer", "feature_answers", "figures_of", "health_of"]

_FAR = 36525  # days; a renewal beyond them is no date

logger = logging.getLogger("tenure.serving")


def feature_answer(
    champion: Champion,
    request: FeaturesRequest,
    declared: Mapping[str, DeclaredFeature],
    now: dt.datetime,
) -> bytes:
    """The body of POST /score_features: each row scored with the champions, or its own error.

    Raises
    ------
    ProblemError : 422, a horizon is to be explained that the champion of churn does not have.
    """
    (answer,) = feature_answers(champion, [request], declared, now)
    if isinstance(answer, Exception):
        raise answer
    return answer


def feature_answers(
    champion: Champion,
    requests: Sequence[FeaturesRequest],
    declared: Mapping[str, DeclaredFeature],
    now: dt.datetime,
) -> list[bytes | Exception]:
    """The answers of several requests, whose rows are scored together; each is what it would be alone.

    Most of what a single row costs is the call of the model, which takes four times as long as one row more in it.
    """
    checked: list[_Checked | Exception] = []
    for request in requests:
        try:
            checked.append(_checked(champion, request, declared, now))
        except Exception as error:  # one request must not fail its neighbours
            checked.append(error)
    for asked in {one.asked for one in checked if isinstance(one, _Checked)}:
        alike = [one for one in checked if isinstance(one, _Checked) and one.asked == asked]
        told = iter(_scored_or_alone(champion, [row for one in alike for row in one.rows.values()], asked))
        for one in alike:
            for place in one.rows:
                one.results[place] = next(told)
    return [one if isinstance(one, Exception) else _body_or_fault(champion, one, now) for one in checked]


class _Asked(NamedTuple):
    """How many drivers of each outcome, and of which horizon of churn."""

    explain: int
    horizon: int


class _Checked(NamedTuple):
    """A request whose rows were judged: `results` has the errors, and a place for each of `rows`."""

    asked: _Asked
    results: list[dict[str, Any]]
    rows: dict[int, FeatureRow]


def _checked(
    champion: Champion, request: FeaturesRequest, declared: Mapping[str, DeclaredFeature], now: dt.datetime
) -> _Checked:
    asked = _Asked(request.explain, explained_horizon(champion, request.horizon))
    results: list[dict[str, Any]] = []
    rows: dict[int, FeatureRow] = {}
    for place, raw in enumerate(request.rows):
        try:
            rows[place] = check_row(raw, declared, now.date())
            results.append({})
        except RowError as bad:
            account_id = raw.get("account_id") if isinstance(raw, dict) else None
            results.append(account_error(account_id, bad.kind, bad.detail))
    return _Checked(asked, results, rows)


def _body_or_fault(champion: Champion, one: _Checked, now: dt.datetime) -> bytes | Exception:
    try:
        return _body(champion, one, now)
    except Exception as error:  # one request must not fail its neighbours
        return error


def _body(champion: Champion, one: _Checked, now: dt.datetime) -> bytes:
    forecast = champion.forecast
    return encode(
        {
            "model_version": champion.version,
            "expansion_version": champion.expansion_version,
            "catalogue_hash": champion.catalogue_hash,
            "computed_at": utc(now),
            "horizons": list(forecast.churn.kernel.horizons),
            "drivers_horizon": one.asked.horizon,
            "interval": INTERVAL,
            "not_validated_in_time": forecast.not_validated,
            "results": one.results,
        }
    )


def explained_horizon(champion: Champion, asked: int | None) -> int:
    """The horizon of churn that is explained: the one that was asked for, else the headline.

    Raises
    ------
    ProblemError : 422, the champion of churn does not have it.
    """
    horizons = list(champion.forecast.churn.kernel.horizons)
    if asked is not None and asked not in horizons:
        raise ProblemError(
            422,
            "unknown-horizon",
            f"The champion, version {champion.version}, has no horizon of {asked} days; it has "
            f"{', '.join(map(str, horizons))}.",
            members={"horizons": horizons},
        )
    return asked or champion.forecast.headline


def columns_of(forecast: Forecast, rows: Sequence[Mapping[str, float | str]]) -> Columns:
    """Known values by feature as the kernels take them: float64 with NaN, and object columns of str with None."""
    columns: dict[str, np.ndarray] = {}
    for name, is_text in forecast.inputs.items():
        if is_text:
            columns[name] = np.array([row.get(name) for row in rows], dtype=object)
        else:
            columns[name] = np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
    return Columns(columns, len(rows))


def figures_of(forecast: Forecast, rows: Columns) -> list[dict[str, Any]]:
    """The figures of each row by name, as JSON can say them.

    Raises
    ------
    ArithmeticError : a probability of churn is not a number.
    """
    told = forecast.figure_columns(rows)
    if not all(np.isfinite(told[f"churn_{h}d"]).all() for h in forecast.churn.kernel.horizons):
        raise ArithmeticError("the model gave a probability that is not a number")
    columns = [column.tolist() for column in told.values()]
    return [
        {name: value if math.isfinite(value) else None for name, value in zip(told, values, strict=True)}
        for values in zip(*columns, strict=True)
    ]


def health_of(healths: Healths, rows: Columns, found: Health) -> list[dict[str, Any]]:
    """What score rows say of the health of each row, as JSON can say it."""
    columns = {name: column.tolist() for name, column in healths.columns(rows, found).items()}
    return [
        {name: None if isinstance(value, float) and math.isnan(value) else value
         for name, value in zip(columns, values, strict=True)}
        for values in zip(*columns.values(), strict=True)
    ]  # fmt: skip


def _scored_or_alone(champion: Champion, rows: list[FeatureRow], asked: _Asked) -> list[dict[str, Any]]:
    """Score rows together; should that fail, one by one, so that only the row at fault has an error."""
    if not rows:
        return []
    try:
        return _scored(champion, rows, asked)
    except Exception:  # one row must not fail its neighbours, whatever it made the model raise
        logger.exception("%d rows could not be scored together", len(rows))
    results = []
    for row in rows:
        try:
            results += _scored(champion, [row], asked)
        except Exception as error:  # the row at fault, alone with its own error
            logger.error("a row could not be scored (%s)", type(error).__name__)
            results.append(
                account_error(row.account_id, "not-scored", "The model failed on this row; the log says why.")
            )
    return results


def _scored(champion: Champion, rows: list[FeatureRow], asked: _Asked) -> list[dict[str, Any]]:
    forecast, healths = champion.forecast, champion.healths
    columns = columns_of(forecast, [row.values for row in rows])
    figures = figures_of(forecast, columns)
    health = healths.of(columns, healths.own(columns), alone=True) if healths else None
    said = health_of(healths, columns, health) if healths and health else [{} for _ in rows]
    names, categories = forecast.feature_names, forecast.categories
    results: list[dict[str, Any]] = []
    for row, found, healthy in zip(rows, figures, said, strict=True):
        probability = found[f"churn_{asked.horizon}d"]
        results.append(
            {
                "account_id": row.account_id,
                "as_of": row.as_of.isoformat(),
                "renews_on": _renews_on(row),
                **found,
                **healthy,
                "reading": champion.reading(probability, row.as_of, asked.horizon),
                "missing": [name for name in names if name not in row.values],
                "unseen": [
                    name
                    for name, known in categories.items()
                    if name in row.values and any(row.values[name] not in values for values in known)
                ],
            }
        )
    for outcome, model in forecast.models.items():
        prefix = "" if outcome == "churn" else f"{outcome}_"
        horizon = forecast.horizon_of(outcome, asked.horizon)
        drivers: Sequence[Sequence[Mapping[str, Any]]]
        # One more than is told says that there are others.
        count = asked.explain + 1
        drivers = forecast.drivers(model.kernel, columns, horizon, count) if asked.explain else [()] * len(rows)
        if healths and health and asked.explain and outcome == "churn":
            drivers = healths.told(drivers, health)
        for result, told in zip(results, drivers, strict=True):
            probability, typical = result[f"{outcome}_{horizon}d"], result[f"{prefix}typical_{horizon}d"]
            result[f"{prefix}drivers_horizon"] = horizon
            result[f"{prefix}drivers"] = (
                with_rest(plain(told[: asked.explain]), len(told) > asked.explain, probability, typical)
                if told and probability is not None
                else []
            )
    return results


def _renews_on(row: FeatureRow) -> str | None:
    """The day of the next renewal, where a row tells how far away it is."""
    days = row.values.get("days_to_renewal")
    if not isinstance(days, float) or not 0 <= days <= _FAR:
        return None
    return (row.as_of + dt.timedelta(days=int(days))).isoformat()
