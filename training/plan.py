"""The plan: a dataset and settings in; which horizons can be fitted, on which blocks and how validated, out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.errors import TenureError
from features.settings import Settings
from training.blocks import Blocks, cut_blocks, refit_blocks
from training.calibration import MIN_EVENTS
from training.dataset import Dataset, Labelled
from training.thirds import THIRDS, thirds

__all__ = ["BY_ACCOUNT", "IN_TIME", "Plan", "events_by_day", "make_plan", "require_events"]

IN_TIME = "in time"
BY_ACCOUNT = "folds by account"

_TOO_LITTLE = "There is too little to learn from"
_DESPITE = "Thirds of the accounts hold too few events as well."
_BORDERS = "Folds of accounts are not tried where the settings name the borders of the blocks."
_WORDS = {"churn": "churned", "expansion": "grew"}


@dataclass(frozen=True)
class Plan:
    """What can be fitted and judged.

    Parameters
    ----------
    horizons : that are fitted, ascending.
    blocks : by horizon, train, calibration and holdout; absent where the history is too short to validate in time.
    refit : by horizon that is validated in time, the blocks of the model that is registered, without a holdout.
    notes : by horizon, why it is not validated in time, or why it is not fitted at all.
    """

    outcome: str
    horizons: tuple[int, ...]
    blocks: dict[int, Blocks]
    refit: dict[int, Blocks]
    notes: dict[int, str]

    def validation(self, horizon: int) -> str:
        """How a horizon is judged."""
        return IN_TIME if horizon in self.blocks else BY_ACCOUNT

    @property
    def headline(self) -> int:
        """The horizon whose figures stand first: nearest to 90 days among those validated in time, if any is."""
        timed = [h for h in self.horizons if h in self.blocks] or list(self.horizons)
        return min(timed, key=lambda h: (abs(h - 90), h))


def make_plan(dataset: Dataset, outcome: str, settings: Settings) -> Plan:
    """Cut the blocks of every horizon, each with its own gap.

    A horizon for which the history is too short to be validated in time is fitted and validated by folds of accounts,
    and says so. One with too little to fit either way is left out, and so is one that hardly adds an event to the
    horizon before.

    Raises
    ------
    TenureError : no horizon can be fitted; with the numbers of the one nearest to 90 days that has too few events, or
        the time that the shortest one would need.
    """
    blocks: dict[int, Blocks] = {}
    refit: dict[int, Blocks] = {}
    notes: dict[int, str] = {}
    fitted: list[int] = []
    for horizon in dataset.targets[outcome].horizons:
        labelled = dataset.at(outcome, horizon)
        before = fitted[-1] if fitted else None
        try:
            found, last = _in_time(dataset, labelled, settings, before)
            blocks[horizon], refit[horizon] = found, last
        except TenureError as error:
            notes[horizon] = str(error)
            try:
                _require_by_account(dataset, labelled, settings, before)
            except TenureError as fewer:
                notes[horizon] = _why_not(str(error), str(fewer))
                continue
        fitted.append(horizon)
    if not fitted:
        # Too few events says more than a long horizon's too short history, which a shorter horizon would not mend.
        few = [h for h in notes if notes[h].startswith(_TOO_LITTLE)]
        nearest = min(few, key=lambda h: abs(h - 90)) if few else next(iter(notes))
        raise TenureError(notes[nearest])
    return Plan(outcome, tuple(fitted), blocks, refit, notes)


def _why_not(in_time: str, by_account: str) -> str:
    """Why a horizon is fitted neither way: the first reason, and the second where it says more."""
    if by_account not in (_DESPITE, _BORDERS):
        return by_account
    return in_time if in_time.startswith(_TOO_LITTLE) else f"{in_time} {by_account}"


def _in_time(dataset: Dataset, labelled: Labelled, settings: Settings, before: int | None) -> tuple[Blocks, Blocks]:
    """Blocks to judge on and blocks to fit again on, each with enough events.

    Raises
    ------
    TenureError : the history is too short, or holds too few events.
    """
    asked = settings.training
    found = cut_blocks(
        labelled.as_ofs,
        labelled.gap_days,
        dataset.known_on,
        first_day=dataset.first_day,
        warmup_days=asked.warmup_days,
        calibration_from=asked.calibration_from,
        holdout_from=asked.holdout_from,
        events=events_by_day(labelled),
        enough=_enough(labelled, asked.min_churned),
    )
    require_events(labelled, found, asked.min_churned)
    last = _refit(labelled, asked.min_churned)
    for cut in (found, last):
        _require_interval(dataset, labelled.on(cut.train), labelled.on(cut.calibration), before)
    return found, last


def _require_by_account(dataset: Dataset, labelled: Labelled, settings: Settings, before: int | None) -> None:
    """Whether thirds of the accounts hold enough.

    Raises
    ------
    TenureError : they do not.
    """
    needed = settings.training.min_churned
    if settings.training.calibration_from or settings.training.holdout_from:
        raise TenureError(_BORDERS)
    if not labelled.as_ofs:
        raise TenureError(_DESPITE)
    for fold in range(len(THIRDS)):
        parts = thirds(dataset, labelled, settings.training.seed, fold)
        if any(part.events < n for part, n in zip(parts, needed, strict=True)):
            raise TenureError(_DESPITE)
        _require_interval(dataset, parts[0], parts[1], before)


def require_events(labelled: Labelled, blocks: Blocks, needed: tuple[int, int, int]) -> None:
    """Refuse blocks with too few distinct accounts to which it happened.

    Raises
    ------
    TenureError : names the numbers found and needed for every block.
    """
    named = {"train": blocks.train, "calibration": blocks.calibration, "holdout": blocks.holdout}
    least = dict(zip(named, needed, strict=True))
    found = {name: labelled.on(days).events for name, days in named.items() if days}
    if all(count >= least[name] for name, count in found.items()):
        return
    figures = ", ".join(f"{count} of {least[name]} in {name}" for name, count in found.items())
    raise TenureError(
        f"{_TOO_LITTLE} at {labelled.horizon} days: distinct accounts that "
        f"{_WORDS[labelled.outcome]}, found and needed, are {figures}; bring more history, or lower [training] "
        "min_churned if you accept wider intervals."
    )


def _refit(labelled: Labelled, needed: tuple[int, int, int]) -> Blocks:
    """The latest matured days for calibration, as few as hold enough events and at least a fifth of all events."""
    days = labelled.as_ofs
    if not days:
        raise TenureError(
            f"No as_of day has a label at {labelled.horizon} days yet: one takes {labelled.gap_days} days to mature, "
            f"and the history is known from {labelled.first_day} until {labelled.known_on}."
        )
    by_day = events_by_day(labelled)
    total = sum(by_day.values())
    best: TenureError | None = None
    for count in range(min(2, len(days)), len(days) + 1):
        if count < len(days) and sum(by_day[day] for day in days[-count:]) < 0.2 * total:
            continue
        try:
            blocks = refit_blocks(days, labelled.gap_days, labelled.known_on, count)
            require_events(labelled, blocks, needed)
            return blocks
        except TenureError as error:
            best = best or error
    assert best is not None  # the loop ran at least once
    raise best


def _require_interval(dataset: Dataset, train: Labelled, calibration: Labelled, before: int | None) -> None:
    """The interval between two horizons needs events of its own, for its trees and for its calibration.

    Raises
    ------
    TenureError : it has too few.
    """
    target = dataset.targets[train.outcome]
    for name, part in (("train", train), ("calibration", calibration)):
        at_risk = np.ones(len(part.place), dtype=bool)
        if before is not None:
            at_risk = target.labels[part.place, target.place(before)] == 0
        new = part.only(at_risk & (part.labels == 1)).events
        others = len(np.unique(part.accounts[at_risk & (part.labels == 0)]))
        if new < MIN_EVENTS:
            raise TenureError(
                f"Between {before or 0} and {part.horizon} days only {new} accounts {_WORDS[part.outcome]} in {name}, "
                f"and {MIN_EVENTS} are needed; the horizon of {part.horizon} days is left out."
            )
        if others < MIN_EVENTS:
            raise TenureError(
                f"Of the accounts at risk between {before or 0} and {part.horizon} days only {others} did not do so in "
                f"{name}, and {MIN_EVENTS} are needed; the horizon of {part.horizon} days is left out."
            )


def events_by_day(labelled: Labelled) -> dict[dt.date, float]:
    found, counts = np.unique(labelled.as_of[labelled.labels == 1], return_counts=True)
    events = dict.fromkeys(labelled.as_ofs, 0.0)
    events.update({day.astype(object): float(count) for day, count in zip(found, counts, strict=True)})
    return events


def _enough(labelled: Labelled, needed: tuple[int, int, int]) -> Callable[[Blocks], bool]:
    churned = {
        day: set(labelled.accounts[(labelled.as_of == np.datetime64(day)) & (labelled.labels == 1)].tolist())
        for day in labelled.as_ofs
    }

    def enough(blocks: Blocks) -> bool:
        parts = (blocks.train, blocks.calibration, blocks.holdout)
        return all(
            len(set().union(*(churned[day] for day in days))) >= n for days, n in zip(parts, needed, strict=True)
        )

    return enough
