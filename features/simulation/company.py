"""A made-up company: its tables as Tenure reads them, and the truth that only a simulation can know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TenureError
from features.simulation.counterfactual import compare, skills
from features.simulation.defects import Defect, plant
from features.simulation.desk import draw_desk
from features.simulation.frame import write_csv, write_table
from features.simulation.options import Options
from features.simulation.population import draw_population
from features.simulation.readme import describe
from features.simulation.tables import observe
from features.simulation.tables.activity import activity
from features.simulation.terms import lay_out
from features.simulation.timeline import Timeline
from features.simulation.truth import true_outcomes
from features.simulation.world import play

__all__ = ["Company", "simulate"]


@dataclass(frozen=True)
class Company:
    """What `simulate` returns.

    Parameters
    ----------
    tables : the tables of the data contract by name; dates are `datetime64[us]` midnights, times are in UTC.
    truth : account_id, as_of, p_churn_90d, notice_given, churned_90d, and other horizons; see `truth/README.md`.
    truth_error : (n,) Monte Carlo standard error of each p_churn_90d.
    null : whether churn and expansion depend on nothing.
    expansion : account_id, as_of, p_expansion_<h>d, expanded_<h>d.
    counterfactual : each account and month start in this world and in one without touches.
    skills : each CSM's skill and what their touches saved.
    readme : the text of `truth/README.md`.
    defects : the bad rows that were planted; none unless asked for.
    """

    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    truth_error: NDArray[np.float64]
    null: bool
    expansion: pd.DataFrame = field(default_factory=pd.DataFrame)
    counterfactual: pd.DataFrame = field(default_factory=pd.DataFrame)
    skills: pd.DataFrame = field(default_factory=pd.DataFrame)
    readme: str = ""
    defects: tuple[Defect, ...] = ()

    def write(self, folder: Path) -> None:
        """One Parquet file a table into `folder`, and the truth with its README beside them.

        A table with a value that is none of its type is written as CSV, which can hold one.

        Raises
        ------
        TenureError : the folder cannot be written.
        """
        folder = Path(folder)
        truth = folder / "truth"
        as_csv = {defect.table for defect in self.defects if defect.rule == "wrong type"}
        try:
            truth.mkdir(parents=True, exist_ok=True)
            for name, rows in self.tables.items():
                if name in as_csv:
                    write_csv(rows, folder / f"{name}.csv")
                else:
                    write_table(rows, folder / f"{name}.parquet", name)
            write_table(self.truth, truth / "churn.parquet", None)
            for name, rows in (("expansion", self.expansion), ("counterfactual", self.counterfactual)):
                write_table(rows, truth / f"{name}.parquet", None)
            write_table(self.skills, truth / "skills.parquet", None)
            if self.defects:
                listed = [(d.table, d.row, d.rule) for d in self.defects]
                write_csv(pd.DataFrame(listed, columns=["table", "row", "rule"]), truth / "defects.csv")
            (truth / "README.md").write_text(self.readme, encoding="utf-8")
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
    *,
    hidden_confounding: bool = False,
    equal_skill: bool = False,
    price_rise: tuple[int, float] | None = None,
    defects: bool = False,
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
    hidden_confounding : something nobody records makes accounts both likelier to leave and likelier to be touched.
    equal_skill : every CSM has skill 1.
    price_rise : (month, factor): list prices are multiplied by the factor on the first day of this month, from 1.
    defects : bad rows of every rule are planted, and listed in `truth/defects.csv`.

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
    options = Options(null, hidden_confounding, equal_skill, price_rise)
    timeline = Timeline(start, months)
    if price_rise is not None:
        month, factor = price_rise
        if not 1 <= month <= len(timeline.month_starts()):
            raise TenureError(f"Prices cannot rise in month {month} of {months}; change --price-rise.")
        if not 0.1 <= factor <= 10:
            raise TenureError(f"Prices can change by a factor of 0.1 to 10, not {factor:g}; change --price-rise.")
    population = draw_population(accounts, timeline, seed)
    desk = draw_desk(population, timeline, seed, options)
    world = play(population, desk, timeline, seed, options, progress=progress)
    without = play(population, desk, timeline, seed, options, touches=False)
    seen, bare = activity(world), lay_out(without)
    truth = true_outcomes(world, seen.terms, seed, progress)
    pairs = compare(world, without, seen.terms, bare, truth)
    tables = observe(world, seen, seed, progress)
    planted: tuple[Defect, ...] = ()
    if defects:
        tables, planted = plant(tables, timeline, seed)
    return Company(
        tables=tables,
        truth=truth.churn,
        truth_error=truth.churn_error,
        null=null,
        expansion=truth.growth,
        counterfactual=pairs,
        skills=skills(world, pairs, seen.terms, bare),
        readme=describe(truth, options, planted),
        defects=planted,
    )
