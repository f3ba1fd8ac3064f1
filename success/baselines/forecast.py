"""Forecast: subjects of a day, their features and the judges in; what is expected of each, month by month, out."""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from typing import NamedTuple

import numpy as np
import pandas as pd

from success.baselines.expectation import MONTHS, SHARED, Expectation, Months
from success.baselines.rates import SPREAD_DAYS, Rates
from success.baselines.subjects import GRACE, NOTICE, SCORED
from success.periods import months_after
from training.judges import Judges
from training.kernel import Kernel
from training.kernel.curve import curve_of
from training.unforeseen import Unforeseen

__all__ = ["expect"]

_CHUNK = 2000
"""Rows whose days are held in memory at once."""


class _Days(NamedTuple):
    """(n, D) what is expected of n accounts on each of D days.

    Attributes
    ----------
    staying : probability of not having left by the end of the day.
    kept : MRR of who has not.
    """

    staying: np.ndarray
    kept: np.ndarray


def expect(
    subjects: pd.DataFrame,
    rows: pd.DataFrame,
    judges: Judges | None,
    rates: Rates,
    as_of: dt.date,
    *,
    grace_days: int,
    version: str | None = None,
    reconstructed: bool = False,
) -> Expectation:
    """What is expected of each subject over the next twelve months, from the first of a month on.

    Accounts of the cohort by the model of their CSM's group; those under notice by their end and the share of notices
    that were withdrawn; those in grace by the share that came back; those that no model speaks of by their segment's
    rate of leaving.

    Parameters
    ----------
    subjects : see `subjects_of`; an account may stand there once for each of several CSMs.
    rows : feature rows of `as_of`, with account_id.
    judges : None where there is no model: then everybody is expected by a rate.
    version : of the model, as it is to be told.

    Raises
    ------
    ValueError : `as_of` is not the first of a month.
    """
    if as_of.day != 1:
        raise ValueError("baselines are made for the first of a month")
    end = months_after(as_of, MONTHS)
    count = (end - as_of).days
    place = pd.Series(np.arange(len(rows)), index=rows["account_id"].astype(str)) if len(rows) else pd.Series(dtype=int)
    at = place.reindex(subjects["account_id"].astype(str)).to_numpy(dtype=np.float64, na_value=np.nan)
    modelled = (subjects["standing"] == SCORED).to_numpy() & ~np.isnan(at) & (judges is not None)
    source = np.where(modelled, "model", np.where(subjects["standing"] == SCORED, "rate", subjects["standing"]))
    left_out = np.full(len(subjects), fill_value=True)
    parts: list[tuple[np.ndarray, Months]] = []
    # What rates do not foresee of one account is seen in the same history; of all of them it is what is usual.
    usual = Unforeseen(0.2, 0.2, 0.02, {SPREAD_DAYS: rates.spread})
    unforeseen = judges.unforeseen if judges else usual
    noise, of_rates = (told.variance(np.arange(1, count + 1, dtype=np.float64)) for told in (unforeseen, usual))

    def add(places: np.ndarray, days: _Days, own: np.ndarray) -> None:
        mrr = subjects["mrr"].to_numpy(dtype=np.float64)[places]
        parts.append((places, _months(days, mrr, own, as_of)))

    if judges is not None:
        for kernel, seen, group in _by_kernel(subjects, modelled, judges):
            left_out[group] = seen
            for chunk in np.array_split(group, max(1, -(-len(group) // _CHUNK))):
                mrr = _mrr(subjects, chunk)
                curve = _by_model(kernel, rows.iloc[at[chunk].astype(int)], mrr, judges.tilt.factor(mrr), count)
                add(chunk, curve, noise)
    for standing in ("rate", NOTICE, GRACE):
        places = np.flatnonzero(source == standing)
        if len(places):
            some = subjects.iloc[places]
            days = {"rate": _by_rate, NOTICE: _by_notice, GRACE: _by_grace}[standing](
                some, rates, as_of, count, grace_days
            )
            add(places, days, of_rates if standing == "rate" else np.zeros(count))
    told = _told(subjects, source, left_out, as_of, version, reconstructed)
    errors = (unforeseen.level_sd, unforeseen.shock_sd, unforeseen.growth_sd)
    shared = pd.DataFrame({name: np.full(len(subjects), value) for name, value in zip(SHARED, errors, strict=True)})
    return Expectation(told, _in_place(parts, len(subjects)), shared)


def _mrr(subjects: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    return subjects["mrr"].to_numpy(dtype=np.float64)[places]


def _by_kernel(subjects: pd.DataFrame, modelled: np.ndarray, judges: Judges) -> list[tuple[Kernel, bool, np.ndarray]]:
    """The models, whether each leaves the book out, and the places of those that it judges."""
    found: dict[tuple[int, bool], tuple[Kernel, list[int]]] = {}
    for place in np.flatnonzero(modelled).tolist():
        kernel, seen = judges.kernel_of(subjects["csm_id"].iloc[place])
        found.setdefault((id(kernel), seen), (kernel, []))[1].append(place)
    return [(kernel, seen, np.array(places)) for (_, seen), (kernel, places) in found.items()]


def _told(
    subjects: pd.DataFrame, source: np.ndarray, left_out: np.ndarray, as_of: dt.date, version: str | None, late: bool
) -> pd.DataFrame:
    n = len(subjects)
    by_model = source == "model"
    return pd.DataFrame(
        {
            "account_id": pd.Series(subjects["account_id"].to_numpy(dtype=object), dtype=object),
            "csm_id": pd.Series(subjects["csm_id"].to_numpy(dtype=object), dtype=object),
            "kind": pd.Series(["period"] * n, dtype=object),
            "period": pd.Series([f"{as_of:%Y-%m}"] * n, dtype=object),
            "as_of": pd.Series([as_of] * n, dtype=object),
            "model_version": pd.Series([version if m else None for m in by_model], dtype=object),
            "source": pd.Series(source.astype(object), dtype=object),
            "reconstructed": np.full(n, late),
            "own_book_left_out": left_out,
            "segment": pd.Series(subjects["segment"].to_numpy(dtype=object), dtype=object),
            "mrr": subjects["mrr"].to_numpy(dtype=np.float64),
        }
    )


def _in_place(parts: list[tuple[np.ndarray, Months]], n: int) -> Months:
    whole = [np.full((n, MONTHS), np.nan) for _ in Months._fields]
    for places, months in parts:
        for target, values in zip(whole, months, strict=True):
            target[places] = values
    return Months(*whole)


def _by_model(kernel: Kernel, rows: pd.DataFrame, mrr: np.ndarray, tilt: np.ndarray, count: int) -> _Days:
    """The model's curve day by day; beyond its last horizon hazard and growth go on at the pace until then.

    Parameters
    ----------
    tilt : (n,) what cumulative hazards are multiplied with.
    """
    curve = curve_of(kernel, rows.reset_index(drop=True))
    days = np.arange(1, count + 1, dtype=np.float64)
    last = float(curve.ends[-1])
    inside = np.minimum(days, last)
    staying = (1 - curve.churn(inside)) ** (tilt[:, None] * np.maximum(days / last, 1))
    ratio = np.ones((len(mrr), count))
    if curve.ratios is not None:
        ratio = 1 + (curve.retained_ratio(inside) - 1) * np.maximum(days / last, 1)
    return _Days(staying, mrr[:, None] * np.maximum(ratio, 0))


def _by_rate(some: pd.DataFrame, rates: Rates, as_of: dt.date, count: int, grace_days: int) -> _Days:
    """Accounts that nothing more is known of than what their segment does."""
    hazard = np.array([rates.leaving_of(segment) for segment in some["segment"]])
    mrr = some["mrr"].to_numpy(dtype=np.float64)
    days = np.arange(1, count + 1)[None, :]
    grown = np.maximum(1 + rates.growth * days / SPREAD_DAYS, 0)
    return _Days(np.exp(-hazard[:, None] * days), mrr[:, None] * grown)


def _by_notice(some: pd.DataFrame, rates: Rates, as_of: dt.date, count: int, grace_days: int) -> _Days:
    """Accounts under notice stay until their end, and beyond it as often as notices were withdrawn."""
    ends = some["leaves_on"].astype("datetime64[us]").fillna(pd.Timestamp(as_of) + pd.Timedelta(days=rates.notice_days))
    until = (ends - pd.Timestamp(as_of)).dt.days.to_numpy(dtype=np.float64)
    day = np.arange(count)[None, :]
    staying = np.where(day < until[:, None], 1.0, rates.withdrawn)
    return _Days(staying, np.repeat(some["mrr"].to_numpy(dtype=np.float64)[:, None], count, axis=1))


def _by_grace(some: pd.DataFrame, rates: Rates, as_of: dt.date, count: int, grace_days: int) -> _Days:
    """Accounts in grace come back, evenly over the rest of it, as often as others did who got so far."""
    gone = (pd.Timestamp(as_of) - some["left_on"].astype("datetime64[us]")).dt.days.to_numpy(dtype=np.float64)
    rest = np.maximum(grace_days - gone, 1.0)
    part = rest / max(grace_days, 1)
    share = rates.returned * part / (1 - rates.returned * (1 - part))
    back = np.minimum(np.arange(1, count + 1)[None, :] / rest[:, None], 1.0)
    mrr = some["mrr"].to_numpy(dtype=np.float64)
    return _Days(np.repeat(share[:, None], count, axis=1), mrr[:, None] * back)


def _months(days: _Days, mrr: np.ndarray, noise: np.ndarray, as_of: dt.date) -> Months:
    """What is expected by the end of each month.

    An account that has left pays nothing any more, so that of two days the later decides whether both are paid:
    E[R^2] = sum over days d of x_d S_d (x_d + 2 sum of x_e over the days e before), with x the day's revenue of who has
    stayed and S the probability of that. What upgrades and downgrades add wanders like a random walk: over a time t its
    sum has a third of t^2 times its variance then.
    """
    lengths = [monthrange(day.year, day.month)[1] for day in (months_after(as_of, k) for k in range(MONTHS))]
    ends = np.cumsum(lengths) - 1
    paid = days.kept / np.repeat(lengths, lengths)[None, :]
    before = np.cumsum(paid, axis=1) - paid
    expected = np.cumsum(paid * days.staying, axis=1)
    second = np.cumsum(paid * days.staying * (paid + 2 * before), axis=1)
    staying, kept, own = days.staying[:, ends], days.kept[:, ends], mrr[:, None] ** 2 * noise[ends][None, :]
    time = np.arange(1, MONTHS + 1)[None, :]
    return Months(
        1 - staying,
        kept,
        expected[:, ends],
        np.cumsum(paid, axis=1)[:, ends],
        staying * (1 - staying) * kept**2 + staying * own,
        np.maximum(second - expected**2, 0)[:, ends] + staying * own * time**2 / 3,
    )
