"""Since: what became of the accounts that CSMs took in; each CSM's figure since then, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from success.phrases import counted, on_day, verb
from success.worth.chance import Errors, Interval, drawn, interval
from success.worth.figures import YEAR
from success.worth.parts import expected_of, sums
from success.worth.words import late_sentence, more, rate_sentence, within

__all__ = ["Since", "since_of"]


@dataclass(frozen=True)
class Since:
    """What became of every account that a CSM ever took in, against what was expected of it then.

    Parameters
    ----------
    accounts : assignments, of which some are still held, some left and some were handed over.
    first : the day of the earliest, ISO.
    expected, realised : MRR where the CSM's part ended, as expected at the assignment and as it was.
    impact : 12 x the difference.
    late, counted_from : assignments made before anything could be expected, and the day they count from, ISO.
    by_rate : assignments of which their segment's rate was expected, since there was no model then.
    """

    accounts: int
    held: int
    left: int
    handed_over: int
    first: str | None
    expected: float
    realised: float
    impact: Interval | None
    reconstructed: int
    late: int = 0
    counted_from: str | None = None
    by_rate: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, and a sentence."""
        nothing = {"value": None, "low": None, "high": None}
        return {
            "accounts": self.accounts,
            "held": self.held,
            "left": self.left,
            "handed_over": self.handed_over,
            "from": self.first,
            "expected_exit_mrr": round(self.expected, 2) + 0.0,
            "realised_exit_mrr": round(self.realised, 2) + 0.0,
            "impact_exit": nothing if self.impact is None else self.impact.to_json(),
            "reconstructed": self.reconstructed,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """The same in words."""
        if self.impact is None or self.first is None:
            return "There is no forecast from the day on which any of its accounts was taken."
        begun = pd.Timestamp(self.first).date()
        parts = [f"{self.held:,} {verb(self.held, 'is', 'are')} still held", f"{self.left:,} left"]
        if self.handed_over:
            parts.append(f"{self.handed_over:,} went to somebody else")
        told = (
            f"Of {counted(self.accounts, 'account')} taken since {on_day(begun)}, {', '.join(parts)}; a year of what "
            f"they pay is {more(self.impact.value)} was expected when each was taken ({within(self.impact)})."
        )
        if self.counted_from is not None:
            told += f" {late_sentence(self.late, pd.Timestamp(self.counted_from).date())}"
        return told + (f" {rate_sentence(self.by_rate)}" if self.by_rate else "")


def since_of(taken: pd.DataFrame) -> dict[str, Since]:
    """The figure of each CSM, with an interval from the frozen forecasts.

    Parameters
    ----------
    taken : as from `success.worth.taken.since_taken`.
    """
    if taken.empty:
        return {}
    csms, book = np.unique(taken["csm_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    p, expected, kept, sd = (taken[c].to_numpy(dtype=np.float64) for c in ("p", "expected", "kept", "sd"))
    exits = expected_of(p, expected, kept, sd)
    errors = Errors(*(taken[name].to_numpy(dtype=np.float64) for name in ("level_sd", "shock_sd", "growth_sd")))
    # Assignments of one account follow each other: each has its own days, and a fate of its own on them.
    own = np.arange(len(taken), dtype=np.int64)
    draws = drawn({"exit": exits}, errors, np.ones(len(taken)), own, book.astype(np.int64), len(csms))
    came = taken["realised"].to_numpy(dtype=np.float64)
    totals, realised = (sums(x, book.astype(np.int64), len(csms)) for x in (exits.total, came))
    made = {}
    for n, csm in enumerate(csms):
        rows = taken[book == n]
        outcomes = rows["outcome"].value_counts()
        late = rows[rows["late"]]
        by_chance = draws.loss["exit"][n] + draws.growth["exit"][n]
        made[str(csm)] = Since(
            len(rows),
            int(outcomes.get("held", 0)),
            int(outcomes.get("left", 0)),
            int(outcomes.get("handed_over", 0)),
            f"{rows['taken_on'].min():%Y-%m-%d}",
            float(totals[n]),
            float(realised[n]),
            interval(float(realised[n] - totals[n]), by_chance).times(YEAR),
            int(rows["reconstructed"].sum()),
            len(late),
            f"{late['base_on'].iloc[0]:%Y-%m-%d}" if len(late) else None,
            int((rows["source"] == "rate").sum()),
        )
    return made
