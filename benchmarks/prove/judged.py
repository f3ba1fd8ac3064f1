"""Judged: a made-up company in; what its books were said to be worth in a period, beside what is true, out."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.books import holders
from features.history import History
from features.ledger import Ledger, ledger_of
from features.settings import Settings, TrainingSettings
from features.simulation import Company, simulate
from serving.baselines.made import expected_of
from serving.baselines.wanted import pairs_of
from success.baselines import Expectation
from success.periods import Period
from success.worth import RoiInputs, gather
from success.worth.figures import Book, Books
from success.worth.holdings import holders_on, spans_of
from success.worth.standings import Method, shrunken, too_small, verdict

__all__ = ["FEWEST", "METHODS", "judged_books"]

ACCOUNTS = 900
MONTHS = 36
START = dt.date(2023, 1, 1)
TRAINED_ON = dt.date(2025, 1, 1)
UNTIL = dt.date(2026, 1, 1)
FEWEST = 10
"""Accounts below which a book is not looked at."""
METHODS: tuple[Method, ...] = ("money", "losses")
_DAY = dt.timedelta(1)
_CALLED = {"better": 1, "worse": -1}


def judged_books(seed: int, periods: tuple[str, ...], equal_skill: bool) -> dict[str, pd.DataFrame]:
    """By period, the books of a company whose models were learned on the day the periods begin.

    Returns
    -------
    csm_id ("" for all CSMs' books as one), skill (of all: the mean by accounts), accounts, mrr, churns,
    expected_churns, over (expected over realised revenue), holds_revenue and holds_exit (whether the 90 % interval of
    expected over realised holds 1, of revenue and of MRR at the end), called (1 better, -1 worse, 0 neither),
    too_small, remainder and remainder_sd (of the exit impact), and what CSMs could be ranked by: money and losses
    (shrunken; money_seen and losses_seen: whether CSMs are told apart at all), book_change (MRR at the end less that
    at the start), same_accounts (MRR at the end of who was there at the start, over what it was), true_forecast and
    true_effect.
    """
    settings = Settings(training=TrainingSettings(min_churned=(40, 20, 20)))
    company = simulate(ACCOUNTS, MONTHS, seed, start=START, equal_skill=equal_skill)
    with tempfile.TemporaryDirectory() as folder:
        company.write(Path(folder))
        history = History.open(Path(folder), settings, threads=1)
        expectation = _expected(history, settings)
        ledger = ledger_of(history, UNTIL)
        found = {}
        for name in periods:
            inputs = gather(history, Period.parse(name), UNTIL, expectation, Expectation.empty(), ledger)
            found[name] = _told(inputs, company, _changes(history, ledger, inputs))
    return found


def _expected(history: History, settings: Settings) -> Expectation:
    # The rest of the package takes seconds to load, in every process.
    from training.judges import learn_judges

    judges = learn_judges(history, settings, TRAINED_ON)
    wanted = pairs_of(holders(history, UNTIL), TRAINED_ON, UNTIL)
    return expected_of(history, lambda: (judges, None), TRAINED_ON, wanted, reconstructed=True)


def _changes(history: History, ledger: Ledger, inputs: RoiInputs) -> pd.Series:
    """By CSM, the MRR of the accounts held on the last day less that of the accounts held on the eve."""
    total: pd.Series = pd.Series(dtype=np.float64)
    for day, sign in ((inputs.until - _DAY, 1), (inputs.period.start - _DAY, -1)):
        paid = ledger.mrr_on(day).rename("mrr").rename_axis("account_id").reset_index()
        held = holders_on(
            spans_of(history, day, day + _DAY, inputs.as_of),
            paid["account_id"],
            pd.Series(np.full(len(paid), np.datetime64(day, "us"))),
        )
        total = total.add(sign * paid["mrr"].groupby(held).sum(), fill_value=0.0)
    return total


def _told(inputs: RoiInputs, company: Company, changes: pd.Series) -> pd.DataFrame:
    books = Books(inputs.rows)
    csms = [name for name in books.names if name]
    skill = company.skills.set_index("csm_id")["skill"]
    figures = {csm: books.book(csm) for csm in csms}
    rows = pd.DataFrame([_row(csm, figures[csm]) for csm in csms])
    rows["skill"] = rows["csm_id"].map(skill).astype(np.float64)
    for method in METHODS:
        ranking = shrunken(figures, method)
        rows[method] = rows["csm_id"].map(dict(zip(ranking.csms, ranking.figures.estimate, strict=True)))
        rows[f"{method}_seen"] = ranking.figures.seen
    rows["book_change"] = rows["csm_id"].map(changes).fillna(0.0)
    rows["same_accounts"] = [figures[csm].realised_exit_mrr / max(figures[csm].mrr, 1e-9) for csm in csms]
    rows = rows.merge(_known_truth(inputs, company), on="csm_id", how="left")
    whole = _row("", books.book(*csms)) | {"skill": float(np.average(rows["skill"], weights=rows["accounts"]))}
    return pd.concat([pd.DataFrame([whole]), rows], ignore_index=True)


def _row(csm: str, book: Book) -> dict[str, Any]:
    over = book.expected_over_realised
    return {
        "csm_id": csm,
        "accounts": book.accounts,
        "mrr": book.mrr,
        "churns": book.churns,
        "expected_churns": book.expected_churns,
        "over": np.nan if over is None else over.value,
        "holds_revenue": over is not None and not over.excludes(1.0),
        "holds_exit": not book.impact_exit.excludes(0.0),
        "called": _CALLED.get(verdict(book), 0) if csm else 0,
        "too_small": too_small(book),
        "remainder": np.nan if book.remainder_exit is None else book.remainder_exit.value,
        "remainder_sd": np.nan if book.remainder_sd is None else book.remainder_sd,
    }


def _known_truth(inputs: RoiInputs, company: Company) -> pd.DataFrame:
    """What could be told with the true risks of each account: true_forecast and true_effect by csm_id, of a quarter.

    true_forecast : 1 - churns / sum of the true probabilities of leaving were it never touched. It has no error but
        chance.
    true_effect : 1 - sum of the true probabilities of leaving / the same; not even chance.
    """
    if len(inputs.period.months) != 3:
        return pd.DataFrame({"csm_id": [], "true_forecast": [], "true_effect": []}).astype({"csm_id": object})
    pairs = company.counterfactual
    truth = pairs.loc[pairs["as_of"] == pd.Timestamp(inputs.period.start), ["account_id", "p_churn_90d",
                                                                           "p_churn_90d_without"]]  # fmt: skip
    rows = inputs.rows[["account_id", "csm_id", "share", "left"]].astype({"account_id": "str"})
    rows = rows.merge(truth.astype({"account_id": "str"}).dropna(), on="account_id")
    parts = rows[["left", "p_churn_90d", "p_churn_90d_without"]].astype(np.float64).mul(rows["share"], axis=0)
    by = parts.groupby(rows["csm_id"].astype(object)).sum()
    alone = by["p_churn_90d_without"].clip(lower=1e-9)
    return pd.DataFrame(
        {
            "csm_id": by.index.to_numpy(dtype=object),
            "true_forecast": (1 - by["left"] / alone).to_numpy(),
            "true_effect": (1 - by["p_churn_90d"] / alone).to_numpy(),
        }
    )
