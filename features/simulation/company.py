"""A made-up company: its tables as Tenure reads them, and the truth that only a simulation can know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError
from features.simulation.frame import write_table
from features.simulation.population import draw_population
from features.simulation.tables.accounts import accounts as accounts_table
from features.simulation.tables.accounts import milestones
from features.simulation.tables.activity import activity
from features.simulation.tables.billing import cards, invoices_and_payments
from features.simulation.tables.contracts import entitlements, subscriptions
from features.simulation.tables.support import surveys, tickets
from features.simulation.tables.usage import usage
from features.simulation.tables.users import people, users
from features.simulation.timeline import Timeline
from features.simulation.truth import describe, true_churn
from features.simulation.world import play

__all__ = ["Company", "simulate"]


@dataclass(frozen=True)
class Company:
    """What `simulate` returns.

    Parameters
    ----------
    tables : the tables of the data contract by name; dates are `datetime64[us]` midnights, times are in UTC.
    truth : account_id, as_of, p_churn_90d, notice_given, churned_90d; see `truth/README.md`.
    truth_error : (n,) Monte Carlo standard error of each p_churn_90d.
    null : whether churn and expansion depend on nothing.
    """

    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    truth_error: NDArray[np.float64]
    null: bool

    def write(self, folder: Path) -> None:
        """One Parquet file a table into `folder`, and `truth/churn.parquet` with its README beside them.

        Raises
        ------
        TenureError : the folder cannot be written.
        """
        folder = Path(folder)
        try:
            (folder / "truth").mkdir(parents=True, exist_ok=True)
            for name, rows in self.tables.items():
                write_table(rows, folder / f"{name}.parquet", name)
            write_table(self.truth, folder / "truth" / "churn.parquet", None)
            text = describe(self.truth, self.truth_error, self.null)
            (folder / "truth" / "README.md").write_text(text, encoding="utf-8")
        except OSError as error:
            raise TenureError(
                f"The company cannot be written to {folder} ({error.strerror}); check the path."
            ) from None


def simulate(
    accounts: int = 1500,
    months: int = 30,
    seed: int = 0,
    null: bool = False,
    start: dt.date = dt.date(2023, 1, 1),
    progress: Callable[[str, float], None] | None = None,
) -> Company:
    """Play a made-up company; the same arguments give the same bytes.

    Parameters
    ----------
    accounts : accounts in all, 60 % of them customers when the history begins.
    months : calendar months of history.
    seed : of everything random.
    null : churn and expansion hazards are one constant for every active account and day.
    start : first day of the history, no later than the 28th of its month.
    progress : called with what is being done and the share of it that is done, 0 to 1.

    Raises
    ------
    TenureError : an argument is out of range.
    """
    if accounts < 1 or accounts > 1_000_000:
        raise TenureError(f"A company needs between 1 and 1000000 accounts, not {accounts}; change --accounts.")
    if months < 1 or months > 240:
        raise TenureError(f"A history needs between 1 and 240 months, not {months}; change --months.")
    if seed < 0:
        raise TenureError(f"The seed must not be negative, and {seed} is; change --seed.")
    if start.day > 28:
        raise TenureError(f"The history cannot start on {start}; choose a day no later than the 28th.")
    timeline = Timeline(start, months)
    population = draw_population(accounts, timeline, seed)
    world = play(population, timeline, seed, null, progress)
    truth, error = true_churn(world, seed, progress)
    seen = activity(world)
    them = people(world, seen, seed)
    invoices, payments = invoices_and_payments(world, seen, seed)
    tables = {
        "accounts": accounts_table(world, seed),
        "users": users(world, them, seed),
        "subscriptions": subscriptions(world, seed),
        "usage": usage(world, seen, them, seed, progress),
        "entitlements": entitlements(),
        "milestones": milestones(world, seen, seed),
        "tickets": tickets(world, seen, them, seed),
        "invoices": invoices,
        "payments": payments,
        "cards": cards(world, seen, seed),
        "surveys": surveys(world, seen, them, seed),
    }
    return Company(tables, truth, error, null)
