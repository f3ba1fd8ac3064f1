"""Books: whether intervals of whole books hold what came, who is called good, and how CSMs are ranked beside the truth.

Small made-up companies, each judged from one day on for the quarter and for the year that begin then, by models that
were learned on that day; once as they are and once with CSMs who are all equally good.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.prove.judged import ACCOUNTS, FEWEST, METHODS, MONTHS, TRAINED_ON, judged_books
from benchmarks.prove.record import PACKAGES, Record

__all__ = ["judge_books"]

PERIODS = ("2025Q1", "2025")
FIRST_SEED = 7000
"""The errors that baselines are given were chosen on companies of smaller seeds."""
COVERAGE = 0.90
RANKED_BY = (*METHODS, "book_change", "same_accounts", "true_forecast", "true_effect")


def judge_books(out: Path, seeds: int) -> bool:
    """Nine of ten intervals hold what came, and of CSMs who are all alike no more than one in ten is called otherwise.

    How CSMs are ranked stands beside naive rankings and beside what the true risks would tell; the study asks for
    nothing there.
    """
    about = (
        f"{ACCOUNTS} accounts, {MONTHS} months, models learned on {TRAINED_ON}: books of {FEWEST} accounts and more "
        f"over {' and '.join(PERIODS)}, with CSMs as they are and all equally good: the share whose 90 % interval of "
        "expected over realised holds 1, of revenue and of MRR at the end; the share called better or worse; and the "
        "rank correlation with true skill of the shrunken remainder (in money, in losses), of the change in the book's "
        "MRR, of what the same accounts pay over what they paid, and, as bounds, of losses over the true risks without "
        "any care and of the true risks over those; shares and means each with a standard error over companies"
    )
    record = Record(out / "judge-books.json", about, (*PACKAGES, "success", "serving/baselines"))
    numbers = range(FIRST_SEED, FIRST_SEED + 3 * seeds)
    runs = record.runs(_company, numbers)
    summary: dict[str, Any] = {"companies": len(runs)}
    for skill in ("as_they_are", "all_alike"):
        summary[skill] = {period: _summed([run[skill][period] for run in runs]) for period in PERIODS}
    record.close(numbers, summary)
    return all(
        summary[skill][period]["holds_revenue"][0] >= COVERAGE for skill in ("as_they_are", "all_alike")
        for period in PERIODS
    ) and all(summary["all_alike"][period]["called"][0] <= 1 - COVERAGE for period in PERIODS)  # fmt: skip


def _company(seed: int) -> dict[str, Any]:
    found = {"as_they_are": judged_books(seed, PERIODS, False), "all_alike": judged_books(seed, PERIODS, True)}
    return {
        skill: {period: _counted(books, skill == "as_they_are") for period, books in periods.items()}
        for skill, periods in found.items()
    }


def _counted(rows: pd.DataFrame, skilled: bool) -> dict[str, Any]:
    """What one company's books come to; `rightly`, of those called: their skill lies on that side of the mean."""
    whole, books = rows.iloc[0], rows.iloc[1:]
    books = books[books["accounts"] >= FEWEST]
    found: dict[str, Any] = {
        "books": len(books),
        "holds_revenue": int(books["holds_revenue"].sum()),
        "holds_exit": int(books["holds_exit"].sum()),
        "called": int((books["called"] != 0).sum()),
        "too_small": int(books["too_small"].sum()),
        "churns": float(whole["churns"]),
        "expected_churns": float(whole["expected_churns"]),
        "company_over": float(whole["over"]),
        "company_holds_revenue": bool(whole["holds_revenue"]),
        "company_holds_exit": bool(whole["holds_exit"]),
    }
    if skilled:
        side = np.sign(books["skill"] - whole["skill"])
        found["rightly"] = int(((books["called"] != 0) & (side == books["called"])).sum())
        found["rank_correlation"] = {name: _ranked(books, name) for name in RANKED_BY}
        found["nobody_ranked"] = {name: bool(books[name].nunique() < 2) for name in METHODS}
    return found


def _ranked(books: pd.DataFrame, name: str) -> float | None:
    """Spearman's correlation with skill; 0 where everybody stands alike, None where there is nothing to rank by."""
    known = books[[name, "skill"]].dropna()
    if known.empty:
        return None
    ranks = known.rank()
    return float(ranks[name].corr(ranks["skill"])) if ranks[name].nunique() > 1 else 0.0


def _summed(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {"books": sum(one["books"] for one in found)}
    for name in ("holds_revenue", "holds_exit", "called", "too_small"):
        told[name] = _share([one[name] for one in found], [one["books"] for one in found])
    for name in ("company_holds_revenue", "company_holds_exit"):
        told[name] = _share([one[name] for one in found], [1] * len(found))
    told["company_over"] = _mean([one["company_over"] for one in found])
    told["churns_over_expected"] = sum(one["churns"] for one in found) / sum(one["expected_churns"] for one in found)
    if "rightly" in found[0]:
        told["rightly_of_called"] = [sum(one[name] for one in found) for name in ("rightly", "called")]
        correlations = {name: [one["rank_correlation"][name] for one in found] for name in RANKED_BY}
        told["rank_correlation"] = {name: _mean(values) for name, values in correlations.items()}
        told["nobody_ranked"] = {name: sum(one["nobody_ranked"][name] for one in found) for name in METHODS}
    return told


def _share(counts: Sequence[float], of: Sequence[float]) -> list[float]:
    """A share of all books, and its standard error where the books of one company go together."""
    number, total = np.asarray(counts, dtype=np.float64), np.asarray(of, dtype=np.float64)
    share = float(number.sum() / total.sum())
    rest = number - share * total
    return [share, float(np.sqrt(np.sum(rest**2) * len(rest) / max(len(rest) - 1, 1)) / total.sum())]


def _mean(values: Sequence[float | None]) -> list[float] | None:
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if not len(known):
        return None
    return [float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")]
