from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from features.errors import TenureError
from training.calibration import METHODS, choose


def straight(seed: int, rows: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    f = rng.normal(-2, 1.2, rows)
    return f, (rng.random(rows) < expit(f)).astype(float), np.arange(rows) % (rows // 3)


def test_where_a_line_is_right_it_is_mostly_chosen() -> None:
    chosen = [choose(*straight(seed), seed=1).fit.method for seed in range(6)]
    assert chosen.count("logistic") >= 5


def test_a_clear_bend_is_followed() -> None:
    rng = np.random.default_rng(3)
    f = rng.normal(-2, 1.5, 5000)
    y = (rng.random(f.size) < expit(-3 + 2.5 * np.logaddexp(0, 3 * (f + 2)) / 3)).astype(float)
    choice = choose(f, y, np.arange(f.size), seed=1)
    assert choice.fit.method == "spline"
    line = next(row for row in choice.table if row.method == "logistic")
    assert line.worse_by > 2 * line.standard_error


def test_the_table_holds_every_method_and_steps_cannot_win() -> None:
    choice = choose(*straight(20), seed=1)
    assert [row.method for row in choice.table] == [*METHODS, "isotonic", "venn_abers"]
    assert [row.method for row in choice.table if row.eligible] == list(METHODS)
    assert min(row.worse_by for row in choice.table if row.eligible) == 0
    assert all(np.isfinite([row.log_loss, row.standard_error]).all() for row in choice.table)


def test_losses_are_those_of_accounts_the_fit_has_not_seen() -> None:
    # Each account has a margin of its own and one fate; steps that had seen it would know the fate.
    rng = np.random.default_rng(5)
    accounts = np.repeat(np.arange(600), 8)
    f = rng.normal(-1, 1, 600)[accounts]
    y = (rng.random(600) < 0.3).astype(float)[accounts]
    isotonic = next(row for row in choose(f, y, accounts, seed=1).table if row.method == "isotonic")
    entropy = -(y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    assert isotonic.log_loss > entropy


def test_few_events_choose_nothing_and_very_few_are_refused() -> None:
    f, y, _ = straight(6)
    accounts = np.arange(f.size)
    events = np.flatnonzero(y == 1)
    for kept in (49, 20):
        rows = np.concatenate([events[:kept], np.flatnonzero(y == 0)])
        choice = choose(f[rows], y[rows], accounts[rows], seed=1)
        assert (choice.fit.method, choice.table, choice.churned) == ("logistic", (), kept)
    rows = np.concatenate([events[:50], np.flatnonzero(y == 0)])
    assert choose(f[rows], y[rows], accounts[rows], seed=1).table
    rows = np.concatenate([events, np.flatnonzero(y == 0)])
    with pytest.raises(TenureError, match="19 accounts that churned and needs at least 20"):
        choose(f[rows], y[rows], np.where(y[rows] == 1, rows % 19, rows + 100), seed=1)
    with pytest.raises(TenureError, match="0 accounts that stayed"):
        choose(f, np.ones(f.size), accounts, seed=1)


def test_the_same_seed_gives_the_same_choice() -> None:
    block = straight(7)
    assert choose(*block, seed=4).table == choose(*block, seed=4).table
