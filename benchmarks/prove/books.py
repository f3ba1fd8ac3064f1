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
_MANY, _ROOM = 30, 2.5
"""Of fewer companies than that chance decides on which side of nine of ten the shares fall: there they must not be
shown to be on the wrong one, by so many standard errors."""
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
    told = [summary[skill][period]["holds_revenue"] for skill in ("as_they_are", "all_alike") for period in PERIODS]
    called = [summary["all_alike"][period]["called"] for period in PERIODS]
    room = _ROOM if len(runs) < _MANY else 0.0
    return all(share + room * error >= COVERAGE for share, error in told) and all(
        share - room * error <= 1 - COVERAGE for share, error in called
    )


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
        known = [name for name in RANKED_BY if books[name].notna().any()]
        found["rank_correlation"] = {name: _ranked(books, name) for name in known}
        found["difference_seen"] = {name: bool(books[f"{name}_seen"].any()) for name in METHODS}
    return found


def _ranked(books: pd.DataFrame, name: str) -> float:
    """Spearman's correlation with skill; 0 where everybody stands alike."""
    ranks = books[[name, "skill"]].dropna().rank()
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
        correlations = [one["rank_correlation"] for one in found]
        told["rank_correlation"] = {name: _mean([one[name] for one in correlations]) for name in correlations[0]}
        told["difference_seen"] = {name: sum(one["difference_seen"][name] for one in found) for name in METHODS}
    return told


def _share(counts: Sequence[float], of: Sequence[float]) -> list[float]:
    """A share of all books, and its standard error where the books of one company go together."""
    number, total = np.asarray(counts, dtype=np.float64), np.asarray(of, dtype=np.float64)
    share = float(number.sum() / total.sum())
    rest = number - share * total
    return [share, float(np.sqrt(np.sum(rest**2) * len(rest) / max(len(rest) - 1, 1)) / total.sum())]


def _mean(values: Sequence[float]) -> list[float]:
    """A mean and its standard error."""
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return [float(np.mean(values)), error]
