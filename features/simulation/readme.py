"""The text of truth/README.md: what is true of a made-up company, how exactly, and what was switched on."""

from __future__ import annotations

import numpy as np

from features.simulation.defects import Defect
from features.simulation.desk import CARE_KEEPS, CONFOUNDS_CHURN, EFFECT
from features.simulation.forecast import FAR_PAIRS, GROWTH, HORIZONS, PAIRS
from features.simulation.hazards import CARE_GROWS, WITHDRAWN
from features.simulation.options import Options
from features.simulation.prices import RISE
from features.simulation.truth import GRACE, Truth

__all__ = ["describe"]


def describe(truth: Truth, options: Options, planted: tuple[Defect, ...]) -> str:
    """The page, with the measured error of the probabilities."""
    listed = ", ".join(str(h) for h in HORIZONS)
    return f"""# What is true of this made-up company

These files are for judging models, never for training them. Each has one row per account and first day of a month
inside the history, while the account has an active paid subscription; h is one of {listed} days.

## churn.parquet

| column | means |
| --- | --- |
| account_id | the account |
| as_of | the day the row speaks from, a date |
| notice_given | a notice given before as_of stands: outside the cohort |
| p_churn_90d, p_churn_<h>d | probability that a voluntary or involuntary end falls into [as_of, as_of + h) and the \
account does not return within {GRACE} days, given its hidden state on that day, in the world with its CSMs; where \
notice was given, that it is not withdrawn ({100 * WITHDRAWN:g} % are) and its end comes in time |
| churned_90d, churned_<h>d | what happened: 1 or 0; empty where as_of + h + {GRACE} lies after the observed period |

## expansion.parquet

| column | means |
| --- | --- |
| p_expansion_<h>d | probability that MRR reaches {GROWTH} times what it was within h days and before the contract \
ends; empty under notice |
| expanded_<h>d | what happened; empty where as_of + h lies after the observed period, and under notice |

## counterfactual.parquet

The same company without a single touch, drawn from the same random numbers for the same account and week: `mrr` is of
this world and `mrr_without` of the other, on the eve of as_of, 0 where the account is no customer; likewise
`churned_90d`, `expanded_90d` and `p_churn_90d`. `p_churn_90d_without` is for an account in the same hidden state
that was never touched and never will be. `csm_id` looks after the account on as_of.

## skills.parquet

One row a CSM: `skill`; `accounts` looked after; `touches_answered`; `mrr_months_saved`, the sum over month starts of
mrr - mrr_without of the accounts looked after on that day; and at the end of the history `mrr_saved` and
`logos_saved`, by who looked after the account when the two worlds first parted.

{_error(truth, options)}
## What the touches do

{_care(options)}
## Prices

{_prices(options)}
{_planted(planted)}"""


def _error(truth: Truth, options: Options) -> str:
    if options.null:
        return "Every active account has the same constant hazards, so the probabilities are exact.\n"
    free = ~truth.churn["notice_given"].to_numpy()
    drawn, grown = truth.churn_error[free], truth.growth_error[free]
    if not len(drawn):
        return "No row without notice: nothing was drawn.\n"
    return f"""## How exact the probabilities are

{2 * PAIRS} futures of the hidden state a row, in antithetic pairs, of which {2 * FAR_PAIRS} go on beyond 90 days. Drawn
are mood, incidents, champions, cards and touches; integrated out are the decisions themselves, week by week. Future
touches come from a logistic curve of how often accounts in such a hidden state were reached in this company, not from
a replay of what will be recorded, so that an account in recorded trouble on as_of has a probability about 3 % (of
itself) too high. Who looks after which account when, and the days on which prices rise, are taken as known. Decisions
of one week are taken at the week's mean rate. Who withdraws a notice, or returns within {GRACE} days, may leave again
once the quarter that was promised is over.

Measured Monte Carlo standard error of `p_churn_90d` over {len(drawn)} rows without notice: mean {drawn.mean():.5f}, \
95th percentile {np.quantile(drawn, 0.95):.5f}, largest {drawn.max():.5f} (mean probability \
{truth.churn["p_churn_90d"][free].mean():.4f}); of `p_expansion_90d`: mean {grown.mean():.5f} (mean probability \
{truth.growth["p_expansion_90d"].mean():.4f}).
"""


def _care(options: Options) -> str:
    if options.null:
        return "Nothing: accounts are touched at random, and neither leaving nor growing depends on it.\n"
    told = (
        f"From the week after it, an answered touch takes {EFFECT:g} x the CSM's skill off the log of the voluntary "
        f"rate of leaving; {100 * CARE_KEEPS:g} % of that is left a week later. It adds {CARE_GROWS:g} times as "
        "much to the log rate of upgrades, and does nothing else: neither use nor mood. CSMs touch by what stood in "
        "the tables when the week began (use that fell, tickets, a failed payment, a detractor's answer, a new "
        "account), by touch model, and by chance; accounts of the control arm in `arms` are never touched. "
    )
    told += "All CSMs have skill 1. " if options.equal_skill else "Skill is 1 on average, between 0 and 2. "
    if options.hidden_confounding:
        told += (
            "Something that nobody records makes some accounts likelier both to be touched and to leave: "
            f"{CONFOUNDS_CHURN:g} of its standard deviation on the log rate of leaving. "
        )
    return told.strip() + "\n"


def _prices(options: Options) -> str:
    told = "" if options.null else f"List prices rise by {100 * (RISE - 1):.0f} % on the first of each March. "
    if options.price_rise is not None:
        month, factor = options.price_rise
        told += f"On the first day of month {month} they are multiplied by {factor:g}. "
    told = told or "List prices never change. "
    return (
        told + "New contracts pay them at once, the others from their next renewal on; both know from the first day.\n"
    )


def _planted(planted: tuple[Defect, ...]) -> str:
    if not planted:
        return ""
    return (
        f"\n## Defects\n\n{len(planted)} bad rows were planted; `defects.csv` lists them: table, row (its place in the "
        "file from 1, the header not counted) and the one rule that it breaks. All other rows are clean.\n"
    )
