"""Ranking: rows ordered by risk in; AUC and what the riskiest rows hold out, for many resamples at once."""

from __future__ import annotations

import numpy as np

__all__ = ["Ranking"]


class Ranking:
    """n rows in descending order of probability, within each of B days or all together.

    Parameters
    ----------
    labels, p : (n,) of 0 and 1, and probabilities.
    owner : (n,) number of each row's account.
    day : (n,) number of each row's as_of day, 0 to B - 1, all of them present.
    values : by name, (n,) non-negative amounts that a churned row loses; `rows` counts them.

    Notes
    -----
    The order does not change from resample to resample, only the rows' weights do. So one running sum of the
    weights serves every question, and churned rows, which are few, are all that is summed besides. Equal
    probabilities form one group, and of a group across a border the share that fits is taken.
    """

    def __init__(
        self, labels: np.ndarray, p: np.ndarray, owner: np.ndarray, day: np.ndarray, values: dict[str, np.ndarray]
    ) -> None:
        order = np.lexsort((-p, day))
        p, day, churned = p[order], day[order], np.flatnonzero(labels[order] == 1)
        self._owner = owner[order]
        last = np.append((np.diff(p) != 0) | (np.diff(day) != 0), True)
        ends = np.flatnonzero(last)
        self._ends = ends if len(ends) < len(p) else None
        self._groups = len(ends)
        # Groups g with before[b] <= g < before[b + 1] belong to day b.
        self._before = np.searchsorted(day[ends], np.arange(day[-1] + 2))
        group = np.cumsum(last) - last
        self._churned_owner = self._owner[churned]
        self._churned_before = np.searchsorted(group[churned], np.arange(len(ends) + 1))
        self._values = {name: value[order][churned] for name, value in values.items()}
        self._holding, self._first = np.unique(group[churned], return_index=True)

    def hold(self, counts: np.ndarray) -> Held:
        """The running sums of a chunk of (c, accounts) resamples."""
        # `take` lays a resample's rows side by side, which counts[:, owner] does not: sums run 3x faster.
        resamples, churned = len(counts), counts.take(self._churned_owner, axis=1)
        # One sum over the whole chunk: it never falls, so that one search finds a border in every resample.
        reached = np.cumsum(counts.take(self._owner, axis=1).ravel()).reshape(resamples, -1)
        if self._ends is not None:
            reached = reached[:, self._ends]
        lost = {
            name: np.concatenate([[0.0], np.cumsum((churned * value).ravel())]) for name, value in self._values.items()
        }
        return Held(self, churned, np.concatenate([[0.0], reached.ravel()]), lost)


class Held:
    """A ranking with the weights of c resamples."""

    def __init__(self, ranking: Ranking, churned: np.ndarray, reached: np.ndarray, lost: dict[str, np.ndarray]) -> None:
        self._of, self._churned, self._reached, self._lost = ranking, churned, reached, lost
        start = np.arange(len(churned))[:, None] * ranking._groups
        self._from = reached[start + ranking._before[None, :-1]]
        self.rows = reached[start + ranking._before[None, 1:]] - self._from

    def auc(self) -> np.ndarray:
        """(c,) share of pairs, one churned and one not, in the right order; all rows must be of one day."""
        of, weight = self._of, self._churned
        if len(of._first) < weight.shape[1]:
            weight = np.add.reduceat(weight, of._first, axis=1)
        reached = self._reached[1:].reshape(len(weight), of._groups)
        until = reached[:, of._holding] - self._from
        first = of._holding[0] == 0
        since = reached[:, of._holding - 1] - self._from
        if first:
            since[:, 0] = 0
        churned = np.cumsum(weight, axis=1)
        stayed_until, stayed_since = until - churned, since - (churned - weight)
        events = churned[:, -1]
        stayed = self.rows[:, 0] - events
        below = stayed[:, None] - 0.5 * (stayed_until + stayed_since)
        return np.einsum("ij,ij->i", weight, below) / (events * stayed)

    def lost(self, name: str) -> np.ndarray:
        """(c, B) what all churned rows of each day lose."""
        bounds = self._of._churned_before[self._of._before]
        found = self._lost[name][np.arange(len(self._churned))[:, None] * self._churned.shape[1] + bounds[None, :]]
        return found[:, 1:] - found[:, :-1]

    def caught(self, most: np.ndarray, *names: str) -> list[np.ndarray]:
        """For each name, (c, B): what the churned among the riskiest `most` (c, B) rows of each day lose."""
        of, width = self._of, self._churned.shape[1]
        start = np.arange(len(most))[:, None] * of._groups
        border = self._from + np.minimum(most, self.rows)
        # Group `place - 1` of the chunk is the first that reaches the border; a day without rows keeps its own.
        place = np.searchsorted(self._reached, border.ravel(), side="left").reshape(border.shape)
        place = np.clip(place, start + of._before[None, :-1] + 1, start + of._before[None, 1:])
        size = self._reached[place] - self._reached[place - 1]
        part = np.divide(border - self._reached[place - 1], size, out=np.zeros_like(border), where=size > 0)
        group = place - start
        offset = np.arange(len(most))[:, None] * width
        found = []
        for name in names:
            lost = self._lost[name]
            since = lost[offset + of._churned_before[group - 1]]
            until = lost[offset + of._churned_before[group]]
            found.append(since + part * (until - since) - lost[offset + of._churned_before[of._before[:-1]][None, :]])
        return found
