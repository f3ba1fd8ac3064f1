"""Comparing: the paired difference is that of the definition, its reading says what the interval says."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from features.errors import TenureError
from training.comparing import Comparison, compare
from training.gate_checks import IN_TIME, Evidence
from training.resampling import account_counts


def evidence(p: np.ndarray, labels: np.ndarray, accounts: np.ndarray, horizon: int = 90) -> Evidence:
    day = np.full(len(p), np.datetime64(dt.date(2025, 1, 1)))
    segment = np.full(len(p), "all", dtype=object)
    return Evidence(horizon, IN_TIME, labels, accounts, day, segment, {"model": p}, cast("Any", None))


def judged(*found: Evidence) -> Any:
    """What `judge` returns, as far as it is looked at."""
    return {e.horizon: SimpleNamespace(evidence=lambda e=e: e) for e in found}


def drawn(seed: int, accounts: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, labels and accounts of three rows an account."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(accounts), 3)
    truth = np.clip(1 / (1 + np.exp(-rng.normal(-1.5, 1.2, accounts)[owner])), 0.01, 0.99)
    return truth, (rng.random(len(owner)) < truth).astype(float), owner


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 25))
def test_it_is_the_difference_over_resampled_accounts(seed: int, accounts: int) -> None:
    truth, labels, owner = drawn(seed, accounts)
    if len(set(labels)) < 2:
        return
    other = np.clip(truth + np.random.default_rng(seed + 1).normal(0, 0.1, len(truth)), 0.01, 0.99)
    [found] = compare(
        judged(evidence(truth, labels, owner)), judged(evidence(other, labels, owner)), resamples=20, seed=seed
    ).horizons
    assert found.log_loss == pytest.approx((log_loss(labels, truth), log_loss(labels, other)), abs=1e-12)
    assert found.auc == pytest.approx((roc_auc_score(labels, truth), roc_auc_score(labels, other)), abs=1e-12)
    losses, areas = [], []
    for counts in np.concatenate(list(account_counts(accounts, 20, len(owner), seed))):
        rows = np.repeat(np.arange(len(owner)), counts[owner].astype(int))
        y, first, second = labels[rows], truth[rows], other[rows]
        losses.append(np.mean(np.log(np.where(y == 1, first / second, (1 - first) / (1 - second)))))
        if 0 < labels[rows].sum() < len(rows):
            areas.append(roc_auc_score(labels[rows], other[rows]) - roc_auc_score(labels[rows], truth[rows]))
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(np.quantile(losses, [0.05, 0.95])))
    assert (found.auc_difference.low, found.auc_difference.high) == pytest.approx(
        tuple(np.quantile(areas, [0.05, 0.95])), abs=1e-9
    )
    assert (found.rows, found.accounts) == (3 * accounts, accounts)
    assert found.events == len(set(owner[labels == 1].tolist()))


def test_what_it_says_is_what_the_interval_says() -> None:
    truth, labels, owner = drawn(3)
    good, flat = evidence(truth, labels, owner), evidence(np.full(len(labels), labels.mean()), labels, owner)
    helps = compare(judged(flat), judged(good), what="The feature")
    hurts = compare(judged(good), judged(flat), what="The feature")
    same = compare(judged(good), judged(replace(good, predictions={"model": truth + 1e-12})), what="The feature")
    assert [c.horizons[0].verdict for c in (helps, hurts, same)] == ["helps", "hurts", "cannot be told"]
    one, other = helps.horizons[0].difference, hurts.horizons[0].difference
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    numbers = f"{-one.value:.4f} ({-one.high:.4f} to {-one.low:.4f})"
    assert str(helps) == f"The feature lowers the log loss at 90 days by {numbers}: it helps."
    assert str(hurts) == f"The feature raises the log loss at 90 days by {numbers}: it hurts."
    assert str(same).endswith("no difference can be told.")
    line = helps.to_frame().loc[90]
    assert (line["difference"], line["verdict"]) == (one.value, "helps")
    assert line["log_loss_second"] - line["log_loss_first"] == pytest.approx(one.value)


def test_dice_are_called_a_help_or_a_harm_one_time_in_ten() -> None:
    """Two forecasts that are as far from the truth, each in its own way; 90 % intervals hold 0 about nine times."""
    told = 0
    for seed in range(200):
        truth, labels, owner = drawn(seed, 150)
        rng = np.random.default_rng([seed, 1])
        one, other = (
            evidence(np.clip(truth * np.exp(rng.normal(0, 0.2, 150))[owner], 0.005, 0.995), labels, owner)
            for _ in range(2)
        )
        told += compare(judged(one), judged(other), resamples=200).horizons[0].verdict != "cannot be told"
    assert 8 <= told <= 36  # 20 expected of 200; beyond 3.5 standard errors


def test_horizons_are_those_of_both_and_backtests_are_taken_too() -> None:
    truth, labels, owner = drawn(5, 40)
    short, long = evidence(truth, labels, owner, 30), evidence(truth, labels, owner)
    assert [c.horizon for c in compare(judged(short, long), judged(long), resamples=20).horizons] == [90]
    backtests = {h: SimpleNamespace(judged=found) for h, found in judged(long).items()}
    assert isinstance(compare(cast("Any", backtests), judged(long), resamples=20), Comparison)
    with pytest.raises(TenureError, match=r"share no horizon: the first was judged at \[30\] days"):
        compare(judged(short), judged(long))


@pytest.mark.parametrize("what", ["labels", "accounts", "as_of", "rows"])
def test_other_rows_are_refused(what: str) -> None:
    truth, labels, owner = drawn(7, 40)
    one = evidence(truth, labels, owner)
    other = {
        "labels": replace(one, labels=1 - labels),
        "accounts": replace(one, accounts=owner + 1),
        "as_of": replace(one, as_of=one.as_of + np.timedelta64(1, "D")),
        "rows": evidence(truth[1:], labels[1:], owner[1:]),
    }[what]
    with pytest.raises(TenureError, match="At 90 days these were not judged on the same rows: the first on 120"):
        compare(judged(one), judged(other))
