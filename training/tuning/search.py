"""The search: a dataset and a starting recipe in; trials of other recipes, and the best of them kept, out."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features.errors import TenureError
from features.settings import Settings
from training.dataset import Dataset
from training.evaluation import Difference
from training.evaluation.figures import difference_of
from training.plan import Plan, make_plan
from training.recipe import Recipe
from training.resampling import account_counts
from training.tracking import alone
from training.tuning.binned import Binned
from training.tuning.kept import Found, keep
from training.tuning.origins import Origin, cut_origins, untouched
from training.tuning.space import RANGES, propose, recipe_of, values_of
from training.tuning.study import finished, make_home, next_trial, open_study, quiet_optuna, store_in_plain_words

if TYPE_CHECKING:
    import optuna

__all__ = ["Progress", "Search", "Trial", "tune"]

_METHOD = 3
"""Raised whenever losses are computed in another way, so that trials of two ways never stand in one study."""
_COMPARED = 4
"""Complete trials that must be there before one is stopped early."""


@dataclass(frozen=True)
class Trial:
    """One recipe that was tried.

    Parameters
    ----------
    state : "complete", or "pruned" where it was stopped before the last origin.
    losses : mean log loss on each origin that it was tried on.
    values : what it tried, by name.
    seconds : how long it took.
    """

    number: int
    state: str
    losses: tuple[float, ...]
    values: dict[str, Any]
    seconds: float

    @property
    def value(self) -> float:
        """Mean over the origins that it was tried on."""
        return float(np.mean(self.losses)) if self.losses else float("nan")


@dataclass(frozen=True)
class Search:
    """A search for a recipe.

    Parameters
    ----------
    known_until : nothing that became known on or after this day was looked at; every holdout of a training on the same
        history begins on this day or later.
    horizon : days at which the recipes were compared.
    origins : first and last day of each stretch that was forecast, with its distinct accounts that had the event.
    trials : every finished one, also of an earlier run that this one took up.
    start, best : the recipe that the search started from, and the best of all.
    difference : log loss of the best less that of the start on the same rows, with its 90 % account-bootstrap interval
        and its upper 99.5 % bound; None where the best is the start.
    better : whether that bound is below 0, as the best of many is often best by chance; only then `tenure train` uses
        the best.
    taken_up : how many trials were there before.
    file : where the result is kept.
    """

    outcome: str
    known_until: dt.date
    horizon: int
    origins: tuple[tuple[dt.date, dt.date, int], ...]
    trials: tuple[Trial, ...]
    start: Recipe
    best: Recipe
    difference: Difference | None
    better: bool
    taken_up: int
    study: str
    file: Path

    @property
    def starting(self) -> Trial:
        """The trial of the starting recipe."""
        return self.trials[0]

    @property
    def leading(self) -> Trial:
        """The best of the trials that were tried on every origin."""
        return _leading(self.trials)

    @property
    def recipe(self) -> Recipe:
        """The recipe to train with."""
        return self.best if self.better else self.start

    def to_frame(self) -> pd.DataFrame:
        """One line a trial: number, state, value, seconds, and what it tried as param_<name>."""
        return pd.DataFrame(
            [
                {
                    "number": trial.number,
                    "state": trial.state,
                    "value": trial.value,
                    "seconds": trial.seconds,
                    **{f"param_{name}": value for name, value in trial.values.items()},
                }
                for trial in self.trials
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, text and floats."""
        return {
            "outcome": self.outcome,
            "known_until": self.known_until.isoformat(),
            "horizon": self.horizon,
            "origins": [[str(first), str(last), events] for first, last, events in self.origins],
            "trials": [{**dataclasses.asdict(trial), "value": trial.value} for trial in self.trials],
            "starting_log_loss": self.starting.value,
            "best_log_loss": self.leading.value,
            "best_trial": self.leading.number,
            "difference": dataclasses.asdict(self.difference) if self.difference else None,
            "better": self.better,
            "taken_up": self.taken_up,
            "study": self.study,
            "recipe": self.recipe.to_json(),
            "file": str(self.file),
        }


Progress = Callable[[Sequence[Trial], int], None]
"""Called with the finished trials and how many there are to be, before the first and after every trial."""


def tune(
    dataset: Dataset,
    settings: Settings,
    home: Path,
    *,
    outcome: str = "churn",
    trials: int = 30,
    minutes: float | None = None,
    start: Recipe | None = None,
    tracked: bool = True,
    progress: Progress = lambda done, total: None,
) -> Search:
    """Search for a recipe that forecasts better, on what was known before the first day of any holdout.

    Trials are kept under the home as they finish: whoever was stopped goes on where it was, with the same trials as if
    it had not been. Without a time budget the same dataset, settings and number give the same search.

    Parameters
    ----------
    trials : how many there are to be, those of an earlier run included.
    minutes : no trial begins later than that; at least the starting recipe is tried.
    start : the first trial, what the others are compared with, and the source of what is not searched for.
    tracked : whether to log it to MLflow, each trial as a child of the search's run.

    Raises
    ------
    TenureError : there is too little to search on, with the numbers, or the home cannot be written.
    """
    began = time.monotonic()
    start = start or Recipe.of(outcome, settings.training.seed)
    plan = make_plan(dataset, outcome, settings)
    before = _before(plan)
    origins = cut_origins(dataset, outcome, plan.headline, before, settings.training.min_churned)
    binned = [Binned(dataset, origin, start) for origin in origins]
    name = _name(dataset, outcome, before, origins, start)
    with quiet_optuna(), threadpool_limits(1, user_api="blas"):
        make_home(home)
        with alone(Path(home), f"tuning-{outcome}.lock"), store_in_plain_words(home):
            study = open_study(home, name)
            done = [_trial(trial) for trial in finished(study)]
            taken_up = len(done)
            log = None
            if tracked:
                from training.tuning.tracked import SearchLog

                log = SearchLog(home, study, outcome, f"search for a recipe of {outcome}, known until {before}")
                log.trials(done)
            progress(done, trials)
            while len(done) < trials and not (done and _over(began, minutes)):
                _run(next_trial(study, values_of(start, outcome), start.seed), study, binned, start, outcome, done)
                done = [_trial(trial) for trial in finished(study)]
                if log:
                    log.trials(done)
                progress(done, trials)
            best = _recipe(start, _leading(done).values, outcome)
            # The start is the first that was finished, and not trial 0 where that one was killed.
            first = _leading(done) is done[0]
            difference = None if first else _difference(binned, start, best, settings)
            better = difference is not None and difference.upper < 0
            summary = tuple((o.held.as_ofs[0], o.held.as_ofs[-1], o.held.events) for o in origins)
            leading = _leading(done).value
            found = Found(
                outcome, before, best, better, plan.headline, len(done), leading, done[0].value, study.study_name
            )
            search = Search(
                outcome, before, plan.headline, summary, tuple(done), start, best, difference, better, taken_up,
                study.study_name, keep(home, found),
            )  # fmt: skip
            if log:
                log.finish(search)
    return search


def _before(plan: Plan) -> dt.date:
    found = untouched(plan)
    if found is None:
        raise TenureError(
            f"No horizon of {plan.outcome} is validated in time, so a search would choose by the rows that its recipe "
            "is judged on; bring more history."
        )
    return found


def _name(dataset: Dataset, outcome: str, before: dt.date, origins: Sequence[Origin], start: Recipe) -> str:
    """The same for the same question; another history, origin, starting recipe or space makes another study."""
    asked = [
        dataset.fingerprint,
        dataset.catalogue_hash,
        [[str(day) for day in (*o.train.as_ofs, *o.held.as_ofs)] for o in origins],
        [(len(o.train.labels), float(o.train.labels.sum()), float(o.held.labels.sum())) for o in origins],
        start.to_json(),
        RANGES,
        _METHOD,
    ]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
    return f"{outcome} known until {before} {digest}"


def _run(
    trial: optuna.Trial,
    study: optuna.Study,
    origins: Sequence[Binned],
    start: Recipe,
    outcome: str,
    done: Sequence[Trial],
) -> None:
    """Try one recipe, the earliest origin first, which is also the quickest; stop where the others were better."""
    import optuna

    recipe = _recipe(start, propose(trial, outcome), outcome)
    began = time.monotonic()
    losses: list[float] = []
    state, value = optuna.trial.TrialState.COMPLETE, None
    for place, binned in enumerate(origins):
        losses.append(float(binned.losses(recipe).mean()))
        if place + 1 < len(origins) and _worse(losses, done):
            state = optuna.trial.TrialState.PRUNED
            break
    else:
        value = float(np.mean(losses))
    trial.set_user_attr("took", {"losses": losses, "seconds": time.monotonic() - began})
    study.tell(trial, value, state=state)


def _worse(losses: Sequence[float], done: Sequence[Trial]) -> bool:
    """Whether the mean so far is above the median of the complete trials' means at the same origin.

    Optuna's MedianPruner would compare the best mean at any origin so far, and never stop who began well.
    """
    means = [float(np.mean(trial.losses[: len(losses)])) for trial in done if trial.state == "complete"]
    return len(means) >= _COMPARED and float(np.mean(losses)) > float(np.median(means))


def _recipe(start: Recipe, values: Mapping[str, Any], outcome: str) -> Recipe:
    """What a trial of these values fits: of the start's it is the start, also where that lies outside the space."""
    return start if values == values_of(start, outcome) else recipe_of(start, values)


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    took = frozen.user_attrs["took"]
    return Trial(frozen.number, frozen.state.name.lower(), tuple(took["losses"]), dict(frozen.params), took["seconds"])


def _leading(trials: Sequence[Trial]) -> Trial:
    return min((trial for trial in trials if trial.state == "complete"), key=lambda trial: (trial.value, trial.number))


def _difference(origins: Sequence[Binned], start: Recipe, best: Recipe, settings: Settings) -> Difference:
    """The best's loss less the start's, the mean over origins, with accounts resampled over all origins at once."""
    lost = [binned.losses(best) - binned.losses(start) for binned in origins]
    owners = np.concatenate([binned.origin.held.accounts for binned in origins])
    names, owner = np.unique(owners, return_inverse=True)
    place = np.repeat(np.arange(len(lost)), [len(part) for part in lost])
    sums, rows = np.zeros((len(names), len(lost))), np.zeros((len(names), len(lost)))
    np.add.at(sums, (owner, place), np.concatenate(lost))
    np.add.at(rows, (owner, place), 1.0)
    drawn = np.concatenate(
        [
            (counts @ sums / np.maximum(counts @ rows, 1.0)).mean(axis=1)
            for counts in account_counts(len(names), settings.training.bootstrap, len(owners), settings.training.seed)
        ]
    )
    return difference_of(float(np.mean([part.mean() for part in lost])), drawn)


def _over(began: float, minutes: float | None) -> bool:
    return minutes is not None and time.monotonic() - began >= 60 * minutes
