"""A made-up company whose probabilities are known, month by month, with accounts that repeat until they leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.monitoring import Watched, make_reference

TRAINED = dt.date(2025, 1, 1)
WAIT = 60  # grace and lag, in days, beyond the horizon


class KnownKernel:
    """Probabilities from a risk that stands in the rows: 1 - (1 - risk) ** (horizon / 90)."""

    feature_names = ("risk", "plan", "noise")

    def __init__(self, horizons: tuple[int, ...] = (30, 90)) -> None:
        self.horizons = horizons

    def probabilities(self, rows: pd.DataFrame, horizon: int) -> np.ndarray:
        risk = rows["risk"].fillna(0.08).to_numpy(dtype=np.float64)
        return 1 - (1 - risk) ** (horizon / 90)


@dataclass(frozen=True)
class Panel:
    """Rows on the first of each month, and the day each row's account leaves."""

    table: pd.DataFrame
    leaves: np.ndarray

    def labels(self, day: dt.date, horizons: tuple[int, ...] = (30, 90)) -> dict[int, np.ndarray]:
        as_of = self.table["as_of"].to_numpy()
        found = {}
        for h in horizons:
            known = as_of + np.timedelta64(h + WAIT, "D") <= np.datetime64(day)
            found[h] = np.where(known, self.leaves < as_of + np.timedelta64(h, "D"), np.nan)
        return found


def make_panel(
    slots: int = 1200, months: int = 26, change: float = 1.0, changed_on: dt.date = TRAINED, seed: int = 0
) -> Panel:
    """Accounts leave as their risk says, `change` times as fast from a day on; a new one takes each one's place."""
    rng = np.random.default_rng(seed)
    first = dt.date(2024, 1, 1)
    starts = [dt.date(first.year + m // 12, m % 12 + 1, 1) for m in range(months)]
    frames, leaves, taken = [], [], slots
    ids, risk = np.arange(slots), rng.beta(1.2, 14, slots)

    def lifetimes(risks: np.ndarray, day: int) -> np.ndarray:
        # Time runs faster after the change: draw in risk's own time, and turn it into days.
        own = rng.exponential(1 / -(np.log1p(-risks) / 90))
        quiet = max((changed_on - first).days - day, 0)
        return day + np.where(own <= quiet, own, quiet + (own - quiet) / change)

    gone = lifetimes(risk, 0)
    for start in starts:
        day = (start - first).days
        while (left := gone <= day).any():
            count = int(left.sum())
            # As risky as the one before, or else careful customers would gather and the rate would fall.
            ids, gone = ids.copy(), gone.copy()
            ids[left] = np.arange(taken, taken + count)
            gone[left] = lifetimes(risk[left], day)
            taken += count
        frames.append(
            pd.DataFrame(
                {
                    "account_id": [f"a{i}" for i in ids],
                    "as_of": pd.Timestamp(start),
                    "risk": risk,
                    "plan": rng.choice(np.array(["basic", "pro"], dtype=object), slots),
                    "noise": rng.normal(size=slots),
                }
            )
        )
        leaves.append(np.datetime64(first) + np.floor(gone).astype("timedelta64[D]"))
    table = pd.concat(frames, ignore_index=True)
    table["plan"] = table["plan"].astype(object)
    return Panel(table, np.concatenate(leaves))


def make_watched(panel: Panel, horizons: tuple[int, ...] = (30, 90), reference: bool = True) -> Watched:
    kernel = KnownKernel(horizons)
    past = panel.table[panel.table["as_of"] <= pd.Timestamp(TRAINED)].reset_index(drop=True)
    as_of = past["as_of"].to_numpy().astype("datetime64[D]")
    rows = past[list(kernel.feature_names)]
    probabilities = {h: kernel.probabilities(rows, h) for h in horizons}
    accounts = past["account_id"].to_numpy(dtype=object)
    calibration = {}
    for h, labels in panel.labels(TRAINED, horizons).items():
        block = np.isfinite(labels[: len(past)]) & (as_of >= np.datetime64("2024-04-01"))
        calibration[h] = (labels[: len(past)][block], probabilities[h][block], accounts[block])
    made = make_reference(
        rows, probabilities, accounts, as_of, calibration=calibration, scored_from=dt.date(2024, 7, 1),
        tables=["subscriptions", "usage", "tickets"], holdout={90: {"log_loss": 0.25, "auc": 0.7}},
    )  # fmt: skip
    return Watched("3", TRAINED, kernel, made if reference else None, 100)


@pytest.fixture(scope="session")
def panel() -> Callable[..., Panel]:
    return make_panel


@pytest.fixture(scope="session")
def watch_panel() -> Callable[..., Watched]:
    return make_watched


@pytest.fixture(scope="session")
def quiet(panel: Any) -> Panel:
    """A company in which nothing changes."""
    made: Panel = panel()
    return made


@pytest.fixture(scope="session")
def upset(panel: Any) -> Panel:
    """The same, with churn 2.5 times as fast from the training day on."""
    made: Panel = panel(change=2.5)
    return made
