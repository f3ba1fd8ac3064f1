from __future__ import annotations

import math

import numpy as np
import pytest

from training.sums import compare_sums, deciles


def test_sums_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(3)
    n = 500
    expected, came = rng.exponential(size=n), rng.exponential(size=n)
    expected[::17], came[::23] = np.nan, np.nan
    accounts = np.array([f"a{i}" for i in rng.integers(0, 90, n)], dtype=object)
    groups = rng.choice(np.array(["x", "y", "z"], dtype=object), n)
    for cut, error in ((None, 0.0), (groups, 0.2)):
        for found in compare_sums(expected, came, accounts, cut, error):
            e: dict[str, float] = {}
            r: dict[str, float] = {}
            rows = 0
            for i in range(n):
                if (found.group in ("all", groups[i])) and not math.isnan(expected[i] + came[i]):
                    e[accounts[i]] = e.get(accounts[i], 0.0) + expected[i]
                    r[accounts[i]] = r.get(accounts[i], 0.0) + came[i]
                    rows += 1
            ratio = sum(r.values()) / sum(e.values())
            spread = math.sqrt(sum((r[a] - ratio * e[a]) ** 2 for a in e)) / sum(e.values())
            half = 1.6448536269514722 * math.hypot(spread, ratio * error)
            assert (found.rows, found.accounts) == (rows, len(e))
            assert (found.expected, found.realised) == pytest.approx((sum(e.values()), sum(r.values())))
            assert (found.ratio, found.low, found.high) == pytest.approx((ratio, max(ratio - half, 0), ratio + half))
            assert found.within == (found.low <= 1 <= found.high)


@pytest.mark.parametrize(
    ("amounts", "accounts", "rate", "error"),
    [(True, 400, 0.1, 0.0), (False, 400, 0.1, 0.0), (False, 400, 0.1, 0.1), (False, 60, 0.05, 0.0)],
    ids=["money", "counts", "counts and calibration error", "few counts"],
)
def test_the_interval_holds_what_it_says(amounts: bool, accounts: int, rate: float, error: float) -> None:
    """Of 800 histories with right probabilities, about 90 % have intervals around 1; accounts repeat three times."""
    rng = np.random.default_rng(6)
    owner, held = np.repeat(np.arange(accounts), 3), 0
    for _ in range(800):
        p = np.clip(rng.beta(2, 2 / rate - 2, accounts), 1e-3, 0.9)[owner]
        came = (rng.random(accounts)[owner] < p).astype(float)
        size = rng.exponential(size=accounts)[owner] if amounts else np.ones(len(owner))
        wrong = math.exp(rng.normal(0, error))
        (found,) = compare_sums(p * size * wrong, came * size, owner, None, error, counts=not amounts)
        held += found.within
    assert 0.86 < held / 800 < (0.94 if accounts > 100 else 0.98)


def test_a_few_events_and_none_have_intervals_that_mean_something() -> None:
    owner = np.arange(200)
    none = compare_sums(np.full(200, 0.01), np.zeros(200), owner, counts=True)[0]
    assert (none.ratio, none.low) == (0, 0)
    assert none.high == pytest.approx(-math.log(0.05) / 2)  # at 3 expected, none is just believable
    assert none.within
    assert not compare_sums(np.full(200, 0.05), np.zeros(200), owner, counts=True)[0].within


def test_nothing_expected_or_nothing_known_is_said_so() -> None:
    (found,) = compare_sums(np.zeros(3), np.ones(3), np.arange(3), counts=True)
    assert math.isnan(found.ratio)
    assert not found.within
    (found,) = compare_sums(np.full(3, np.nan), np.ones(3), np.arange(3), counts=True)
    assert (found.rows, found.expected) == (0, 0)
    assert compare_sums(np.full(3, np.nan), np.ones(3), np.arange(3), np.array(["a"] * 3, dtype=object)) == []


def test_deciles_are_tenths_by_rank() -> None:
    p = np.random.default_rng(0).random(1003)
    names = deciles(p)
    assert sorted(set(names)) == ["01 (lowest)", *(f"{t:02d}" for t in range(2, 10)), "10 (highest)"]
    assert set(np.unique(names, return_counts=True)[1]) <= {100, 101}
    assert p[names == "01 (lowest)"].max() < p[names == "02"].min()
    assert len(deciles(np.zeros(0))) == 0
    assert len(set(deciles(np.full(20, 0.5)))) == 10
