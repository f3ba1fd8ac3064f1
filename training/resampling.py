"""Account bootstrap: account ids in, multinomial account counts out, and the spread of perfect calibration."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["account_counts", "account_means", "perfect_labels", "shared_uniforms"]

_CELLS = 100_000  # doubles held at once, 0.8 MB: larger arrays leave the processor cache and run 4x slower


def account_counts(accounts: int, resamples: int, rows: int, seed: int) -> Iterator[np.ndarray]:
    """How often each account is drawn, in chunks of (c, accounts) float64 whose rows each sum to `accounts`.

    The chunks are small enough that a (c, rows) array fits the memory meant for it; the same seed and sizes
    give the same draws.
    """
    rng = np.random.default_rng(seed)
    chunk = max(1, min(resamples, _CELLS // max(rows, accounts, 1)))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = rng.integers(0, accounts, size=(size, accounts)) + np.arange(size)[:, None] * accounts
        counts = np.bincount(drawn.ravel(), minlength=size * accounts)
        yield counts.reshape(size, accounts).astype(np.float64)


def account_means(
    accounts: np.ndarray, values: np.ndarray, weights: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Column sums of (n, c) values over those of (n, c) weights, on each resample of the accounts: (resamples, c)."""
    names, owner = np.unique(np.asarray(accounts), return_inverse=True)
    columns = np.column_stack([values, weights]).T
    sums = np.column_stack([np.bincount(owner, weights=column, minlength=len(names)) for column in columns])
    drawn = np.concatenate([counts @ sums for counts in account_counts(len(names), resamples, len(owner), seed)])
    c = values.shape[1]
    return np.asarray(drawn[:, :c] / np.maximum(drawn[:, c:], 1.0))


def shared_uniforms(
    accounts: np.ndarray, as_of: np.ndarray, horizon: int, draws: int, seed: int
) -> Iterator[np.ndarray]:
    """Uniform numbers, (n,), that an account's rows share as far as their label windows overlap.

    Two rows of an account whose windows overlap share an event as often as the windows overlap, so a row keeps
    the account's previous number with probability max(0, 1 - days between / horizon). Independent draws
    would make perfect calibration look better than repeated rows allow.
    """
    owner = np.unique(np.asarray(accounts), return_inverse=True)[1]
    days = np.asarray(as_of).astype("datetime64[D]").astype(np.int64)
    n = len(owner)
    order = np.lexsort((days, owner))
    owner, days = owner[order], days[order]
    apart = np.diff(days, prepend=days[:1])
    keep = np.clip(1 - apart / horizon, 0, 1)
    keep[np.diff(owner, prepend=-1) != 0] = 0
    rng = np.random.default_rng(seed)
    position = np.arange(n)
    for _ in range(draws):
        fresh = rng.random(n) >= keep
        source = np.maximum.accumulate(np.where(fresh, position, 0))
        uniform = np.empty(n)
        uniform[order] = rng.random(n)[source]
        yield uniform


def perfect_labels(
    p: np.ndarray, accounts: np.ndarray, as_of: np.ndarray, horizon: int, draws: int, seed: int
) -> Iterator[np.ndarray]:
    """Labels, (n,), as they would fall if every probability were right."""
    for uniform in shared_uniforms(accounts, as_of, horizon, draws, seed):
        yield (uniform < p).astype(np.float64)
