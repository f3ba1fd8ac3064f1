"""Definitions: how each figure of a report on CSMs is made, with its unit."""

from __future__ import annotations

from success.metric import Definition

__all__ = ["BY_NAME", "DEFINITIONS", "ROI"]

_REALISED_EXIT = "MRR on the period's last day of the accounts that count, by the share of each that the book has"
_EXPECTED_EXIT = "the same as it was expected on the period's first day"
_REALISED = "revenue of the period's days (MRR of a day / days in its month), by share; of a lost account until it left"
_EXPECTED = "the same as it was expected on the period's first day"
_LEAVING = "sum over accounts of share x the probability of having left by the period's end, as told on its first day"
_LEFT = "sum of the shares of accounts that left and had not come back by the end of the grace period"

ROI = Definition(
    "roi",
    "Return on the CSM (ROI)",
    "exit impact x gross margin / loaded cost; 1.0 breaks even",
    "multiple",
    "12 x (MRR on the period's last day - its expectation) x gross margin",
    "loaded cost of the CSM in the period",
)
DEFINITIONS = (
    Definition("accounts", "Accounts", "sum over accounts", "accounts", "accounts with a frozen expectation, by share"),
    Definition("mrr", "MRR at the start", "sum over accounts", "money", "MRR on the day before the period, by share"),
    Definition("expected_revenue", "Expected revenue", "sum over accounts", "money", _EXPECTED),
    Definition("realised_revenue", "Realised revenue", "sum over accounts", "money", _REALISED),
    Definition(
        "impact_revenue", "Impact on revenue", "realised revenue - expected revenue", "money", f"{_REALISED}; minus "
        f"{_EXPECTED}",
    ),
    Definition("expected_exit_mrr", "Expected MRR at the end", "sum", "money a month", _EXPECTED_EXIT),
    Definition("realised_exit_mrr", "MRR at the end", "sum", "money a month", _REALISED_EXIT),
    Definition(
        "impact_exit", "Exit impact", "12 x (MRR at the end - expected MRR at the end)", "money a year",
        f"{_REALISED_EXIT}; minus {_EXPECTED_EXIT}; times 12",
    ),
    Definition(
        "expected_over_realised", "Expected over realised", "expected revenue / realised revenue", "multiple",
        _EXPECTED, _REALISED,
    ),
    Definition("expected_churns", "Expected churns", "sum over accounts", "accounts", _LEAVING),
    Definition("churns", "Churns", "sum over accounts", "accounts", _LEFT),
    Definition("saves", "Saves", "expected churns - churns", "accounts", f"{_LEAVING}; minus {_LEFT}"),
    Definition(
        "saves_worth", "What the saves are worth", "12 x sum of stake x (probability of leaving - left)",
        "money a year", "what each account was expected to pay at the end if it stayed, times its probability of "
        "leaving, less 1 where it left",
    ),
    Definition(
        "expansion", "Expansion over expectation", "exit impact - what the saves are worth", "money a year",
        "12 x (MRR at the end - what was expected of an account that stays), over the accounts that stayed",
    ),
    Definition(
        "shift_exit", "Common shift of the exit impact", "lambda x expected losses + gamma x expected stays",
        "money a year", "what the exit impact would be had the book done as the books of all CSMs together",
    ),
    Definition(
        "remainder_exit", "Remainder of the exit impact", "exit impact - its common shift", "money a year",
        "exit impact, minus what all books have in common",
    ),
    Definition(
        "shift_revenue", "Common shift of the impact on revenue", "lambda x expected losses + gamma x expected stays",
        "money", "what the impact on revenue would be had the book done as the books of all CSMs together",
    ),
    Definition(
        "remainder_revenue", "Remainder of the impact on revenue", "impact on revenue - its common shift", "money",
        "impact on revenue, minus what all books have in common",
    ),
    ROI,
    Definition(
        "since_impact_exit", "Exit impact since the accounts were taken",
        "12 x (MRR where the CSM's part ends - its expectation on the day of the assignment)", "money a year",
        "MRR of every account ever assigned, on the period's last day, or when another CSM took it, or 0 where it "
        "left; minus what was expected of it when it was assigned; times 12",
    ),
    Definition(
        "shrunken", "Churns that did not come, drawn towards the average", "1 - (a + churns) / (a + expected churns)",
        "share", "a + churns; a is the larger the less CSMs differ, and counts by how likely it is",
        "a + expected churns, at the level of all CSMs' books together",
    ),
)  # fmt: skip
"""Of every figure in the report; loaded cost and gross margin are explained in `success.economics`."""
BY_NAME = {made.name: made for made in DEFINITIONS}
